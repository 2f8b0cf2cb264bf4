"""The scorer ``unittest``: rows as BigCodeBench has them, written for this project."""

from __future__ import annotations

import shutil
from typing import Any

import pytest

from gapbench.errors import InputError
from gapbench.sandbox.packages import find_with_requirements
from gapbench.scoring import make_scorer
from gapbench.scoring.scorer import Scorer
from gapbench.values import Message, Sample, Text

PROMPT = '''import os
import random
def task_func(path, size=3):
    """
    Write so many random letters to a file, and return its size.
    """
'''
BODY = "    with open(path, 'w') as file:\n        file.write(''.join(random.choice('ab') for _ in range(size)))\n    return os.path.getsize(path)\n"
TEST = """import unittest
from unittest.mock import patch
class TestCases(unittest.TestCase):
    def setUp(self):
        self.path = "/tmp/letters"
    def test_size(self):
        self.assertEqual(task_func(self.path), 3)
    def test_letters(self):
        with patch("random.choice", return_value="z"):
            task_func(self.path, 2)
        with open(self.path) as file:
            self.assertEqual(file.read(), "zz")
    def test_none(self):
        self.assertEqual(task_func(self.path, 0), 0)
"""


def row(**changed: Any) -> dict[str, Any]:
    """Return a row with every column of the set."""
    return {
        "task_id": "BigCodeBench/0", "complete_prompt": PROMPT, "instruct_prompt": "Write letters.", "canonical_solution": BODY,
        "code_prompt": PROMPT.partition('    """')[0], "test": TEST, "entry_point": "task_func", "doc_struct": "{}",
        "libs": "['os', 'random']", **changed,
    }  # fmt: skip


def sample(**changed: Any) -> Sample:
    return Sample(sample_id="1", messages=(Message("user", (Text("q"),)),), columns=row(**changed))


@pytest.fixture(scope="module")
def scorer() -> Scorer:
    return make_scorer("unittest", {"timeout_s": 20})


@pytest.mark.parametrize(
    "reply", [f"```python\n{PROMPT}{BODY}```", f"```python\n{BODY}```", f"{PROMPT}{BODY}"],
    ids=["function", "body", "unfenced"],
)  # fmt: skip
def test_a_right_program_passes(scorer: Scorer, reply: str) -> None:
    """Three unit tests, one of which replaces a function of the program's imports."""
    found = scorer(reply, sample())

    assert ("correct", 1.0, "all 3 unit tests pass") == (found.outcome, found.partial, found.reason)


def test_a_wrong_program_fails_with_the_test_that_says_so(scorer: Scorer) -> None:
    """Two of three pass."""
    found = scorer(f"```python\n{PROMPT}{BODY.replace('getsize(path)', 'getsize(path) or 1')}```", sample())

    assert ("wrong", 0.0) == (found.outcome, found.value)
    assert 2 / 3 == pytest.approx(found.partial)
    assert "test_none: AssertionError: 1 != 0" in found.reason


@pytest.mark.parametrize(
    ("changed", "reply", "reason"),
    [
        ({}, "```python\nimport sys\nsys.exit(0)\n```", "SystemExit"),
        ({}, f"```python\n{PROMPT}    return int('x')\n```", "ValueError"),
        ({"test": "import unittest\nclass TestCases(unittest.TestCase):\n    pass\n"}, f"```python\n{PROMPT}{BODY}```", "no unit test ran"),
        ({"test": TEST.replace("    def setUp(self):", "    @classmethod\n    def setUpClass(cls):\n        raise OSError('no disk')\n    def setUp(self):")}, f"```python\n{PROMPT}{BODY}```", "no disk"),
    ],
    ids=["exits", "raises", "none", "class"],
)  # fmt: skip
def test_what_does_not_pass_is_wrong(
    scorer: Scorer, changed: dict[str, Any], reply: str, reason: str
) -> None:
    """Programs that end, tests that are none, and a class that cannot be set up."""
    found = scorer(reply, sample(**changed))

    assert "wrong" == found.outcome
    assert reason in found.reason


@pytest.mark.parametrize("level", ["bubblewrap", "unshare"])
def test_installed_packages_can_be_imported_with_what_they_need(level: str) -> None:
    """Pandas needs numpy and dateutil; the prompt names it, so the program has it."""
    if level == "bubblewrap" and shutil.which("bwrap") is None:
        pytest.skip("bubblewrap is not installed")
    prompt = PROMPT.replace("import os", "import os\nimport pandas as pd")
    body = "    pd.DataFrame({'a': range(size)}).to_csv(path)\n    return int(pd.read_csv(path)['a'].sum())\n"
    test = "import unittest\nimport numpy as np\nclass TestCases(unittest.TestCase):\n    def test(self):\n        self.assertEqual(task_func('/tmp/a'), np.arange(3).sum())\n"
    scorer = make_scorer("unittest", {"timeout_s": 20, "sandbox": level})
    found = scorer(f"```python\n{prompt}{body}```", sample(complete_prompt=prompt, test=test))

    assert "correct" == found.outcome, found.reason


def test_packages_that_nobody_named_are_not_there() -> None:
    """The harness itself, for one; with `packages` a program may import more."""
    reply = "```python\nimport yaml\n" + PROMPT + BODY + "```"
    options = {"timeout_s": 20}

    assert "No module named 'yaml'" in make_scorer("unittest", options)(reply, sample()).reason
    assert "correct" == make_scorer("unittest", {**options, "packages": ["yaml"]})(reply, sample()).outcome


def test_a_sample_whose_tests_need_a_missing_package_is_unscored(scorer: Scorer) -> None:
    """With its name; nothing runs."""
    found = scorer("```python\nx\n```", sample(test=f"import never_installed\n{TEST}"))

    assert "unscored" == found.outcome
    assert "'never_installed', which is not installed" in found.reason


def test_requirements_are_found_and_nothing_else() -> None:
    """Numpy alone; pandas with numpy, dateutil and six, and their metadata; an unknown name is left out."""
    alone, more = find_with_requirements(["numpy"]), find_with_requirements(["pandas", "never_installed"])

    assert {"numpy"} == {
        name for name in alone if not name.startswith("numpy.") and not name.endswith("-info")
    }
    assert {"numpy", "pandas", "dateutil"} <= more.keys()
    assert not {"gapbench", "pytest"} & more.keys()
    assert any(name.startswith("pandas-") and name.endswith(".dist-info") for name in more)


def test_a_name_of_a_package_is_checked() -> None:
    """Before any request is paid for."""
    with pytest.raises(InputError, match=r"packages has '\.\./x'"):
        make_scorer("unittest", {"packages": ["../x"]})

"""The public sets: their documents are whole, and a row with the hub's columns is asked and scored as it should be."""

from __future__ import annotations

import base64
import io
import json
import pickle
import zlib
from pathlib import Path
from typing import Any

import pytest
import yaml
from PIL import Image

from gapbench.scoring import make_scorer
from gapbench.suite.suite import load_suite
from gapbench.suite.tasks.loader import builtin_tasks, find_builtin_task, load_task, read_task
from gapbench.suite.tasks.schema import HuggingFaceData

NAMES = [name for name in builtin_tasks() if name.startswith("public/")]


def picture() -> str:
    buffer = io.BytesIO()
    Image.new("RGB", (4, 4), "red").save(buffer, format="PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


PIXELS = picture()
BBH_CHOICE: tuple[dict[str, Any], str, str] = (
    {"input": "Which?\nOptions:\n(A) x\n(B) y", "target": "(B)"},
    "Answer: (B)",
    "Answer: (A)",
)
BIG_CODE: tuple[dict[str, Any], str, str] = (
    {
        "task_id": "BigCodeBench/0",
        "complete_prompt": 'import os\ndef task_func(path):\n    """Size of a file."""\n',
        "instruct_prompt": "Return the size.",
        "canonical_solution": "    return os.path.getsize(path)",
        "code_prompt": "import os\ndef task_func(path):\n",
        "test": "import unittest\nfrom unittest.mock import patch\nclass TestCases(unittest.TestCase):\n    def test_size(self):\n        with patch('os.path.getsize', return_value=5):\n            self.assertEqual(task_func('x'), 5)\n",
        "entry_point": "task_func",
        "doc_struct": "{}",
        "libs": "['os']",
    },
    "```python\nimport os\ndef task_func(path):\n    return os.path.getsize(path)\n```",
    "```python\ndef task_func(path):\n    return 4\n```",
)
ROWS: dict[str, tuple[dict[str, Any], str, str]] = {
    "gsm8k": ({"question": "q", "answer": "48/2 = 24\n#### 1,072"}, "#### 1072", "#### 1073"),
    "math-500": (
        {"problem": "p", "solution": "s", "answer": r"\left( 3, \frac{\pi}{2} \right)", "subject": "Precalculus", "level": 2, "unique_id": "test/1"},
        r"$\boxed{(3, \pi/2)}$",
        r"$\boxed{(\pi/2, 3)}$",
    ),
    "mmlu-pro": (
        {"question_id": 70, "question": "q", "options": ["x", "y", "z"], "answer": "C", "answer_index": 2, "category": "law", "src": "s"},
        "Answer: C",
        "Answer: B",
    ),
    "gpqa-diamond": ({"question": "q\n\nA. x\nB. y", "answer": "B"}, "Answer: B", "Answer: A"),
    "bbh-logical-deduction-five-objects": BBH_CHOICE,
    "bbh-date-understanding": BBH_CHOICE,
    "bbh-tracking-shuffled-objects-five-objects": BBH_CHOICE,
    "bbh-multistep-arithmetic-two": ({"input": "q", "target": "-80"}, "Answer: -80", "Answer: 80"),
    "bbh-object-counting": ({"input": "q", "target": "7"}, "Answer: 7", "Answer: 8"),
    "bbh-boolean-expressions": ({"input": "q", "target": "True"}, "Answer: True", "Answer: False"),
    "humaneval-plus": (
        {"task_id": "HumanEval/0", "prompt": "def one():\n    pass_\n".replace("    pass_\n", '    """1"""\n'), "canonical_solution": "    return 1\n", "entry_point": "one", "test": "def check(candidate):\n    assert candidate() == 1\n"},
        "```python\ndef one():\n    return 1\n```",
        "```python\ndef one():\n    return 2\n```",
    ),
    "mbpp-plus": (
        {"task_id": 2, "code": "def one(): return 1", "prompt": "Write one.", "test_list": ["assert one() == 1"], "test_imports": [], "source_file": "s", "test": "assert one() == 1"},
        "```python\ndef one():\n    return 1\n```",
        "```python\ndef one():\n    return 2\n```",
    ),
    "bigcodebench": BIG_CODE,
    "bigcodebench-hard": BIG_CODE,
    "livecodebench": (
        {
            "question_title": "Sum", "question_content": "Print the sum.", "platform": "atcoder", "question_id": "abc0_a", "contest_id": "abc0", "contest_date": "2025-01-04T00:00:00", "starter_code": "", "difficulty": "easy",
            "public_test_cases": '[{"input": "1 2\\n", "output": "3\\n", "testtype": "stdin"}]',
            "private_test_cases": base64.b64encode(zlib.compress(pickle.dumps('[{"input": "2 2\\n", "output": "4\\n", "testtype": "stdin"}]'))).decode(),
            "metadata": "{}",
        },
        "```python\nprint(sum(map(int, input().split())))\n```",
        "```python\nprint(3)\n```",
    ),
    "mmmu": (
        {"id": "validation_Math_1", "question": "<image 1> q", "options": "['x', 'y']", "answer": "B", "subfield": "s", "image_1": PIXELS, "image_2": None, "image_3": None},
        "Answer: B",
        "Answer: A",
    ),
    "mathvista": (
        {"pid": "1", "query": "q", "decoded_image": PIXELS, "answer": "1.2", "question_type": "free_form", "answer_type": "float"},
        "Answer: 1.2",
        "Answer: 1.3",
    ),
    "chartqa": ({"query": "q", "image": PIXELS, "label": ["14"]}, "Answer: 14.2", "Answer: 15"),
    "docvqa": (
        {"questionId": "1", "question": "q", "docId": 7, "image": PIXELS, "answers": ["ITC Limited", "itc limited"]},
        "Answer: ITC Limited",
        "Answer: Somebody Else",
    ),
}  # fmt: skip


def test_every_public_task_has_a_row_here() -> None:
    """And the suite names each of them."""
    assert set(NAMES) == {f"public/{name}" for name in ROWS}
    assert set(NAMES) == set(load_suite(Path("public")).task_names())


@pytest.mark.parametrize("name", NAMES)
def test_licence_and_revision(name: str) -> None:
    """A licence is said; a revision is a full commit, or left to the user with the reason."""
    file = find_builtin_task(name)
    document, _ = read_task(file)
    assert isinstance(document.data, HuggingFaceData)
    revision = document.data.revision

    assert document.license
    assert (revision is not None and 40 == len(revision)) or "# revision: pin the commit" in file.read_text()


@pytest.mark.parametrize("name", list(ROWS))
def test_a_row_of_the_hub_is_asked_and_scored(name: str, tmp_path: Path) -> None:
    """The same task over a file with one row: every template finds its column, the right reply scores, the wrong one does not."""
    row, right, wrong = ROWS[name]
    document = yaml.safe_load(find_builtin_task(f"public/{name}").read_text())
    document["data"] = "rows.jsonl"
    (tmp_path / "rows.jsonl").write_text(json.dumps(row) + "\n")
    (tmp_path / "task.yaml").write_text(yaml.safe_dump(document))
    task = load_task(*read_task(tmp_path / "task.yaml"), None)
    assert task.scorer_name is not None
    scorer, sample = make_scorer(task.scorer_name, task.scorer_options), task.samples[0]

    assert len(sample.messages[-1].images) == ("image" in str(list(row)))
    assert ("correct", "wrong") == (scorer(right, sample).outcome, scorer(wrong, sample).outcome)
    if sample.reference is not None:
        assert "correct" == scorer(sample.reference, sample).outcome

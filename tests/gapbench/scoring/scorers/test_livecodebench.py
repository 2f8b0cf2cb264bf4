"""The scorer ``livecodebench``: rows as the hub has them, written for this project."""

from __future__ import annotations

import base64
import json
import pickle
import zlib
from typing import Any

import pytest

from gapbench.errors import InputError
from gapbench.scoring import make_scorer
from gapbench.scoring.hidden_cases import HiddenCase, HiddenCasesError, pickled_text, read_hidden_cases
from gapbench.scoring.scorer import Scorer
from gapbench.values import Message, Sample, Text

SUM_TESTS = [{"input": "2\n3 4\n", "output": "7\n", "testtype": "stdin"}]
MORE_SUM_TESTS = [
    {"input": "1\n0.5\n", "output": "0.5\n", "testtype": "stdin"},
    {"input": "3\n1 2 3\n", "output": "6 \n\n", "testtype": "stdin"},
]
ADD = "import sys\n_, line = sys.stdin.read().split('\\n')[:2]\nfrom decimal import Decimal\nprint(sum(map(Decimal, line.split())))\n"


def packed(cases: list[dict[str, Any]]) -> str:
    """Return tests as the set packs the hidden ones."""
    return base64.b64encode(zlib.compress(pickle.dumps(json.dumps(cases)))).decode()


def row(**changed: Any) -> dict[str, Any]:
    """Return a row with every column of the set; a program that reads and prints."""
    return {
        "question_title": "Sum", "question_content": "Print the sum.", "platform": "atcoder", "question_id": "abc0_a",
        "contest_id": "abc0", "contest_date": "2025-01-04T00:00:00", "starter_code": "", "difficulty": "easy",
        "public_test_cases": json.dumps(SUM_TESTS), "private_test_cases": packed(MORE_SUM_TESTS), "metadata": "{}",
        **changed,
    }  # fmt: skip


def called_row(**changed: Any) -> dict[str, Any]:
    """Return a row whose method is called: ``pair(a, b)`` gives both in order."""
    tests = [
        {"input": "2\n1", "output": "[1, 2]", "testtype": "functional"},
        {"input": "[3]\n[2]", "output": "[[2], [3]]", "testtype": "functional"},
    ]
    return row(
        public_test_cases=json.dumps(tests), private_test_cases=packed([]), metadata='{"func_name": "pair"}',
        starter_code="class Solution:\n    def pair(self, a, b):\n        ", **changed,
    )  # fmt: skip


def sample(columns: dict[str, Any]) -> Sample:
    return Sample(sample_id="1", messages=(Message("user", (Text("q"),)),), columns=columns)


@pytest.fixture(scope="module")
def scorer() -> Scorer:
    return make_scorer("livecodebench", {"timeout_s": 20, "case_s": 3})


def fenced(code: str) -> str:
    return f"So:\n\n```python\n{code}```\n"


@pytest.mark.parametrize(
    ("columns", "code"),
    [
        (row(), ADD),
        (row(), "def main():\n    n = int(input())\n    print(Decimal(0) if n < 0 else sum(map(float, input().split())))\nfrom decimal import *\nif __name__ == '__main__':\n    main()\n"),
        (row(), "import os, threading\ndef go():\n    os.read(0, 2)\n    print(sum(map(float, os.read(0, 99).split())))\n    sys.exit(3)\nthreading.Thread(target=go).start()\n"),
        (called_row(), "class Solution:\n    def pair(self, a: int, b: int) -> List[int]:\n        return (min(a, b), max(a, b))\n"),
        (called_row(), "def pair(a, b):\n    return sorted([a, b])\n"),
    ],
    ids=["reads", "main", "thread", "method", "function"],
)  # fmt: skip
def test_a_right_program_passes(scorer: Scorer, columns: dict[str, Any], code: str) -> None:
    """Standard input in its usual forms; numbers by value; a tuple is a list; modules without an import."""
    found = scorer(fenced(code), sample(columns))

    assert ("correct", 1.0) == (found.outcome, found.partial), found.reason


@pytest.mark.parametrize(
    ("columns", "code", "reason", "partial"),
    [
        (row(), "input()\nprint(sum(map(int, input().split())))\n", "invalid literal for int", 1 / 3),
        (row(), "while True: pass\n", "timed out after 0.5 s", 0.0),
        (row(), "print('x' * 9_000_000)\n", "printed more than 8000000", 0.0),
        (row(), "import os\nos._exit(3)\n", "ended with 3", 0.0),
        (row(), "print(7)\n", "failed: assert passes(1)", 1 / 3),
        (called_row(), "class Solution:\n    def pair(self, a, b):\n        return [b, a] if b == 1 else 0\n", "failed", 0.5),
        (called_row(), "class Solution:\n    def pair(self, a, b):\n        while True: pass\n", "timed out", 0.0),
        (called_row(), "class Solution:\n    pass\n", "pair", 0.0),
    ],
    ids=["raises", "loops", "prints", "exits", "constant", "wrong", "method-loops", "no-method"],
)  # fmt: skip
def test_a_wrong_program_fails(columns: dict[str, Any], code: str, reason: str, partial: float) -> None:
    """With the first test that fails; the share counts those before it."""
    scorer = make_scorer("livecodebench", {"timeout_s": 20, "case_s": 0.5})
    found = scorer(fenced(code), sample(columns))

    assert ("wrong", 0.0) == (found.outcome, found.value)
    assert reason in found.reason
    assert partial == pytest.approx(found.partial)


def test_a_program_cannot_claim_that_it_passes(scorer: Scorer) -> None:
    """What it prints is compared by another process, and its tests are processes without a way to that one."""
    code = "import os\nfor fd in range(3, 64):\n    try:\n        os.write(fd, b'\\0\\0\\0\\x02[]')\n    except OSError: pass\nprint('1e9')\n"

    assert "wrong" == scorer(fenced(code), sample(row())).outcome


def test_text_without_code_is_unparsed(scorer: Scorer) -> None:
    """And a program without a fence is one."""
    assert "unparsed" == scorer("I cannot solve this, sorry.", sample(row())).outcome
    assert "correct" == scorer(ADD, sample(row())).outcome


def test_hidden_tests_are_read_without_unpickling() -> None:
    """The same cases as plain JSON and packed, in each protocol of pickle that has texts."""
    cases = [HiddenCase("1\n", "ß"), HiddenCase("[1]", "x" * 300)]
    said = json.dumps([{"input": case.given, "output": case.expected} for case in cases])
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        text = base64.b64encode(zlib.compress(pickle.dumps(said, protocol))).decode()
        assert cases == read_hidden_cases(text, "private_test_cases")
    assert cases == read_hidden_cases(said, "public_test_cases")


class Runs:
    """Unpickled, it would write a file."""

    def __reduce__(self) -> Any:
        return (open, ("written-by-a-pickle", "w"))


@pytest.mark.parametrize(
    "pickled", [pickle.dumps(Runs()), pickle.dumps(["a"]), pickle.dumps(("a", "b")), b"", b"\x80\x04", b"no pickle."]
)  # fmt: skip
def test_a_pickle_of_anything_else_is_refused(pickled: bytes) -> None:
    """One error, and nothing runs."""
    with pytest.raises(HiddenCasesError):
        pickled_text(pickled)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"private_test_cases": "bm8="}, "private_test_cases: neither JSON nor compressed"),
        ({"private_test_cases": base64.b64encode(zlib.compress(pickle.dumps(Runs()))).decode()}, "the pickle has the instruction"),
        ({"public_test_cases": '[{"in": 1}]'}, "public_test_cases is not a list of tests"),
        ({"public_test_cases": "[]", "private_test_cases": None}, "no tests"),
        ({"metadata": "[1]"}, "metadata"),
        ({"metadata": '{"func_name": "a; import os"}'}, "names no function"),
        ({"public_test_cases": json.dumps([{"input": "x" * 9_000_000, "output": ""}])}, "9000000 characters"),
    ],
    ids=["base64", "pickle", "keys", "none", "list", "name", "long"],
)  # fmt: skip
def test_a_row_whose_tests_cannot_be_read_is_unscored(
    scorer: Scorer, changed: dict[str, Any], reason: str
) -> None:
    """With the column."""
    found = scorer(fenced(ADD), sample(row(**changed)))

    assert "unscored" == found.outcome
    assert reason in found.reason


def test_seconds_for_a_test_are_checked() -> None:
    """Before any request is paid for."""
    with pytest.raises(InputError, match="case_s is 700"):
        make_scorer("livecodebench", {"case_s": 700.0})

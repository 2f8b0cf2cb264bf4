"""The scorer ``code`` on HumanEval's and MBPP's files as they are, through a suite's own entry."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gapbench.errors import InputError
from gapbench.scoring import make_scorer
from gapbench.suite.suite import load_suite
from gapbench.suite.tasks.task import Task
from gapbench.values import Sample, Score

METADATA = "\n\nMETADATA = {\n    'author': 'jt',\n    'dataset': 'test'\n}\n\n\n"
# In the very form of the public file; the problems are ours.
ROWS: list[dict[str, str]] = [
    {  # an import in the prompt, floats with a tolerance
        "task_id": "HumanEval/0",
        "prompt": 'from typing import List\n\n\ndef mean_gap(numbers: List[float]) -> float:\n    """ Mean distance of neighbours.\n    >>> mean_gap([1.0, 2.0, 4.0])\n    1.5\n    """\n',
        "entry_point": "mean_gap",
        "completion": "    gaps = [abs(b - a) for a, b in zip(numbers, numbers[1:])]\n    return sum(gaps) / len(gaps)\n",
        "test": METADATA
        + "def check(candidate):\n    assert abs(candidate([1.0, 2.0, 4.0]) - 1.5) < 1e-6\n    assert abs(candidate([0.1, 0.4]) - 0.3) < 1e-6\n",
    },
    {  # a helper before the entry point, which the tests call too; random inputs
        "task_id": "HumanEval/1",
        "prompt": '\n\ndef encode(s: str):\n    """\n    returns s with every letter shifted by 5.\n    """\n    return "".join([chr(((ord(ch) + 5 - ord("a")) % 26) + ord("a")) for ch in s])\n\n\ndef decode(s: str):\n    """\n    takes what encode gave. Returns the text.\n    """\n',
        "entry_point": "decode",
        "completion": '    return "".join([chr(((ord(ch) - 5 - ord("a")) % 26) + ord("a")) for ch in s])\n',
        "test": "\n\nMETADATA = {}\n\n\ndef check(candidate):\n    from random import randint, choice\n    import copy\n    import string\n\n    letters = string.ascii_lowercase\n    for _ in range(100):\n        str = ''.join(choice(letters) for i in range(randint(10, 20)))\n        encoded_str = encode(str)\n        assert candidate(copy.deepcopy(encoded_str)) == str\n\n",
    },
    {  # two helpers and a module in the prompt, a loop with its own random numbers
        "task_id": "HumanEval/2",
        "prompt": 'import math\n\n\ndef poly(xs: list, x: float):\n    """\n    Evaluates polynomial with coefficients xs at point x.\n    """\n    return sum([coeff * math.pow(x, i) for i, coeff in enumerate(xs)])\n\n\ndef root(xs: list):\n    """ xs has exactly one zero point; find it.\n    >>> round(root([1, 2]), 2) # f(x) = 1 + 2x\n    -0.5\n    """\n',
        "entry_point": "root",
        "completion": "    begin, end = -1., 1.\n    while poly(xs, begin) * poly(xs, end) > 0:\n        begin *= 2.0\n        end *= 2.0\n    while end - begin > 1e-10:\n        center = (begin + end) / 2.0\n        if poly(xs, center) * poly(xs, begin) > 0:\n            begin = center\n        else:\n            end = center\n    return begin\n",
        "test": METADATA
        + "def check(candidate):\n    import math\n    import random\n    rng = random.Random(42)\n    import copy\n    for _ in range(100):\n        coeffs = [rng.randint(-10, 10), rng.choice([-3, 1, 7])]\n        solution = candidate(copy.deepcopy(coeffs))\n        assert math.fabs(poly(coeffs, solution)) < 1e-4\n",
    },
    {  # the tests name the entry point itself, and compare as tuples
        "task_id": "HumanEval/3",
        "prompt": '\n\ndef thirds(l: list):\n    """Sort every third value.\n    >>> thirds([5, 6, 3, 4])\n    [4, 6, 3, 5]\n    """\n',
        "entry_point": "thirds",
        "completion": "    l = list(l)\n    l[::3] = sorted(l[::3])\n    return l\n",
        "test": METADATA
        + "def check(candidate):\n    assert tuple(candidate([1, 2, 3])) == tuple(thirds([1, 2, 3]))\n    assert tuple(candidate([5, 6, 3, 4])) == tuple([4, 6, 3, 5])\n",
    },
    {  # the docstring is not the first statement, and messages stand in the asserts
        "task_id": "HumanEval/4",
        "prompt": '\ndef buckets(grid, capacity):\n    import math\n    """\n    How many times must each well be emptied?\n    """\n',
        "entry_point": "buckets",
        "completion": "    return sum([math.ceil(sum(arr)/capacity) for arr in grid])\n",
        "test": 'def check(candidate):\n\n\n    # Check some simple cases\n    assert True, "This prints if this assert fails 1 (good for debugging!)"\n    assert candidate([[0,0,1,0], [0,1,0,0], [1,1,1,1]], 1) == 6, "Error"\n\n    # Check some edge cases that are easy to work out by hand.\n    assert candidate([[1,1,1,1], [1,1,1,1]], 9) == 2\n\n',
    },
    {  # None, bool, mixed keys, strings in quotes, sets of answers
        "task_id": "HumanEval/5",
        "prompt": '\ndef kinds(d, name=None):\n    """Whether all keys are text; None for an empty dict.\n    kinds({"a": 1}) ➞ True\n    """\n',
        "entry_point": "kinds",
        "completion": "    if not d:\n        return None\n    for k in d:\n        if not isinstance(k, str):\n            return False\n    return True",
        "test": 'def check(candidate):\n    assert candidate({"p":"pineapple", "b":"banana"}) == True, "First test error: " + str(candidate({"p":"pineapple", "b":"banana"}))\n    assert candidate({"p":"pineapple", 5:"banana"}) == False\n    assert candidate({}) is None\n    assert candidate({}, name="x") == None\n',
    },
    {  # a library that is C code, and a hash as the answer
        "task_id": "HumanEval/6",
        "prompt": '\ndef digest(text):\n    """MD5 of text; None for an empty one."""\n',
        "entry_point": "digest",
        "completion": "    import hashlib\n    return hashlib.md5(text.encode('ascii')).hexdigest() if text else None\n",
        "test": "def check(candidate):\n    assert candidate('Hello world') == '3e25960a79dbc69b674cd4ec67a72c62'\n    assert candidate('') == None\n",
    },
]


def replies(row: dict[str, str]) -> dict[str, str]:
    """Return the forms in which models and files state one solution."""
    body, whole = row["completion"], row["prompt"] + row["completion"]
    alone = whole[whole.index(f"def {row['entry_point']}(") :]
    return {
        "the body": body,
        "the body without its end": body.rstrip(),
        "the body without its first indentation": body.strip(),
        "the body in a fence": f"```python\n{body.rstrip()}\n```",
        "the whole file": whole,
        "the whole file in a fence": f"Here it is:\n\n```python\n{whole}\n```\nHope that helps!",
        "the function alone": f"```python\n{alone.rstrip()}\n```",
        "a fence without a language": f"```\n{whole.rstrip()}\n```",
        "a fence left open": f"```python\n{whole}",
        "with an example after it": f"```python\n{whole}\n```\nUse it:\n```python\nprint({row['entry_point']})\n```",
        "with a future import": f"```python\nfrom __future__ import annotations\n{whole.rstrip()}\n```",
    }


def suite_over(folder: Path, rows: list[dict[str, Any]], name: str, entry: dict[str, Any]) -> Task:
    """Return the task of a suite whose entry names the file and the scorer, and little else."""
    (folder / name).write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    suite = {
        "name": "mine",
        "models": [{"id": "m", "runner": "sim", "weights": "open"}],
        "tasks": [{"name": "given", "category": "coding", "data": name, "scorer": "code", **entry}],
    }
    (folder / "suite.yaml").write_text(json.dumps(suite))
    return load_suite(folder / "suite.yaml").load_tasks()[0]


def score(task: Task, sample: Sample, reply: str) -> Score:
    assert task.scorer_name is not None
    return make_scorer(task.scorer_name, task.scorer_options)(reply, sample)


@pytest.mark.parametrize("form", list(replies(ROWS[0])))
def test_humaneval_jsonl_as_it_is(form: str, tmp_path: Path) -> None:
    """Every reference solution is correct, in whatever form it is replied."""
    task = suite_over(tmp_path, ROWS, "HumanEval.jsonl", {"id": "{task_id}", "prompt": "{prompt}"})
    said = {
        sample.sample_id: score(task, sample, replies(row)[form])
        for sample, row in zip(task.samples, ROWS, strict=True)
    }
    assert [(name, found) for name, found in said.items() if found.outcome != "correct"] == []


def test_humaneval_prompt_alone_is_wrong(tmp_path: Path) -> None:
    """A body that does nothing passes none of them."""
    task = suite_over(tmp_path, ROWS, "HumanEval.jsonl", {"prompt": "{prompt}"})
    assert {score(task, sample, "    pass\n").outcome for sample in task.samples} == {"wrong"}


@pytest.mark.parametrize("column", ["canonical_solution", "completion"])
def test_humaneval_reference_is_a_reply(column: str, tmp_path: Path) -> None:
    """The column with the solution serves as the reference of a simulated model, as it stands."""
    rows = [
        {**{k: v for k, v in row.items() if k != "completion"}, column: row["completion"]} for row in ROWS
    ]
    entry = {"prompt": "Complete this:\n{prompt}", "reference": f"{{{column}}}"}
    task = suite_over(tmp_path, rows, "HumanEval.jsonl", entry)
    assert {score(task, sample, sample.reference or "").outcome for sample in task.samples} == {"correct"}


def test_mbpp_jsonl_as_it_is(tmp_path: Path) -> None:
    """``test_list`` with its imports and its setup, classes in the tests, no entry point."""
    rows = [
        {
            "task_id": 601,
            "prompt": "Write a function to count the pairs whose second is larger.",
            "code": "class Pair(object):\n    def __init__(self, a, b):\n        self.a = a\n        self.b = b\ndef rising(arr):\n    return sum(p.a < p.b for p in arr)",
            "test_imports": ["import math"],
            "test_list": [
                "assert rising([Pair(5, 24), Pair(39, 1)]) == 1",
                "assert rising([]) == math.floor(0.5)",
            ],
        },
        {
            "task_id": 2,
            "prompt": "Write a function to find the shared elements.",
            "code": "def shared(a, b):\n    return tuple(set(a) & set(b))",
            "test_setup_code": "ONE = (3, 4, 5, 6)",
            "test_list": ["assert set(shared(ONE, (5, 7, 4, 10))) == set((4, 5))"],
        },
    ]
    task = suite_over(tmp_path, rows, "mbpp.jsonl", {"prompt": "{prompt}", "reference": "{code}"})
    assert {score(task, sample, sample.reference or "").outcome for sample in task.samples} == {"correct"}
    assert score(task, task.samples[1], "def shared(a, b): return tuple(a)").outcome == "wrong"


IN_CONTEXT = {
    "prompt": 'class Till:\n    def __init__(self):\n        self.cents = 0\n\n    def pay(self, cents):\n        """Add cents; refuse what is not positive."""\n',
    "suffix": "\n    def total(self):\n        return self.cents / 100\n\n\ndef run(amounts):\n    till = Till()\n    for cents in amounts:\n        till.pay(cents)\n    return till.total()\n",
    "entry_point": "run",
    "test": "def check(candidate):\n    assert candidate([150, 50]) == 2.0\n    assert candidate([]) == 0\n",
}


@pytest.mark.parametrize(
    "reply",
    [
        "        self.cents += cents\n",
        "self.cents += cents",
        "```python\ndef pay(self, cents):\n    self.cents += cents\n```",
        "```python\n    def pay(self, cents):\n        self.cents += cents\n```",
        f"```python\n{IN_CONTEXT['prompt']}        self.cents += cents\n{IN_CONTEXT['suffix']}```",
    ],
)
def test_a_function_is_completed_between_two_texts(reply: str) -> None:
    """A body, a method at any indentation, and the whole file are put between prompt and suffix."""
    sample = Sample("s", (), columns=IN_CONTEXT)
    assert make_scorer("code", {})(reply, sample).outcome == "correct"
    assert make_scorer("code", {})(reply.replace("+=", "="), sample).outcome == "wrong"


def test_the_function_to_complete_may_be_the_last() -> None:
    """An empty suffix still says that the prompt's last function is meant, and not the entry point."""
    columns = {
        **IN_CONTEXT,
        "suffix": "",
        "prompt": IN_CONTEXT["prompt"] + "        pass\n\n    def total(self):\n",
        "entry_point": "Till",
        "test": "assert Till().total() == 7",
    }
    sample = Sample("s", (), columns=columns)
    assert (
        make_scorer("code", {})("```python\ndef total(self):\n    return 7\n```", sample).outcome == "correct"
    )
    assert make_scorer("code", {})("        return 7", sample).outcome == "correct"


def test_partial_credit_is_kept_apart() -> None:
    """2 of 4 assertions: the value is 0, the share 0.5, and with the option the value is the share."""
    columns = {"test": "\n".join(f"assert f({n}) == {n * n}" for n in range(4)), "entry_point": "f"}
    sample = Sample("s", (), columns=columns)
    reply = "```python\ndef f(x): return x\n```"
    found = make_scorer("code", {})(reply, sample)
    assert (found.value, found.partial, found.outcome) == (0.0, 2 / 4, "wrong")
    assert make_scorer("code", {"partial": True})(reply, sample).value == 2 / 4
    right = make_scorer("code", {})("```python\ndef f(x): return x * x\n```", sample)
    assert (right.value, right.partial) == (1.0, 1.0)


def test_cpu_time_has_a_limit_of_its_own() -> None:
    """A program that computes on ends after its CPU seconds, long before the wall-clock limit."""
    sample = Sample("s", (), target="assert f() == 1", columns={"entry_point": "f"})
    scorer = make_scorer("code", {"timeout_s": 300, "cpu_s": 1})

    score = scorer("```python\ndef f():\n    while True:\n        pass\n```", sample)

    assert (score.outcome, score.value) == ("wrong", 0)
    assert "the program ended" in score.reason
    assert "1 s of CPU time" in score.reason


@pytest.mark.parametrize("cpu_s", [0, 11])
def test_a_cpu_limit_out_of_range_is_refused(cpu_s: int) -> None:
    """It is 1 or more, and at most the wall-clock limit."""
    with pytest.raises(InputError, match=r"cpu_s is \d+; expected 1 or more, at most timeout_s, which is 10"):
        make_scorer("code", {"cpu_s": cpu_s})

"""A reply without a program has its score without the sandbox, and it is the score that the sandbox would give."""

from __future__ import annotations

import pytest

from gapbench.scoring import make_scorer
from gapbench.scoring.sandboxed import SandboxedScorer
from gapbench.values import Sample

SAMPLES = {
    "code": Sample("s", (), columns={"test": "assert f(1) == 2", "entry_point": "f"}),
    "sql": Sample("s", (), target="SELECT 1", columns={"setup": "CREATE TABLE t (n INTEGER);"}),
    "patch": Sample(
        "s",
        (),
        columns={"files": {"a.py": "x = 1\n"}, "test": "def check(repo):\n    assert repo.load('a').x == 2"},
    ),
}
COMPLETION = Sample(
    "s",
    (),
    columns={"prompt": 'def f(x):\n    """Add one."""\n', "test": "assert f(1) == 2", "entry_point": "f"},
)


def scorer_named(name: str) -> SandboxedScorer:
    scorer = make_scorer(name, {})
    assert isinstance(scorer, SandboxedScorer)
    return scorer


@pytest.mark.parametrize(
    ("name", "reply"),
    [
        ("code", "I cannot help with that."),
        ("code", "f adds one:\n\nadd 1 to x \N{LATIN SMALL LETTER E WITH ACUTE}"),
        ("code", "  \n"),
        ("sql", "I do not know the tables."),
        ("sql", ""),
        ("patch", "Multiply instead of adding."),
    ],
)
def test_a_reply_without_a_program_is_unparsed_at_once(name: str, reply: str) -> None:
    scorer = scorer_named(name)
    found = scorer.score_without_sandbox(reply, SAMPLES[name])

    assert found is not None
    assert "unparsed" == found.outcome
    assert scorer(reply, SAMPLES[name]) == found


@pytest.mark.parametrize(
    ("name", "reply"),
    [
        ("code", "```python\ndef f(x):\n    return x + 1\n```"),
        ("code", "```python\nis no Python\n```"),
        ("code", "def f(x):\n    return x + 1"),
        ("code", "It is this:\n\ndef f(x):\n    return x + 1\n\nDone."),
        ("code", "sorry"),
        ("sql", "SELECT 1"),
        ("sql", "```sql\nSELEC 1\n```"),
        ("patch", "a.py\n```python\nx = 2\n```"),
    ],
)
def test_what_may_be_a_program_must_run(name: str, reply: str) -> None:
    """Also one in a broken block, and a word that is Python too."""
    assert scorer_named(name).score_without_sandbox(reply, SAMPLES[name]) is None


@pytest.mark.parametrize(("reply", "must_run"), [("return x + 1", True), ("I would add one.", False)])
def test_a_reply_that_continues_the_prompt_is_read_with_it(reply: str, *, must_run: bool) -> None:
    assert must_run == (scorer_named("code").score_without_sandbox(reply, COMPLETION) is None)


def test_a_sample_without_tests_is_unscored_at_once() -> None:
    found = scorer_named("code").score_without_sandbox("def f(): pass", Sample("s", ()))

    assert found is not None
    assert "unscored" == found.outcome

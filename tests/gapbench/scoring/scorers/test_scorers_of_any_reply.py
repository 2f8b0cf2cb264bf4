"""What holds of every scorer: no reply raises, long ones are quick, and wrong options are refused."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from gapbench.errors import InputError
from gapbench.scoring import find_scorer_class, make_scorer, scorer_descriptions
from gapbench.scoring.scorers.none import Unscored
from gapbench.values import Sample
from tests.scored_replies import COLOURS, HUMANEVAL, score


def test_unknown_names_and_options_are_refused() -> None:
    """The message lists what there is."""
    with pytest.raises(
        InputError, match=r"no scorer 'exakt'; did you mean 'exact'[?] there are: all, anls, bfcl, choice,"
    ):
        make_scorer("exakt", {})
    with pytest.raises(
        InputError, match=r"has no option 'tol'; did you mean 'rel_tol'[?] its options: abs_tol, "
    ):
        make_scorer("numeric", {"tol": 1})
    with pytest.raises(InputError, match="option 'relaxed' is 'yes'; expected bool"):
        make_scorer("numeric", {"relaxed": "yes"})
    with pytest.raises(
        InputError, match=r"has no option 'threshhold'; did you mean 'threshold'[?] its options"
    ):
        make_scorer("exact", {"threshhold": 1.0})


@pytest.mark.parametrize(
    ("name", "lacks"), [("regex", "pattern"), ("judge", "model, rubric"), ("python", "function")]
)
def test_an_option_that_is_needed_is_named(name: str, lacks: str) -> None:
    """In the suite's words, not in Python's."""
    with pytest.raises(InputError, match=f"scorer {name!r} needs {lacks}; write {{name: {name}, ") as caught:
        make_scorer(name, {})
    assert "__init__" not in str(caught.value)


@pytest.mark.parametrize("value", [-0.1, float("nan"), float("inf")])
@pytest.mark.parametrize(
    ("name", "key"), [("json", "rel_tol"), ("tool_call", "rel_tol"), ("code", "timeout_s")]
)
def test_a_number_of_an_option_is_finite_and_from_0(name: str, key: str, value: float) -> None:
    """A negative tolerance would raise at the first answer that is compared."""
    with pytest.raises(InputError, match="expected a number of 0 or more"):
        make_scorer(name, {key: value})


FAULTS: list[tuple[str, Any, dict[str, Any], str | None]] = [
    ("exact", None, {}, "the sample has no target"),
    ("exact", "  ", {}, "the target is empty"),
    ("exact", ["", "UK"], {}, None),
    ("f1", [], {}, "the sample has no target"),
    ("choice", "E", COLOURS, "target 'E' is not an option; the options are red; dark red; blue; green"),
    ("choice", 4, COLOURS, "target '4' is not an option; the options are red; dark red; blue; green"),
    ("choice", "pink", {}, "target 'pink' is not an option; column 'options' has none"),
    ("choice", "blue", COLOURS, None),
    ("choice", 3, COLOURS, None),
    ("numeric", "many", {}, "target 'many' is not a number"),
    ("numeric", float("nan"), {}, "target 'nan' is not a number"),
    ("numeric", "#### 1,234", {}, None),
    ("math", "", {}, "target '' contains no answer"),
    ("json", "[1]", {}, "target '[1]' is not a JSON object with fields"),
    ("json_schema", None, {}, "the sample has no schema in column 'schema'"),
    ("json_schema", "no", {"schema": {}}, "the target 'no' is not JSON"),
    ("json_schema", None, {"schema": "{"}, "the schema '{' is not JSON"),
    ("json_schema", None, {"schema": {}}, None),
    ("tool_call", "find(1)", {}, "the target is not a call {name, arguments} or a list of calls"),
    ("constraints", None, {"constraints": [{"kind": "letter"}]}, "constraint 'letter': it needs 'letter'"),
    ("constraints", None, {"constraints": [{"kind": "words", "max": "3"}]}, "constraint 'words': 'max' is '3'; expected a number"),
    ("sql", "SELECT 1", {}, "the sample has no database in column 'setup'"),
    ("sql", 1, {"setup": "CREATE TABLE a (b)"}, "the target is not a query"),
    ("code", None, {}, "the sample has no tests in column 'test'"),
    ("patch", None, {"test": "x"}, "the sample has no repository, paths to texts, in column 'files'"),
    ("patch", None, {"files": {}}, "the sample has no tests in column 'test'"),
    ("none", None, {}, None),
    ("verdict", None, {}, None),
]  # fmt: skip


@pytest.mark.parametrize(("name", "target", "columns", "fault"), FAULTS)
def test_a_sample_that_cannot_be_scored_is_known_before_any_reply(
    name: str, target: Any, columns: dict[str, Any], fault: str | None
) -> None:
    """By the rule that the scorer itself goes by, so that `bench validate` and a run cannot disagree."""
    scorer, sample = make_scorer(name, {}), Sample("s", (), target=target, columns=columns)

    assert fault == scorer.unscorable_reason(sample)
    assert fault is None or (None, "unscored", fault) == (
        (found := scorer("a reply", sample)).value,
        found.outcome,
        found.reason,
    )


def test_every_scorer_describes_itself() -> None:
    """Each built-in class has its module's name, one line, and whether it is slow."""
    for name, line in scorer_descriptions().items():
        kind = find_scorer_class(name)
        assert (name, line, True) == (kind.name, kind.description, isinstance(kind.is_slow, bool))
        assert line
        assert "\n" not in line


def test_scorers_that_run_code_or_parse_grammars_are_slow() -> None:
    """They belong in a thread; comparing two short texts does not."""
    assert {True} == {find_scorer_class(name).is_slow for name in ("code", "sql", "patch", "math", "rouge")}
    assert {False} == {find_scorer_class(name).is_slow for name in ("exact", "choice", "numeric", "none")}


PIECES = st.sampled_from(
    [
        "Answer: ",
        "answer is ",
        "####",
        "\\boxed{",
        "}",
        "{",
        "**",
        "(A)",
        "B",
        " or ",
        "1,000",
        "1/0",
        "9" * 400,
        "%",
        "e999",
        "```",
        "```python\n",
        "\n",
        '{"a": ',
        "]",
        "\\frac{1}{0}",
        "-",
        "\u2212",
        "\ud800",
        "\0",
        "\u017f",
        "İ",
    ]
)
REPLIES = st.one_of(st.text(), st.lists(PIECES, max_size=30).map("".join))
FUZZED = [
    make_scorer("exact", {"threshold": 0.5}),
    make_scorer("contains", {"whole_words": True}),
    make_scorer("choice", {}),
    make_scorer("numeric", {"relaxed": True}),
    make_scorer("json", {"extra": False}),
    make_scorer("regex", {"pattern": r"(\w+)$"}),
    make_scorer("none", {}),
]


@example(reply="0\n%", target=0)
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    reply=REPLIES,
    target=st.one_of(
        st.text(), st.integers(), st.floats(), st.none(), st.dictionaries(st.text(), st.integers())
    ),
)
def test_no_reply_raises(reply: str, target: Any) -> None:
    """Whatever the reply and the target, a score comes back: a value of 0 to 1, or None and unscored."""
    for scorer in FUZZED:
        sample = Sample("s", (), target=target, columns=COLOURS)
        found = scorer(reply, sample)
        assert (found.value is None) == (
            scorer.unscorable_reason(sample) is not None or isinstance(scorer, Unscored)
        )
        assert (found.value is None) == (found.outcome == "unscored")
        assert found.value is None or 0 <= found.value <= 1
        assert "\n" not in found.reason


@settings(max_examples=15, deadline=None)
@given(reply=REPLIES)
def test_no_reply_breaks_the_code_scorer(reply: str) -> None:
    """Whatever the reply says, running it gives a score below 1."""
    assert score("code", reply, None, HUMANEVAL).outcome in {"wrong", "unparsed"}


@pytest.mark.parametrize(
    "reply",
    [
        "{" * 10**6,
        "9" * 10**6,
        "(A" * 10**6,
        "1," * 10**6,
        "```" * 10**6,
        "answer is " * 10**5,
        "\\boxed{" * 10**5,
        " " * 10**6,
        "**" * 10**6,
    ],
)
def test_long_replies_are_quick(reply: str) -> None:
    """A million characters of what the scorers look for take no longer than a few seconds."""
    for scorer in FUZZED:
        assert scorer(reply, Sample("s", (), target="42", columns=COLOURS)).outcome != "correct"

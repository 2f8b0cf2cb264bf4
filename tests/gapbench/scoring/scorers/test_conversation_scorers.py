"""Scorers of episodes: the state at the end, rules about the conversation, and all of them together."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gapbench.errors import InputError
from gapbench.scoring import make_scorer
from tests.scored_episodes import episode, sample, scored, step

STATE = {
    "orders": {"7": {"status": "refunded", "items": ["a", "b"], "total": 12.5}, "a/b": {"status": "open"}},
    "log": ["10:01 refund"],
    "notes": [{"to": "ann", "text": "done"}],
}


@pytest.mark.parametrize(
    ("assertion", "holds"),
    [
        ({"path": "/orders/7/status", "equals": "refunded"}, True),
        ({"path": "/orders/7/status", "equals": "open"}, False),
        ({"path": "/orders/7/total", "equals": 12.50}, True),
        ({"path": "/orders/a~1b/status", "equals": "open"}, True),
        ({"path": "/orders/8", "absent": True}, True),
        ({"path": "/orders/7", "absent": True}, False),
        ({"path": "/orders/7", "absent": False}, True),
        ({"path": "/orders/8", "absent": False}, False),
        ({"path": "/orders/8/status", "equals": "open"}, False),
        ({"path": "/orders/7/items", "count": 2}, True),
        ({"path": "/orders/7/items", "count": 3}, False),
        ({"path": "/orders/7/items", "contains": "a"}, True),
        ({"path": "/orders/7/items", "contains": "c"}, False),
        ({"path": "/notes", "contains": {"to": "ann"}}, True),
        ({"path": "/notes", "contains": {"to": "bob"}}, False),
        ({"path": "/log/0", "contains": "refund"}, True),
        ({"path": "/orders", "contains": "7"}, True),
        ({"path": "/orders/7/total", "min": 12, "max": 13}, True),
        ({"path": "/orders/7/total", "min": 13}, False),
        ({"path": "/orders/7/total", "max": 12}, False),
        ({"path": "/orders/7/status", "min": 1}, False),
        ({"path": "/log/00", "absent": True}, True),
        ({"path": "", "count": 3}, True),
    ],
)
def test_assertions_about_a_state(assertion: dict[str, Any], holds: bool) -> None:
    """By JSON Pointer; several checks in one assertion must all hold."""
    score = scored("state", episode(final=STATE), sample([assertion]))

    assert (float(holds), float(holds)) == (score.value, score.partial)


def test_the_share_of_assertions_is_partial() -> None:
    """Two of three hold: the score is 0, and 2 / 3 is stored beside it."""
    right, wrong = {"path": "/log", "count": 1}, {"path": "/log", "count": 2}
    score = scored("state", episode(final=STATE), sample([right, wrong]), assertions=[right])

    assert (0.0, 2 / 3) == (score.value, score.partial)
    assert "1 of 3 assertions fail: /log has 1 items, not 2" == score.reason


def test_a_whole_state_is_compared() -> None:
    """Equal, one value changed, one missing, and a part that does not count."""
    changed = {**STATE, "log": ["10:02 refund"]}

    assert "correct" == scored("state", episode(final=STATE), sample(STATE)).outcome
    assert "correct" == scored("state", episode(final=STATE), sample(json.dumps(STATE))).outcome
    assert (
        '/log/0 is "10:01 refund", not "10:02 refund"'
        == scored("state", episode(final=STATE), sample(changed)).reason
    )
    assert "correct" == scored("state", episode(final=STATE), sample(changed), ignore=["/log"]).outcome
    assert "/orders is missing" == scored("state", episode(final={}), sample({"orders": {}})).reason
    assert "/more should not be there" == scored("state", episode(final={"more": 1}), sample({})).reason
    assert (
        "correct"
        == scored(
            "state", episode(final={"a": {"x": {"t": 1}}}), sample({"a": {"x": {"t": 2}}}), ignore=["/a/*/t"]
        ).outcome
    )


def test_true_is_not_one() -> None:
    """And 1 is 1.0."""
    assert "wrong" == scored("state", episode(final={"a": True}), sample({"a": 1})).outcome
    assert "correct" == scored("state", episode(final={"a": 1.0}), sample({"a": 1})).outcome


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"assertions": [{"path": "orders", "equals": 1}]}, "'orders' is not a JSON Pointer"),
        ({"assertions": [{"path": "/a", "equal": 1}]}, "assertion 1 has the unknown key 'equal'"),
        ({"assertions": [{"path": "/a"}]}, "assertion 1 asserts nothing"),
        ({"assertions": ["/a"]}, "expected {path: /a/b, equals: …}"),
        ({"assertions": [{"path": "/a", "count": "2"}]}, 'count is "2"; expected a number'),
        ({"assertions": [{"path": "/a", "absent": 1}]}, "absent is 1; expected true or false"),
        ({"ignore": ["log"]}, "ignore: 'log' is not a JSON Pointer"),
    ],
)  # fmt: skip
def test_wrong_assertions_are_told_before_the_run(options: dict[str, Any], said: str) -> None:
    """As options; in a row they leave the sample unscored."""
    with pytest.raises(InputError) as caught:
        make_scorer("state", options)
    assert said in str(caught.value)
    if "assertions" in options:
        assert said in str(make_scorer("state", {}).unscorable_reason(sample(options["assertions"])))


def test_a_sample_without_a_state_cannot_be_scored() -> None:
    """Unless the options assert something."""
    assert "no state or assertions" in str(make_scorer("state", {}).unscorable_reason(sample(None)))
    assert (
        make_scorer("state", {"assertions": [{"path": "/a", "count": 1}]}).unscorable_reason(sample(None))
        is None
    )


PLAYED = episode(
    step("weather", city="Oslo"),
    step("refund", is_error=True, id=7),
    step("weather", city="Bern"),
    said=("Your refund was refused.", "Anything else?"),
)


@pytest.mark.parametrize(
    ("rules", "holds"),
    [
        ({"must_call": ["weather"]}, True),
        ({"must_call": ["refund"]}, False),
        ({"must_call": [{"name": "weather", "arguments": {"city": "Bern"}}]}, True),
        ({"must_call": [{"name": "weather", "arguments": {"city": "Rome"}}]}, False),
        ({"must_not_call": ["cancel"]}, True),
        ({"must_not_call": ["refund"]}, False),
        ({"must_not_call": [{"name": "weather", "arguments": {"city": "Rome"}}]}, True),
        ({"max_calls": 3}, True),
        ({"max_calls": 2}, False),
        ({"max_calls": 0}, False),
        ({"must_say": ["refund was REFUSED"]}, True),
        ({"must_say": ["paid back"]}, False),
        ({"must_say": [["paid back", "refused"]]}, True),
        ({"must_not_say": ["bad"]}, True),
        ({"must_not_say": ["refused"]}, False),
        ({"must_call": [{"name": "weather", "arguments": {"city": "Oslo"}}, {"name": "weather", "arguments": {"city": "Bern"}}], "order": True}, True),
        ({"must_call": [{"name": "weather", "arguments": {"city": "Bern"}}, {"name": "weather", "arguments": {"city": "Oslo"}}], "order": True}, False),
    ],
)  # fmt: skip
def test_rules_about_an_episode(rules: dict[str, Any], holds: bool) -> None:
    """As options and as a column; a failed call is none that was made as asked. The prompt's words are not the model's."""
    assert float(holds) == scored("trajectory", PLAYED, sample(), **rules).value
    assert float(holds) == scored("trajectory", PLAYED, sample(trajectory=rules)).value
    assert float(holds) == scored("trajectory", PLAYED, sample(trajectory=json.dumps(rules))).value


def test_rules_of_options_and_of_the_row_add_up() -> None:
    """Two of four hold."""
    score = scored("trajectory", PLAYED, sample(trajectory={"must_say": ["refused"], "max_calls": 1}), must_call=["weather", "cancel"])  # fmt: skip

    assert (0.0, 2 / 4) == (score.value, score.partial)


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ({"must_call": [7]}, "must_call is [7]; expected a list of names"),
        ({"must_say": ["a", ""]}, "expected a list of texts"),
        ({"must_call": [{"tool": "a"}]}, "expected a list of names, or of {name, arguments}"),
    ],
)
def test_wrong_rules_are_told_before_the_run(rules: dict[str, Any], said: str) -> None:
    """As options, and in a row, where an unknown rule is told too."""
    with pytest.raises(InputError) as caught:
        make_scorer("trajectory", rules)
    assert said in str(caught.value)
    assert said in str(make_scorer("trajectory", {}).unscorable_reason(sample(trajectory=rules)))
    assert "unknown rule 'must_cal'" in str(
        make_scorer("trajectory", {}).unscorable_reason(sample(trajectory={"must_cal": []}))
    )
    assert "there is no rule" in str(make_scorer("trajectory", {}).unscorable_reason(sample()))


ALL: dict[str, Any] = {"scorers": ["state", {"name": "trajectory", "must_say": ["refused"]}]}


@pytest.mark.parametrize(("final", "said", "value", "partial"), [(STATE, "Refused.", 1, 1), ({}, "Refused.", 0, 0.5), (STATE, "Paid.", 0, 0.5), ({}, "Paid.", 0, 0)])  # fmt: skip
def test_all_is_the_product(final: Any, said: str, value: float, partial: float) -> None:
    """One that fails fails the whole; the share is the mean."""
    target = [{"path": "/log", "count": 1}]
    score = scored("all", episode(said=(said,), final=final), sample(target), **ALL)

    assert (value, partial) == (score.value, score.partial)


def test_all_gives_scorers_of_texts_the_last_reply() -> None:
    """`contains` sees what was said last."""
    options: dict[str, Any] = {"scorers": ["contains", {"name": "trajectory", "max_calls": 0}]}

    assert 1 == scored("all", episode(said=("No.", "It is refused.")), sample("refused"), **options).value


def test_all_refuses_what_it_cannot_combine() -> None:
    """Nothing, itself, a judge, an unknown one, and programs that need a core of their own."""
    for scorers, said in (
        ([], "name at least one"),
        (["all"], "expected the name of a scorer"),
        (["judge"], "expected the name of a scorer"),
        (["stat"], "did you mean 'state'"),
        (["code"], "runs the reply in the sandbox"),
    ):
        with pytest.raises(InputError, match=said):
            make_scorer("all", {"scorers": scorers})


def test_one_part_that_cannot_score_leaves_the_whole_unscored() -> None:
    """With its name."""
    assert "trajectory: there is no rule" in str(make_scorer("all", {"scorers": ["state", "trajectory"]}).unscorable_reason(sample({})))  # fmt: skip


@pytest.mark.parametrize(("name", "options"), [("state", {}), ("trajectory", {"max_calls": 1}), ("tool_calls", {}), ("all", ALL)])  # fmt: skip
def test_an_infra_episode_is_never_a_failure(name: str, options: dict[str, Any]) -> None:
    """It is unscored, whatever happened before."""
    score = scored(name, episode(termination="infra"), sample([]), **options)

    assert (None, "unscored") == (score.value, score.outcome)

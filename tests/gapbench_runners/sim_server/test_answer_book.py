"""What a plan tells the simulated provider arrives there whole."""

from __future__ import annotations

import dataclasses

import orjson
import pytest

from gapbench.values import GroundTruth, Message, Text, Tool, ToolSet
from gapbench_runners.sim_server.answer_book import dump_answer_book, parse_truth
from gapbench_runners.sim_server.episode_position import EpisodePosition
from gapbench_runners.sim_server.script import find_truth
from tests.gapbench_runners.episodes import REFERENCE_TURNS, shop_truth
from tests.gapbench_runners.simulated import truth, user


def test_turns_with_calls_come_back() -> None:
    """Text, names, arguments and their order."""
    (line,) = dump_answer_book([shop_truth()]).splitlines()

    assert parse_truth(line) == shop_truth()
    assert parse_truth(line).reference_turns == REFERENCE_TURNS


def test_a_line_without_turns_is_a_truth_of_one_reply() -> None:
    """Books written by hand or by an earlier version."""
    given = dataclasses.asdict(truth())
    short = {key: given[key] for key in ("prompt_sha256", "category", "reference", "decoy")}

    assert parse_truth(orjson.dumps(short)) == truth()


@pytest.mark.parametrize(
    ("turn", "said"),
    [
        ({"role": "user", "parts": []}, "must have the role assistant, found 'user'"),
        (
            {"role": "assistant", "parts": [{"image_sha256": "0"}]},
            "holds text and tool calls, found image_sha256",
        ),
    ],
)
def test_a_turn_that_no_model_says_is_named(turn: object, said: str) -> None:
    """With what was found."""
    given = {**dataclasses.asdict(truth()), "reference_turns": [turn]}

    with pytest.raises(ValueError, match=said):
        parse_truth(orjson.dumps(given))


def test_lines_of_the_user_and_tools_come_back() -> None:
    """They tell samples with one first prompt apart."""
    given = dataclasses.replace(truth(), user_lines=("And now?",), tool_names=("find", "ls"))
    (line,) = dump_answer_book([given]).splitlines()

    assert parse_truth(line) == given


def variant(reference: str, *lines: str, tools: tuple[str, ...] = ()) -> GroundTruth:
    return dataclasses.replace(truth(), reference=reference, user_lines=lines, tool_names=tools)


def test_what_the_user_says_later_tells_two_samples_apart() -> None:
    """At the first turn, where both fit, the last one is taken, as for samples that are alike in all."""
    first, last = variant("a", "More."), variant("b", "Less.")
    said = (*user("And?"), Message("assistant", (Text("I see."),)))

    def found(*later: Message) -> str | None:
        position = EpisodePosition("x", (*said[1:], *later))
        best = find_truth([first, last], position, None)
        return None if best is None else best.reference

    assert [found(), found(*user("More.")), found(*user("Less.")), found(*user("Other."))] == [
        "b",
        "a",
        "b",
        "b",
    ]
    assert find_truth([], EpisodePosition("x"), None) is None


def test_the_tools_declared_tell_two_samples_apart() -> None:
    """Under the names that a vendor takes: dots are underscores there."""
    both = [variant("a", tools=("math.sum", "ls")), variant("b", tools=("ls",))]
    declared = [
        ToolSet(tuple(Tool(name, "", {}) for name in names)) for names in (("ls", "math_sum"), ("ls",))
    ]
    best = [find_truth(both, EpisodePosition("x"), tools) for tools in declared]

    assert [item.reference for item in best if item is not None] == ["a", "b"]

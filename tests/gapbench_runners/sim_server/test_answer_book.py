"""What a plan tells the simulated provider arrives there whole."""

from __future__ import annotations

import dataclasses

import orjson
import pytest

from gapbench_runners.sim_server.answer_book import dump_answer_book, parse_truth
from tests.gapbench_runners.episodes import REFERENCE_TURNS, shop_truth
from tests.gapbench_runners.simulated import truth


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

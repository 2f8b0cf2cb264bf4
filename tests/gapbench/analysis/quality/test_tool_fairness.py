"""What two models must have alike when they are given tools."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gapbench.analysis.quality.gap import gap
from gapbench.analysis.quality.tool_fairness import group_tool_changes
from tests.run_folders import make_attempt, write_run

PLAIN = {"tools": 3, "tool_choice": "auto"}


def fairness(
    tmp_path: Path, closed: object, opened: object, changes: tuple[str, ...] = (), **facts: str | None
) -> list[str]:
    rows = [
        make_attempt(model_id="closed-a", params_sent=json.dumps(closed)),
        make_attempt(model_id="open-a", params_sent=json.dumps(opened), params_changes=changes),
    ]
    return gap(write_run(tmp_path / "run", rows, open_a={"facts": facts})).fairness


@pytest.mark.parametrize(
    ("closed", "opened", "line"),
    [
        (
            {**PLAIN, "strict": True},
            PLAIN,
            "strict tools differ: closed-a on, open-a the provider's default.",
        ),
        (
            {**PLAIN, "parallel_tool_calls": False},
            {**PLAIN, "parallel_tool_calls": True},
            "parallel tool calls differ: closed-a off, open-a on.",
        ),
        (PLAIN, {}, "closed-a was given tools and open-a was not."),
    ],
)
def test_a_difference_in_how_tools_were_given_is_named(
    tmp_path: Path, closed: object, opened: object, line: str
) -> None:
    """Strict or not, parallel or not, given or not."""
    assert line in fairness(tmp_path, closed, opened)


def test_equal_tools_break_no_condition(tmp_path: Path) -> None:
    """The same tools, given alike."""
    assert fairness(tmp_path, PLAIN, PLAIN) == []


def test_the_parser_of_the_server_is_named(tmp_path: Path) -> None:
    """A parser may lose calls that the model made."""
    assert fairness(tmp_path, PLAIN, PLAIN, tool_call_parser="hermes") == [
        "tool calls are read out of the reply differently: closed-a by the provider, open-a by the parser hermes."
    ]


def test_a_server_without_a_named_parser_is_not_taken_for_a_provider(tmp_path: Path) -> None:
    """A vLLM always has a parser; a suite may leave out its name."""
    (line,) = fairness(tmp_path, PLAIN, PLAIN, tool_call_parser=None)

    assert line.endswith(
        "closed-a by the provider, open-a by a parser that the suite does not name (tool_parser)."
    )


def test_another_name_of_a_tool_is_a_change(tmp_path: Path) -> None:
    """A renamed setting is none, but models read the names of tools."""
    changes = (
        "tool a.b renamed a_b: OpenAI allows letters, digits, _ and -",
        "max_tokens sent as max_output_tokens",
    )
    lines = fairness(tmp_path, PLAIN, PLAIN, changes)

    assert lines == ["open-a: tool a.b renamed a_b: OpenAI allows letters, digits, _ and -."]


def test_changes_that_several_tools_share_are_one_line() -> None:
    """Two tools lost strict for one reason, and a third for another."""
    lines = [
        "tool a: strict dropped, because x",
        "tool b: strict dropped, because x",
        "tool c: pattern left out",
    ]

    assert group_tool_changes(lines) == ["tools a, b: strict dropped, because x", "tool c: pattern left out"]

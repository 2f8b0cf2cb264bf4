"""Numbers that options take."""

from __future__ import annotations

import click
import pytest

from gapbench.cli import COMMANDS, bench, invoke
from gapbench.commands.options import Finite

NUMBERS = [
    pytest.param(command, param, id=f"{command} {param.opts[0]}")
    for command in COMMANDS
    for param in getattr(bench.get_command(click.Context(bench), command), "params", [])
    if isinstance(param.type, click.types.FloatParamType | click.FloatRange)
]


@pytest.mark.parametrize(("command", "param"), NUMBERS)
@pytest.mark.parametrize("text", ["nan", "inf", "-inf"])
def test_a_number_is_finite_wherever_an_option_takes_one(
    command: str, param: click.Parameter, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """No bounds keep ``nan`` out, and no margin, limit or budget can be infinite."""
    assert isinstance(param.type, Finite)
    assert 2 == invoke([command, param.opts[0], text])

    told = capsys.readouterr().err
    assert f"Invalid value for '{param.opts[0]}'" in told
    assert 1 == len(told.strip().splitlines())


def test_there_are_such_options() -> None:
    """A margin, a budget and a limit among them."""
    names = {(param.values[0], param.values[1].opts[0]) for param in NUMBERS}  # type: ignore[union-attr]  # as made above

    assert {("gap", "--margin"), ("run", "--max-usd"), ("capacity", "--ttft")} <= names


def test_a_finite_number_is_taken_as_it_is() -> None:
    """Exponents too."""
    assert 0.5 == Finite(min=0).convert("5e-1", None, None)

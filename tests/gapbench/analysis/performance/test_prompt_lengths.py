"""How far the prompts of a replay are from the log is said where it is more than 3 %."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gapbench.analysis.frames import load_runs
from gapbench.analysis.performance.prompt_lengths import prompt_lengths
from gapbench.analysis.quality.summary import summarize
from tests.run_folders import make_attempt

Make = Callable[..., Path]


def replayed(make_run: Make, *tokens: tuple[int | None, int | None], kind: str = "replay") -> Path:
    """Return a run whose attempts have these tokens: what the server counted, what the log counts."""
    return make_run(
        [
            make_attempt(
                cell_id="open-b|traffic/twin|replay", model_id="open-b", task="twin", load_kind=kind,
                sample_id=f"row-{number:06d}", input_tokens=sent, logged_input_tokens=logged,
            )
            for number, (sent, logged) in enumerate(tokens)
        ]
    )  # fmt: skip


def test_longer_prompts_are_a_warning(make_run: Make) -> None:
    """130 + 110 tokens where the log has 100 + 100: 20 % more. Attempts of which one count is unknown are left out."""
    run = replayed(make_run, (130, 100), (110, 100), (None, 100), (900, None))
    (found,) = prompt_lengths(load_runs([run]))

    assert (2, 240, 200) == (found.requests, found.input_tokens, found.logged_input_tokens)
    assert found.difference == pytest.approx(0.2)
    (note,) = [line for line in summarize([run]).warnings if "in the log" in line]
    assert note.startswith("open-b on twin: prompts had 20.0 % more tokens than in the log (240, logged 200)")
    assert "give the replay a tokenizer" in note


@pytest.mark.parametrize(("sent", "is_warned"), [(103, False), (97, False), (104, True), (96, True)])
def test_within_3_percent_nothing_is_said(make_run: Make, sent: int, is_warned: bool) -> None:
    """Of 100 logged tokens."""
    warnings = summarize([replayed(make_run, (sent, 100))]).warnings

    assert is_warned == any("in the log" in line for line in warnings)


def test_what_is_no_replay_has_no_lengths(make_run: Make) -> None:
    """Nothing is read for it."""
    assert [] == prompt_lengths(load_runs([replayed(make_run, (130, 100), kind="rate")]))

"""The capacity table in the terminal."""

from __future__ import annotations

from collections.abc import Callable
from io import StringIO
from pathlib import Path

from rich.console import Console

from gapbench.analysis.performance.capacity import capacity
from gapbench.report.capacity import capacity_table
from gapbench.values.slo import Slo
from tests.run_folders import make_attempt, make_episode, write_run

Make = Callable[..., Path]


def shown(folder: Path, simulated: bool) -> str:
    rows = [
        make_attempt(
            model_id="closed-a", sample_id=f"{rate}-{k}", load_kind="rate", load_value=float(rate),
            cell_id=f"closed-a|reasoning/sums|r{rate}", scheduled_s=float(k), sent_s=float(k),
            first_token_s=k + (0.1 if rate == 1 else 0.9), done_s=k + 1.0, chunk_s=(k + 0.1, k + 0.9),
            simulated=simulated,
        )
        for rate in (1, 2)
        for k in range(60)
    ]  # fmt: skip
    out = StringIO()
    found = capacity([write_run(folder / "run-1", rows)], Slo(ttft_s=0.5))
    Console(file=out, width=80).print(capacity_table(found))
    return out.getvalue()


def test_levels_and_the_rate_stand_in_it(tmp_path: Path) -> None:
    """1 a second keeps it, 2 a second does not: the rate lies at 1.035, 5 % of the way on the log scale."""
    text = shown(tmp_path, simulated=False)

    assert "ttft_s <= 0.5, 95 % of requests" in text
    assert "closed-a: 1.035/s (at least 1/s)" in text
    assert "fails" in next(line for line in text.splitlines() if line.strip().startswith("2.00/s"))
    assert "SIMULATED" not in text


def test_the_answer_comes_before_the_levels(tmp_path: Path) -> None:
    """The highest rate stands in the second line; at 80 columns the levels are a table, not blocks of lines."""
    lines = shown(tmp_path, simulated=False).splitlines()

    assert lines[1].startswith("closed-a: 1.035/s")
    assert any("kept % (low)" in line and "TTFT p95" in line for line in lines)


def test_simulated_is_said_and_no_line_is_too_wide(tmp_path: Path) -> None:
    """80 columns."""
    text = shown(tmp_path, simulated=True)

    assert "SIMULATED" in text
    assert max(map(len, text.splitlines())) <= 80


def test_levels_of_agents_say_what_is_solved(tmp_path: Path) -> None:
    """20 of 40 episodes, the dollars of 120 replies, and the limit that all keep."""
    rows = [
        row
        for k in range(40)
        for row in make_episode(
            3,
            model_id="closed-a",
            sample_id=str(k),
            outcome="correct" if k < 20 else "wrong",
            scheduled_s=float(k),
        )
    ]
    out = StringIO()
    Console(file=out, width=120).print(
        capacity_table(capacity([write_run(tmp_path / "run", rows)], Slo(task_s=15)))
    )

    assert "20 of 40" in out.getvalue()
    assert "8 agents" in out.getvalue()
    assert "closed-a: >= 8 agents, the highest tested" in out.getvalue()
    assert "task_s <= 15, 95 % of requests" in out.getvalue()


def test_many_series_are_one_table(tmp_path: Path) -> None:
    """Three models on two tasks: one head, one note on what is unsure, and one answer for tasks that are alike."""
    rows = [
        make_attempt(
            model_id=model, task=task, sample_id=str(k), load_kind="concurrency", load_value=8.0,
            cell_id=f"{model}|{task}|c8", scheduled_s=float(k), sent_s=float(k), first_token_s=k + 0.1, done_s=k + 1.0,
        )
        for model in ("closed-a", "open-b", "open-c")
        for task in ("reasoning/sums", "coding/sort")
        for k in range(20)
    ]  # fmt: skip
    out = StringIO()
    found = capacity([write_run(tmp_path / "run", rows)], Slo(ttft_s=0.5))
    Console(file=out, width=120).print(capacity_table(found))
    text = out.getvalue()

    assert 1 == text.count("kept % (low)")
    assert "closed-a on coding/sort and reasoning/sums: >= 8 in flight" in text
    assert ["too few requests to be sure of 6 of 6 levels"] == found.warnings
    assert 6 == sum(line.rstrip().endswith("unsure") for line in text.splitlines())

"""The table of episodes: success, work, where the time went, and dollars per solved task."""

from __future__ import annotations

from functools import partial

from gapbench import formatting
from gapbench.analysis.quality.trajectories import TERMINATIONS, TrajectoryTable
from gapbench.report.table import Column, Row, Sections, Span, Table
from gapbench.report.tables.summary import weights_tone
from gapbench.store.json_records import records

_TASK = Column("task", "task", lambda row: str(row["task"]), is_text=True)
_SPLIT = (("model_s", "model"), ("tool_s", "tools"), ("user_s", "user"), ("queue_s", "queue"))


def trajectory_table(trajectories: TrajectoryTable) -> Table | None:
    """Return one row for each task and model. None: the runs have no episode."""
    if trajectories.frame.empty:
        return None
    rows = records(trajectories.frame)
    columns = [
        Column("model_id", "model", lambda row: str(row["model_id"]), is_text=True, min_width=12, tone=weights_tone),
        Column("episodes", "episodes", lambda row: formatting.format_count(row["episodes"]), 4),
        Column("success", "solved %", _success),
        Column("turns", "turns", partial(_number, key="turns"), 3),
        Column("calls", "calls", partial(_number, key="calls"), 6),
        Column("calls_failed", "failed calls", partial(_percent, key="calls_failed"), 7),
        Column("calls_invalid", "invalid", partial(_percent, key="calls_invalid"), 8),
        Column("wall_p50_s", "task p50", partial(_seconds, key="wall_p50_s"), 1),
        Column("wall_p95_s", "task p95", partial(_seconds, key="wall_p95_s"), 5),
        Column("split", "model/tools/user/queue %", _split, 2),
        Column("cached_share", "cached", partial(_percent, key="cached_share"), 9),
        Column("usd_per_solved", "$/solved", _usd_per_solved),
        Column("complete_call_p50_s", "call p50", partial(_seconds, key="complete_call_p50_s"), 10),
        Column("ended", "not done", _ended, is_text=True, is_detail=True),
    ]  # fmt: skip
    if any(formatting.is_known(row["partial"]) for row in rows):
        columns.insert(3, Column("partial", "partial", partial(_percent, key="partial"), 11))
    if any(formatting.is_known(row["usd_user"]) for row in rows):
        columns.insert(
            -2, Column("usd_user", "user $", lambda row: formatting.format_usd(row["usd_user"]), 13)
        )
    if any(formatting.is_known(row["usd_judge"]) for row in rows):
        columns.insert(
            -2, Column("usd_judge", "judge $", lambda row: formatting.format_usd(row["usd_judge"]), 12)
        )
    totals = trajectories.weights.counts_items(
        "Numbers of episodes and total dollars are those of the run: they count"
    )
    return Table(
        "episodes",
        "Episodes",
        tuple(columns),
        rows,
        Sections(lambda row: row["task"], _heading, (_TASK,)),
        simulated=trajectories.simulated,
        notes=tuple(
            (line, "dim")
            for line in [*trajectories.weights.describe_traffic(), *(f"{line}." for line in totals), _NOTE]
        ),
        lead="An episode is one task that the model works on in several turns. Shares with their 95 % interval.",
        fits_phone=False,
    )


_NOTE = (
    "Times of a task are those of the whole episode; a call's is one reply's, up to its first whole call. $/solved: all "
    "attempts of the model over its solved tasks, retries and lost episodes included."
)


def _heading(row: Row) -> tuple[Span, ...]:
    return ((str(row["task"]), "headline"),)


def _success(row: Row) -> str:
    return formatting.format_accuracy(
        {f"accuracy{end}": row[f"success{end}"] for end in ("", "_low", "_high")}
    )


def _number(row: Row, key: str) -> str:
    return formatting.format_number(row[key])


def _percent(row: Row, key: str) -> str:
    return formatting.format_percent(row[key])


def _seconds(row: Row, key: str) -> str:
    return formatting.format_seconds(row[key])


def _split(row: Row) -> str:
    """Return the shares of the wall time, in percent."""
    if not row["wall_s"]:
        return formatting.NOTHING
    return "/".join(f"{row[key] / row['wall_s'] * 100:.0f}" for key, _ in _SPLIT)


def _usd_per_solved(row: Row) -> str:
    low, high = row["usd_per_solved_low"], row["usd_per_solved_high"]
    text = formatting.format_usd(row["usd_per_solved"])
    if not formatting.is_known(low) or not formatting.is_known(high):
        return text
    return f"{text}\n({formatting.format_usd(low)} to {formatting.format_usd(high)})"


def _ended(row: Row) -> str:
    """Return how the episodes ended that the model did not end itself."""
    found = [f"{row[name]} {name.replace('_', ' ')}" for name in TERMINATIONS if name != "done" and row[name]]
    return ", ".join(found) or "all ended by themselves"

"""How closely a replay followed its log: what was not sent or was changed, and when it was sent against the log."""

from __future__ import annotations

from gapbench.analysis.frames import Runs, load_of_cell
from gapbench.formatting import count_of, format_seconds
from gapbench.store.manifest import CellEntry
from gapbench.store.replay_entry import LatenessEntry, ReplayEntry


def replay_notes(runs: Runs) -> list[str]:
    """Return a sentence for each cell that replayed logged traffic; []: none did."""
    notes: list[str] = []
    for _, cell in runs.cells:
        if cell.replay is not None:
            where = f"{cell.model_id} on {cell.task} at {load_of_cell(cell.cell_id)}"
            notes.append(f"{where}: {_describe_sent(cell, cell.replay)}; {_describe_times(cell.replay)}")
    return notes


def _describe_sent(cell: CellEntry, replay: ReplayEntry) -> str:
    said = f"{cell.planned:,} of {count_of(replay.logged, 'logged request')} replayed"
    left_out = [f"{count:,} {reason}" for reason, count in replay.left_out.items()]
    if left_out:
        said += f" (left out: {'; '.join(left_out)})"
    changed = [f"{count:,} {what}" for what, count in replay.parts_left_out.items()]
    if replay.made_up:
        changed.insert(0, f"{count_of(replay.made_up, 'prompt')} made up with the logged length")
    if replay.without_length:
        changed.append(f"{count_of(replay.without_length, 'answer')} without a logged length")
    return said + (f", {', '.join(changed)}" if changed else "")


def _describe_times(replay: ReplayEntry) -> str:
    if replay.arrivals is None and replay.follow_ups is None:
        return "when they were sent against the log is not known"
    parts = []
    if replay.arrivals is not None:
        parts.append(f"sent {_late(replay.arrivals)} than in the log (p50 and p99)")
    if replay.follow_ups is not None:
        turns = count_of(replay.follow_ups.sent, "later turn")
        parts.append(f"{turns} of sessions {_late(replay.follow_ups)}, after the answers that they wait for")
    return "; ".join(parts)


def _late(late: LatenessEntry) -> str:
    def text(value_s: float) -> str:
        return f"{format_seconds(abs(value_s))} {'earlier' if value_s < 0 else 'later'}"

    first, second = text(late.p50_s), text(late.p99_s)
    if first.split()[-1] == second.split()[-1]:
        first = first.rsplit(maxsplit=1)[0]
    return f"{first} and {second}"

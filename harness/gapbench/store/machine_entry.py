"""What ``run.json`` keeps of a machine that sent a part of a cell."""

from __future__ import annotations

from pydantic import Field

from gapbench.store.manifest_types import Count, Entry, JsonObject, Number, UtcTime


class MachineEntry(Entry):
    """One machine in one session of a cell.

    Latencies need no common clock and are exact. The rows' times since the cell's start are those of the machine's own
    clock, moved by ``clock_offset_s``; compared with another machine's they may be wrong by ``clock_bound_s``.

    Attributes:
        name: Its name.
        workers: Numbers of its workers, as the rows have them.
        facts: Its hardware, as ``machine`` in ``run.json`` has that of the conductor.
        started_at: When the session of the cell began; the rows have the same.
        clock_offset_s: The machine's clock minus the conductor's, as it was taken for the whole cell.
        clock_bound_s: The true offset differed from it by at most this at any time of the cell.
        clock_drift: Seconds that the machine's clock gained per second. 0 while no line could be drawn.
        clock_exchanges: Exchanges of the time that this is from.
        rtt_s: Least round trip between both. None: there was none.
        lost: Why the machine, or a worker of it, was lost. None: it was not.
        not_sent: Requests of its share that were never sent.
        in_flight: Requests of its share that were in flight when it was lost.
        moved: Requests of its share that other machines sent in its place.
    """

    name: str
    workers: list[int]
    facts: JsonObject = Field(default_factory=dict)
    started_at: UtcTime | None = None
    clock_offset_s: Number
    clock_bound_s: Number
    clock_drift: Number = 0.0
    clock_exchanges: Count = 0
    rtt_s: Number | None = None
    lost: str | None = None
    not_sent: Count = 0
    in_flight: Count = 0
    moved: Count = 0

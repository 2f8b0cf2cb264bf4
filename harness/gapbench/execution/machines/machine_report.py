"""What the manifest keeps of a machine and a cell: its clock against ours, and what it did not send."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from gapbench.execution.machines.machine import Machine, WorkerLink


@dataclass(frozen=True, slots=True)
class MachineReport:
    """One machine in one cell. See :class:`gapbench.store.machine_entry.MachineEntry`."""

    name: str
    workers: list[int]
    facts: dict[str, Any] = field(default_factory=dict)
    clock_offset_s: float = 0.0
    clock_bound_s: float = 0.0
    clock_drift: float = 0.0
    clock_exchanges: int = 0
    rtt_s: float | None = None
    lost: str | None = None
    not_sent: int = 0
    in_flight: int = 0
    moved: int = 0


@dataclass(frozen=True, slots=True)
class LostShare:
    """What a lost worker left.

    Attributes:
        link: The worker's connection.
        not_sent: Requests that it had not begun, and that no other worker sends.
        in_flight: Requests that it had begun, and that no other worker sends.
        moved: Requests that other workers send.
    """

    link: WorkerLink
    not_sent: int = 0
    in_flight: int = 0
    moved: int = 0

    @classmethod
    def of(cls, link: WorkerLink, *, is_moved: bool) -> LostShare:
        """Return what a lost worker left.

        Args:
            link: The worker's connection.
            is_moved: Whether other workers send it.
        """
        if is_moved:
            return cls(link, moved=len(link.share))
        in_flight = len(link.started & link.share.keys())
        return cls(link, len(link.share) - in_flight, in_flight)

    @property
    def words(self) -> str | None:
        """What is missing, for the user. None: nothing is."""
        if not self.not_sent and not self.in_flight:
            return None
        return (
            f"{self.link.label} is lost ({self.link.lost}): {self.not_sent} of its requests were not sent and "
            f"{self.in_flight} were in flight"
        )


def report_machine(
    machine: Machine,
    workers: list[int],
    offset_s: float,
    stretch_s: tuple[float, float],
    lost: Sequence[LostShare],
) -> MachineReport:
    """Return what is kept of one machine.

    Args:
        machine: The machine.
        workers: Numbers of its workers.
        offset_s: The offset by which its instants were translated.
        stretch_s: Start and end of the cell, on our clock.
        lost: What its lost workers left.
    """
    reason = machine.lost or next((share.link.lost for share in lost), None)
    return MachineReport(
        machine.name,
        workers,
        machine.facts,
        clock_offset_s=offset_s,
        clock_bound_s=machine.clock.bound_over(offset_s, *stretch_s),
        clock_drift=machine.clock.drift()[0],
        clock_exchanges=len(machine.clock.exchanges),
        rtt_s=machine.clock.least_rtt_s,
        lost=reason if lost else None,
        not_sent=sum(share.not_sent for share in lost),
        in_flight=sum(share.in_flight for share in lost),
        moved=sum(share.moved for share in lost),
    )

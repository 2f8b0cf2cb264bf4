"""Over real HTTP and each protocol, a kill at any step leaves one final row each, nothing paid twice and the vendor's dollars.

Every step of longer runs is killed in benchmarks/batch_faults.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.batch_sim import TROUBLE, VENDORS, SimThread, SimulatedRun


@pytest.fixture(scope="module")
def thread() -> Iterator[SimThread]:
    running = SimThread()
    yield running
    running.close()


@pytest.fixture(scope="module")
def quiet_steps(thread: SimThread, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """The steps of a run that nothing disturbs, by protocol."""
    folder = tmp_path_factory.mktemp("quiet")
    return {
        protocol: SimulatedRun.make(folder / protocol, thread, protocol, count=4, most=2).run_with_kill(None)
        for protocol in ("chat", "anthropic", "google")
    }


@pytest.mark.parametrize("protocol", VENDORS)
def test_an_undisturbed_run_costs_what_the_vendor_charges(
    tmp_path: Path, thread: SimThread, protocol: str
) -> None:
    """Results reordered, failed, forgotten, expired and repeated: rows and ledger agree to the last digit."""
    made = SimulatedRun.make(tmp_path / "run", thread, protocol, count=8, most=3)
    steps = made.run_with_kill(None)

    assert [] == made.problems()
    assert 0 < sum(batch.charged for batch in made.simulation.batches.charges())
    assert {"journal", "line"} <= set(steps)


@pytest.mark.parametrize("protocol", ["chat", "anthropic", "google"])
@pytest.mark.parametrize("moment", ["answer POST", "line", "journal"])
def test_a_kill_is_survived(
    tmp_path: Path, thread: SimThread, quiet_steps: dict[str, list[str]], protocol: str, moment: str
) -> None:
    """Killed when a submission is answered, in the middle of the results, and when a batch is about to be closed."""
    steps = [number for number, name in enumerate(quiet_steps[protocol], 1) if name == moment]
    killed = SimulatedRun.make(tmp_path / "killed", thread, protocol, count=4, most=2)
    killed.run_with_kill(steps[len(steps) // 2])

    assert [] == killed.problems()


@pytest.mark.parametrize("protocol", ["chat", "anthropic", "google"])
def test_a_submission_whose_answer_is_cut_is_not_made_twice(
    tmp_path: Path, thread: SimThread, protocol: str
) -> None:
    """The vendor takes the first two batches and cuts the connection: both are found and adopted."""
    persona = {**TROUBLE, "faults": {}, "batches": {"polls": 1, "cut_first": 2}}
    made = SimulatedRun.make(tmp_path / "run", thread, protocol, persona, count=4, most=2)
    made.run_with_kill(None)

    assert [] == made.problems()
    assert [2, 2] == [batch.requests for batch in made.simulation.batches.charges()]

"""A fifth of all replies spoilt in sixteen ways: every request has its outcome, and none is blamed on the model."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pytest

from gapbench.execution.limits.stop_signal import StopSignal
from gapbench.execution.run import RunSettings, run
from gapbench.runner import load_runner_class as load_runner
from gapbench.store import RunWriter, read_attempts, read_manifest
from gapbench.suite.plan import Load
from gapbench.values import GroundTruth, Model, prompt_sha256
from gapbench.values.policies import BreakerPolicy, RetryPolicy, RunPolicies, Timeouts
from tests.fault_server import FAULTS, FaultServer
from tests.gapbench.execution.test_run import Watch
from tests.gapbench_runners.simulated import mind, served
from tests.makers import plan, sample

COUNT = 60
IN_FLIGHT = 8
PATIENT = RetryPolicy(max_attempts=12, max_wait_s=0.0)


def truths() -> list[GroundTruth]:
    """Return a book by which every third prompt is answered wrongly, however often it is asked."""
    return [
        GroundTruth(
            prompt_sha256(sample(n).messages), "reasoning", f"Answer: {n + (n % 3 > 0)}", "Answer: -1"
        )
        for n in range(COUNT)
    ]


def model(protocol: str, url: str) -> Model:
    return Model(protocol, "sim", "m", "open", base_url=url, options={"sim": {"protocol": protocol}})


def go(
    folder: Path,
    protocol: str,
    share: float,
    settings: RunSettings,
    faults: tuple[str, ...] = FAULTS,
    count: int = COUNT,
) -> tuple[pd.DataFrame, FaultServer]:
    """Run so many sums through a fault server and return the attempts."""

    async def main() -> FaultServer:
        async with served(m=mind(*truths())) as (upstream, _):
            server = FaultServer(upstream, share, faults, seed=1)
            asked = model(protocol, await server.start())
            made = plan(asked, count=count, load=Load("concurrency", IN_FLIGHT))
            runner = load_runner("sim")(asked)
            try:
                with RunWriter(folder) as writer:
                    await run(made, {asked.id: runner}, writer, settings, Watch(), StopSignal())
            finally:
                await server.stop()
            return server

    server = asyncio.run(main())
    return read_attempts([folder]), server


@pytest.mark.parametrize("protocol", ["openai", "responses", "anthropic", "google"])
def test_a_run_through_faults_ends_with_the_answers_of_one_without(tmp_path: Path, protocol: str) -> None:
    """Each of 60 requests has one final row; accuracy is that of the fault-free run, answer by answer."""
    settings = RunSettings(RunPolicies(PATIENT, Timeouts(total_s=1.0)))
    plain, _ = go(tmp_path / "plain", protocol, 0.0, RunSettings(RunPolicies(PATIENT)))
    spoilt, server = go(tmp_path / "spoilt", protocol, 0.2, settings)
    finals = spoilt[spoilt["final"]]

    assert "complete" == read_manifest(tmp_path / "spoilt").state
    assert server.counts["requests"] > COUNT
    assert COUNT == len(plain) == len(finals) == finals["sample_id"].nunique()
    assert dict(zip(plain["sample_id"], plain["answer"], strict=True)) == dict(
        zip(finals["sample_id"], finals["answer"], strict=True)
    )
    assert {"correct", "wrong"} == set(finals["outcome"])
    assert {"infra"} == set(spoilt.loc[~spoilt["final"], "outcome"])


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("protocol", ["openai", "responses", "anthropic", "google"])
def test_a_spoilt_reply_is_infra_whatever_was_spoilt(tmp_path: Path, protocol: str, fault: str) -> None:
    """All replies are spoilt in one way: no row has a score, and each says why."""
    settings = RunSettings(
        RunPolicies(
            RetryPolicy(1),
            Timeouts(total_s=0.5 if fault == "drip" else 120.0),
            BreakerPolicy(failures=1_000),
        )
    )
    rows, _ = go(tmp_path, protocol, 1.0, settings, (fault,), 2 if fault == "oversized" else 10)
    kinds = set(rows["failure_kind"])

    assert {"infra"} == set(rows["outcome"])
    assert rows["score"].isna().all()
    assert kinds <= {
        "429": {"rate_limit"}, "429_seconds": {"rate_limit"}, "429_date": {"rate_limit"},
        "500": {"server"}, "503": {"overloaded"}, "529": {"overloaded"},
        "reset": {"cut_stream", "connect"}, "reset_mid": {"cut_stream"}, "cut": {"cut_stream"},
        "bad_json": {"garbage"}, "html": {"garbage"}, "json_type": {"garbage"}, "drip": {"timeout"},
        "oversized": {"garbage"}, "doubled": {"garbage"}, "empty": {"cut_stream"},
    }[fault], kinds  # fmt: skip


def test_spend_stays_under_the_bound_and_what_was_in_flight(tmp_path: Path) -> None:
    """A cent a reply that was generated, 20 cents at most, 8 in flight: at most 27 replies that were not spoilt."""
    cent = Decimal("0.01")
    settings = RunSettings(
        RunPolicies(PATIENT, Timeouts(total_s=120.0)),
        max_usd=20 * cent,
        price_attempt=lambda row: cent if row.output_tokens is not None and row.outcome != "infra" else None,
    )
    faults = tuple(fault for fault in FAULTS if fault != "drip")  # would only end at the deadline
    rows, server = go(tmp_path, "openai", 0.2, settings, faults)

    assert str(read_manifest(tmp_path).reason).startswith("--max-usd 0.20 reached")
    assert len(rows[rows["final"]]) < COUNT
    # The provider generated these, and their price is not known: the reply was spoilt on its way.
    unpaid = sum(server.counts[fault] for fault in faults if not fault[0].isdigit() and fault != "reset")
    assert server.counts["sent_on"] <= 20 + IN_FLIGHT - 1 + unpaid

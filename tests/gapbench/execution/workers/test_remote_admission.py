"""Limits, retries and the circuit hold over all workers of a model and all models of an account."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from gapbench.execution.limits.admission import AdmissionControl
from gapbench.execution.limits.rate_limiter import RateLimiter
from gapbench.execution.limits.retry import RetryBudget
from gapbench.execution.limits.stop_signal import StopSignal
from gapbench.execution.limits.unusable_answers import always_continue
from gapbench.execution.run import RunSettings, run
from gapbench.execution.workers import protocol
from gapbench.execution.workers.pool import START_LEAD_S
from gapbench.execution.workers.remote_admission import AdmissionProxy, AdmissionServer
from gapbench.runner import load_runner_class as load_runner
from gapbench.store import RunWriter, read_attempts, read_manifest
from gapbench.suite.plan import Load, Plan
from gapbench.values import Model
from gapbench.values.policies import BreakerPolicy, RateLimits, RetryPolicy, RunPolicies
from tests.fault_server import FaultServer
from tests.gapbench.execution.limits.test_rate_limiter import Clock, most_in_a_minute
from tests.gapbench.execution.workers.test_pool import Watch
from tests.gapbench_runners.simulated import mind, served
from tests.makers import model, plan

PATIENT = BreakerPolicy(failures=1_000)
NO_RETRY = RetryPolicy(max_attempts=1)
FOUR = Load("concurrency", 4, workers=2)


def go(
    folder: Path,
    settings: RunSettings,
    count: int,
    load: Load = FOUR,
    *,
    share: float = 1.0,
    fault: str = "500",
    names: tuple[str, ...] = ("m",),
    after: int | None = None,
    act: Callable[[FaultServer, StopSignal], None] = lambda server, halt: None,
) -> FaultServer:
    """Run so many requests of each model at one account, a share of them spoilt; ``act`` after so many rows."""

    async def main() -> FaultServer:
        async with served(key=None, **{name: mind() for name in names}) as (upstream, _):
            server = FaultServer(upstream, share, (fault,), seed=1)
            url = await server.start()
            models = [
                Model(name, "sim", name, "open", base_url=url, options={"sim": {"protocol": "openai"}})
                for name in names
            ]
            made: Plan = plan(*models, count=count, load=load)
            runners = {model.id: load_runner("sim")(model) for model in models}
            halt = StopSignal()
            watch = Watch(after, lambda: act(server, halt))
            try:
                with RunWriter(folder) as writer:
                    await run(made, runners, writer, settings, watch, halt)
            finally:
                await server.stop()
            return server

    return asyncio.run(main())


def rows(folder: Path) -> pd.DataFrame:
    return read_attempts([folder])


def test_a_retry_budget_is_of_all_workers(tmp_path: Path) -> None:
    """40 requests, all fail, each might be tried three times: 40 and the run's 5 retries."""
    settings = RunSettings(
        RunPolicies(RetryPolicy(max_attempts=3, max_wait_s=0.0, per_run=5), breaker=PATIENT)
    )
    server = go(tmp_path, settings, 40)

    assert 40 + 5 == server.counts["requests"] == len(rows(tmp_path))
    assert 40 == rows(tmp_path)["final"].sum()


def test_a_retry_budget_is_of_all_models_of_an_account(tmp_path: Path) -> None:
    """Two models at one address, four requests each, three retries between them."""
    settings = RunSettings(
        RunPolicies(RetryPolicy(max_attempts=3, max_wait_s=0.0, per_provider=3), breaker=PATIENT)
    )
    server = go(tmp_path, settings, 4, Load("concurrency", 2), names=("a", "b"))

    assert 4 + 4 + 3 == server.counts["requests"]


def test_a_dead_endpoint_is_found_dead_by_all_workers_together(tmp_path: Path) -> None:
    """Ten failures open the circuit, three more were in flight, two probes give it up; each worker alone would take 12."""
    settings = RunSettings(RunPolicies(NO_RETRY, breaker=BreakerPolicy(failures=10, probes=2, wait_s=0)))
    server = go(tmp_path, settings, 200)
    manifest = read_manifest(tmp_path)

    assert 10 + 2 <= server.counts["requests"] <= 10 + 3 + 2
    assert "failed" == manifest.state
    assert "given up after" in manifest.failures[0].message


def test_no_credit_stops_every_worker(tmp_path: Path) -> None:
    """Told apart from a limit of the rate: the first 402 gives the model up, three more were in flight."""
    server = go(
        tmp_path, RunSettings(RunPolicies(RetryPolicy(max_attempts=3, max_wait_s=0.0))), 200, fault="402"
    )

    assert server.counts["requests"] <= 4
    assert {"quota"} == set(rows(tmp_path)["failure_kind"])


def test_the_probe_of_one_worker_opens_the_way_for_all(tmp_path: Path) -> None:
    """The endpoint heals after eight failures; what was not answered is asked again, and both workers go on."""

    def heal(server: FaultServer, halt: StopSignal) -> None:
        server.share = 0.0

    policies = RunPolicies(NO_RETRY, breaker=BreakerPolicy(failures=8, probes=50, wait_s=0))
    settings = RunSettings(policies, should_continue=always_continue)  # the provider knows no question
    go(tmp_path, settings, 60, after=8, act=heal)
    answered = rows(tmp_path).query("failure_kind.isna()")

    assert "complete" == read_manifest(tmp_path).state
    assert {0, 1} == set(answered["worker"])
    assert 60 - 8 <= len(answered)


def test_a_limit_is_of_all_workers(tmp_path: Path) -> None:
    """60 a minute: six at once and then 0.9 a second, so the seventh leaves 1 / 0.9 s after the cell was handed out."""
    settings = RunSettings(RunPolicies(NO_RETRY, limits={"m": RateLimits(requests_per_min=60)}))
    go(tmp_path, settings, 7, Load("concurrency", 7, workers=2), share=0.0)

    assert {0: 4, 1: 3} == rows(tmp_path).groupby("worker").size().to_dict()
    assert rows(tmp_path)["sent_s"].max() > 1 / 0.9 - START_LEAD_S


def test_a_limit_is_of_all_models_of_an_account(tmp_path: Path) -> None:
    """Six of the first model empty the bucket: the second waits for 1 / 0.9 s from the first one's start."""
    limits = RateLimits(requests_per_min=60)
    settings = RunSettings(RunPolicies(NO_RETRY, limits={"a": limits, "b": limits}))
    go(tmp_path, settings, 6, Load("concurrency", 6), share=0.0, names=("a", "b"), after=7,
       act=lambda _, halt: halt.set("enough"))  # fmt: skip
    found = rows(tmp_path)
    at_s = (found["started_at"] - found["started_at"].min()).dt.total_seconds() + found["sent_s"]
    of_b = found["model_id"] == "b"

    assert [1] == [of_b.sum()]
    assert at_s[of_b].min() > 1 / 0.9 - 0.01  # two clocks


def test_a_halt_sends_none_of_those_that_wait_for_the_limit(tmp_path: Path) -> None:
    """Six of 20 may go at once; the other fourteen are still to be done."""
    settings = RunSettings(RunPolicies(NO_RETRY, limits={"m": RateLimits(requests_per_min=60)}))
    server = go(tmp_path, settings, 20, Load("concurrency", 20), share=0.0, after=1,
                act=lambda _, halt: halt.set("enough"))  # fmt: skip

    assert server.counts["requests"] <= 6


class Ends:
    """A gate and workers' ends of it, joined without a pipe."""

    def __init__(self, workers: int, clock: Clock, limits: RateLimits | None = None, **rule: Any) -> None:
        pacer = RateLimiter(limits, clock.sleep, clock) if limits else None
        self.gate = AdmissionControl(
            model(),
            RunPolicies(NO_RETRY, breaker=BreakerPolicy(**rule)),
            RetryBudget(NO_RETRY),
            pacer,
            StopSignal(),
            lambda _: None,
        )
        self.server = AdmissionServer(self.gate, self._tell_all)
        self.proxies = [
            AdmissionProxy(self._say_of(k), is_unrestricted=self.gate.is_unrestricted) for k in range(workers)
        ]
        self.asked = 0

    def _say_of(self, number: int) -> Callable[[object], None]:
        def say(message: object) -> None:
            self.asked += 1
            assert isinstance(message, protocol.AcquireRequest | protocol.FinishRequest)
            self.server.handle_request(message, lambda answer: self._hear(number, answer))

        return say

    def _hear(self, number: int, answer: object) -> None:
        assert isinstance(answer, protocol.AdmissionReply)
        self.proxies[number].receive(answer)

    def _tell_all(self, message: object) -> None:
        assert isinstance(message, protocol.AdmissionChanged)
        for proxy in self.proxies:
            proxy.is_unrestricted = message.is_unrestricted


def test_no_minute_sees_more_requests_than_allowed_from_all_workers() -> None:
    """60 a minute, 100 from each of three: six at once, then 54 a minute, as from one process."""
    clock = Clock()

    async def main() -> list[float]:
        ends = Ends(3, clock, RateLimits(requests_per_min=60))
        times: list[float] = []

        async def send(proxy: AdmissionProxy) -> None:
            for _ in range(100):
                assert await proxy.acquire(0, None) is not None
                times.append(clock.at_s)

        await asyncio.gather(*map(send, ends.proxies))
        return times

    times = asyncio.run(main())

    assert most_in_a_minute(times, [1.0] * 300) <= 60
    assert (300 - 6) / 54 * 60 == pytest.approx(times[-1], rel=0.01)


def test_what_passes_freely_asks_nobody() -> None:
    """No limits and a closed circuit: the hot path of a worker is its own."""

    async def main() -> int:
        ends = Ends(1, Clock())
        entry = await ends.proxies[0].acquire(100, 10)
        assert entry is not None
        return ends.asked

    assert 0 == asyncio.run(main())


def test_who_waits_is_let_go_when_the_cell_breaks() -> None:
    """A worker died: the others' waiting requests are still to be done."""

    class Stopped(Clock):
        async def sleep(self, seconds: float) -> None:
            await asyncio.Event().wait()

    async def main() -> list[object]:
        ends = Ends(1, Stopped(), RateLimits(requests_per_min=10))
        first = await ends.proxies[0].acquire(0, None)  # the bucket holds one
        second = asyncio.create_task(ends.proxies[0].acquire(0, None))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        ends.server.close()
        return [first is not None, await second]

    assert [True, None] == asyncio.run(main())

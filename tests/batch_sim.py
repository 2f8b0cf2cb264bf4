"""A run in batches over real HTTP to a simulated vendor, killed at any of its steps and started again from disk.

A step is a request that leaves, an answer that arrives, a line of results that is read, or a line of the journal that is
written. A kill is an exception that nothing catches: what is in memory is gone, what is on disk stays.
"""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx2
import orjson
import pytest

from gapbench.execution.batches.settings import BatchSettings
from gapbench.execution.limits.stop_signal import StopSignal
from gapbench.execution.run import RunSettings, run
from gapbench.pricing import make_attempt_pricer, model_price
from gapbench.runner import BatchClient, Runner, load_runner_class
from gapbench.store import RunManifest, RunWriter, read_attempt_values, read_manifest
from gapbench.suite.plan import Plan
from gapbench.values import Attempt, Call, Model
from gapbench.values.batches import Batch, BatchLimits, BatchReply, BatchRequest
from gapbench.values.policies import RetryPolicy, RunPolicies
from gapbench_runners.sim_server.answer_book import make_answer_book
from gapbench_runners.sim_server.persona import Persona
from gapbench_runners.sim_server.server import SimConnection
from gapbench_runners.sim_server.sim_model import SimModel
from gapbench_runners.sim_server.state import Simulation
from tests.gapbench.execution.test_run import Watch
from tests.makers import plan

COST = {
    "input_usd_per_mtok": 1.0,
    "output_usd_per_mtok": 4.0,
    "batch": {"input_usd_per_mtok": 0.5, "output_usd_per_mtok": 2.0},
}
"""List prices as the sim has them; a batch costs half."""
VENDORS: Mapping[str, tuple[str, str, Mapping[str, Any]]] = {
    "chat": ("openai", "/v1", {"api": "chat"}),
    "responses": ("openai", "/v1", {"api": "responses"}),
    "anthropic": ("anthropic", "", {}),
    "google": ("google", "", {}),
}
"""By protocol: runner, path and options."""
TROUBLE: Mapping[str, Any] = {
    "skill": 1,
    "ttft_s": 0,
    "gap_s": 0,
    "faults": {"server_error": 0.15},
    "batches": {"polls": 2, "expire": 0.1, "lose": 0.1, "duplicate": 0.15},
}
"""A vendor that reorders, fails, forgets and repeats."""
MAX_SESSIONS = 12


class Killed(BaseException):
    """The process was killed: nothing may catch it."""


@dataclass
class Steps:
    """Counts the steps of a session, and kills it at one of them.

    Attributes:
        kill_at: Number of the step, from 1. None: none.
        names: The steps so far.
    """

    kill_at: int | None = None
    names: list[str] = field(default_factory=list)

    def step(self, name: str) -> None:
        self.names.append(name)
        if len(self.names) == self.kill_at:
            raise Killed(name)


class SimThread:
    """Serves simulations from a thread, so that they outlive the event loops of the sessions."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._servers: list[asyncio.Server] = []
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def serve(self, simulation: Simulation) -> str:
        """Serve a simulation and return its address."""

        async def start() -> asyncio.Server:
            return await self._loop.create_server(lambda: SimConnection(simulation), "127.0.0.1", 0)

        server = asyncio.run_coroutine_threadsafe(start(), self._loop).result()
        self._servers.append(server)
        return f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"

    def close(self) -> None:
        async def stop() -> None:
            for server in self._servers:
                server.close()
            await asyncio.sleep(0)

        asyncio.run_coroutine_threadsafe(stop(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class SteppedClient(BatchClient):
    """A vendor's client with small batches, and a step at each line of results."""

    def __init__(self, client: BatchClient, limits: BatchLimits, steps: Steps) -> None:
        self._client = client
        self._steps = steps
        self.limits = replace(client.limits, requests=limits.requests)

    async def size_bytes(self, request: BatchRequest) -> int:
        return await self._client.size_bytes(request)

    async def create(self, requests: Sequence[BatchRequest], label: str) -> Batch:
        return await self._client.create(requests, label)

    def find(self, label_prefix: str, since: Any = None) -> AsyncIterator[Batch]:
        return self._client.find(label_prefix, since)

    async def read(self, batch_id: str) -> Batch:
        return await self._client.read(batch_id)

    async def cancel(self, batch_id: str) -> Batch:
        return await self._client.cancel(batch_id)

    async def results(self, batch: Batch, call_of: Callable[[str], Call | None]) -> AsyncIterator[BatchReply]:
        async for reply in self._client.results(batch, call_of):
            self._steps.step("line")
            yield reply


@contextmanager
def stepped_http(steps: Steps) -> Iterator[None]:
    """Make a step of each HTTP request that leaves and of each answer that arrives."""
    send = httpx2.AsyncClient.send

    async def stepped(client: httpx2.AsyncClient, request: httpx2.Request, **options: Any) -> Any:
        steps.step(f"send {request.method}")
        response = await send(client, request, **options)
        steps.step(f"answer {request.method}")
        return response

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(httpx2.AsyncClient, "send", stepped)
        yield


@dataclass
class SimulatedRun:
    """A run of sums in batches at one simulated vendor.

    Attributes:
        folder: The run folder.
        plan: Its plan.
        model: Its model.
        simulation: The vendor.
        limits: What one batch holds.
    """

    folder: Path
    plan: Plan
    model: Model
    simulation: Simulation
    limits: BatchLimits

    @classmethod
    def make(
        cls,
        folder: Path,
        thread: SimThread,
        protocol: str,
        persona: Mapping[str, Any] = TROUBLE,
        *,
        count: int = 12,
        most: int = 5,
        seed: int = 0,
    ) -> SimulatedRun:
        """Return a run that has not started, and its vendor."""
        runner, path, options = VENDORS[protocol]
        model = Model("m", runner, "sim", "closed", batch=True, options=options, cost=COST)
        truths = list(plan(model, count=count).truths())
        mind = SimModel(Persona.from_mapping({**persona, "seed": seed}), make_answer_book(truths))
        simulation = Simulation({"sim": mind}, None)
        model = replace(model, base_url=thread.serve(simulation) + path)
        return cls(folder, plan(model, count=count), model, simulation, BatchLimits(most, 10**9))

    def price(self, row: Attempt) -> Decimal | None:
        """Return the dollars of a row, as the run prices it."""
        pricer = make_attempt_pricer(
            lambda _, tier, served: model_price(
                runner=self.model.runner,
                provider=None,
                model=served or "sim",
                at=row.started_at.date(),
                base_url=self.model.base_url,
                cost=COST,
                service_tier=tier,
            )
        )
        return pricer(row)

    def session(self, steps: Steps, *, is_resumed: bool) -> RunManifest:
        """Run one session until it ends or is killed."""
        quick = BatchSettings(
            poll_s=0.0, max_poll_s=0.0, settle_s=0.0, sync_file=lambda _: steps.step("journal")
        )
        policies = RunPolicies(RetryPolicy(max_attempts=8, max_wait_s=0.0))
        settings = RunSettings(policies, price_attempt=self.price, batches=quick)
        base: Any = load_runner_class(self.model.runner)

        class SteppedRunner(base):  # type: ignore[misc]  # the vendor's class is known only now
            def batch_client(inner) -> BatchClient:  # noqa: N805 - the run is self here
                return SteppedClient(super().batch_client(), self.limits, steps)

        runner: Runner = SteppedRunner(self.model)

        async def main() -> RunManifest:
            with RunWriter(self.folder) as writer:
                resumed = read_manifest(self.folder) if is_resumed else None
                return await run(
                    self.plan,
                    {"m": runner},
                    writer,
                    settings,
                    Watch(),
                    StopSignal(),
                    resumed_manifest=resumed,
                )

        with stepped_http(steps):
            return asyncio.run(main())

    def run_with_kill(self, kill_at: int | None) -> list[str]:
        """Run until the run is complete, and return the steps of the first session, which is killed at one of them."""
        first = Steps(kill_at)
        try:
            manifest = self.session(first, is_resumed=False)
        except (Killed, BaseExceptionGroup):
            manifest = None
        for _ in range(MAX_SESSIONS):
            if manifest is not None and manifest.state == "complete":
                return first.names
            is_resumed = (self.folder / "run.json").exists()
            manifest = self.session(Steps(), is_resumed=is_resumed)
        raise AssertionError(f"not complete after {MAX_SESSIONS} sessions: {manifest}")

    def problems(self) -> list[str]:
        """Return what is wrong with a complete run; [] for nothing."""
        rows = read_attempt_values(self.folder)
        wanted = sorted(planned.sample.sample_id for planned in self.plan.cells[0].requests)
        finals = sorted(row.sample_id for row in rows if row.final)
        found = [] if finals == wanted else [f"final rows of {finals}, planned {wanted}"]
        keys = Counter((row.sample_id, row.repeat, row.attempt) for row in rows)
        found += [f"{key} has {count} rows" for key, count in keys.items() if count > 1]
        answered = Counter(
            entry["custom_id"].rpartition("_")[2]
            for entry in map(orjson.loads, self.simulation.recent_log)
            if "batch" in entry
        )
        found += [f"{name} was paid {count} times" for name, count in answered.items() if count > 1]
        usd = sum((self.price(row) or Decimal(0) for row in rows), Decimal(0))
        charged = Decimal(self.simulation.batches.ledger_as_json()["usd"])
        found += [] if usd == charged else [f"rows cost {usd}, the vendor charges {charged}"]
        timed = [row.sample_id for row in rows if row.done_s is not None or row.transport != "batch"]
        return found + ([f"rows with times: {timed}"] if timed else [])

"""The runner of a model at several addresses: one runner for each, and one model for everything else."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import replace
from typing import Any

from gapbench import runner as runners
from gapbench import transport
from gapbench.errors import BenchError, RunnerError, SetupError
from gapbench.execution.replicas.choice import choose_replica, prefix_key_of
from gapbench.execution.replicas.replica import Replica
from gapbench.runner import Runner
from gapbench.values import Call, Chunk, Model, Request, Session

_FACTS_OF_ONE = frozenset({"base_url", "owned"})
"""Facts in which replicas may differ."""


def build_runner(model: Model) -> Runner:
    """Return a model's runner, not open yet.

    Raises:
        InputError: The runner is not installed, or does not accept the model's settings.
    """
    if model.replicas:
        return ReplicaRunner(model)
    return runners.load_runner_class(model.runner)(model)


def replica_models(model: Model) -> tuple[Model, ...]:
    """Return a model once for each of its addresses; with one address, the model itself."""
    return tuple(replace(model, base_url=address, replicas=()) for address in model.replicas) or (model,)


class ReplicaRunner(Runner):
    """A model at several addresses.

    Args:
        model: The model, with its replicas.
        build: Returns the runner of one address.
        clock: Returns the current time in seconds.
    """

    def __init__(
        self,
        model: Model,
        build: Callable[[Model], Runner] = build_runner,
        clock: Callable[[], float] = transport.now,
    ) -> None:
        super().__init__(model)
        self.replicas = tuple(
            Replica(address, build(single), clock)
            for address, single in zip(model.replicas, replica_models(model), strict=True)
        )
        self._first = self.replicas[0].runner
        self.info = self._first.info  # type: ignore[misc] # each runner has one vendor
        self.simulated = self._first.simulated
        self.metered = self._first.metered
        self.supports_logprobs = self._first.supports_logprobs
        self.base_url = ", ".join(sorted(model.replicas))
        self._has_affinity = model.replica_choice == "prefix"
        # Worker processes must not all begin with the same one.
        self._next = random.randrange(len(self.replicas))  # noqa: S311 - not a secret

    def missing_requirement(self) -> str | None:
        """Return what is missing before a call can be made. None: nothing."""
        return self._first.missing_requirement()

    def key_variable(self) -> str | None:
        """Return the environment variable whose key is sent. None: no key is sent."""
        return self._first.key_variable()

    def prepare(self, request: Request) -> Call:
        """Apply the provider's rules to a request."""
        call = self._first.prepare(request)
        return replace(call, prefix_key=prefix_key_of(request.messages)) if self._has_affinity else call

    async def open(self, session: Session) -> None:
        """Open the runner of each address, and leave out those that do not accept connections.

        Raises:
            SetupError: None accepts connections, or a runner cannot be made ready.
        """
        problems = await asyncio.gather(*(self._open(replica, session) for replica in self.replicas))
        found = [problem for problem in problems if problem is not None]
        if len(found) == len(self.replicas):
            raise SetupError(f"none of {len(found)} replicas can be reached: {found[0]}")
        for replica, problem in zip(self.replicas, problems, strict=True):
            replica.notify = lambda line: session.notify(f"{self.model.id}: {line}")
            if problem is not None:
                replica.take_out(problem)
        if not found:
            await self._compare(session)

    async def _open(self, replica: Replica, session: Session) -> str | None:
        """Open one runner. Returns why its address does not accept connections; None: it does."""
        problem: str | None = None
        address = replica.runner.endpoint()
        if address is not None:
            try:
                await transport.check_reachable(address, session)
            except SetupError as exc:
                problem = str(exc)
        await replica.runner.open(session)
        return problem

    async def _compare(self, session: Session) -> None:
        """Tell the user in what the replicas differ, which are to be one model."""
        facts = await asyncio.gather(*(_facts_of(replica) for replica in self.replicas))
        names = sorted({name for one in facts for name in one} - _FACTS_OF_ONE)
        different = [name for name in names if any(one.get(name) != facts[0].get(name) for one in facts)]
        if different:
            session.notify(f"{self.model.id}: its replicas differ in {', '.join(different)}")

    async def warm_up(self, call: Call) -> None:
        """Do at each address what the first request would do once."""
        for replica in self.replicas:
            await replica.runner.warm_up(call)

    async def stream(self, call: Call) -> AsyncIterator[Chunk]:
        """Send the call to one replica and yield the reply as it arrives.

        Raises:
            RunnerError: The reply failed or ended early.
        """
        self._next += 1
        replica = choose_replica(self.replicas, self._next, call.prefix_key)
        record = transport.current_record()
        record.replica = replica.address
        replica.begin()
        kind: str | None = "cancelled"
        try:
            async with contextlib.aclosing(replica.runner.stream(call)) as chunks:  # type: ignore[type-var] # every runner's stream is an async generator
                async for chunk in chunks:
                    yield chunk
            kind = None
        except RunnerError as exc:
            kind = exc.kind
            raise
        except asyncio.CancelledError:
            kind = "timeout"  # that is how a deadline ends an exchange
            raise
        finally:
            replica.end(kind)
            record.others_answer = any(other.is_in_use for other in self.replicas if other is not replica)

    async def facts(self) -> Mapping[str, Any]:
        """Return the facts of the first replica, and those in which the others differ."""
        every = [await _facts_of(replica) for replica in self.replicas]
        first = next((facts for facts in every if "problem" not in facts), every[0])
        replicas = [
            {
                "base_url": replica.address,
                **{name: value for name, value in facts.items() if first.get(name) != value},
            }
            for replica, facts in zip(self.replicas, every, strict=True)
        ]
        return {**first, "base_url": self.base_url, "replicas": replicas}

    async def counters(self) -> Mapping[str, float] | None:
        """Return the sums of the servers' counters. None: not all have counters."""
        totals: dict[str, float] = {}
        for replica in self.replicas:
            try:
                found = await replica.runner.counters()
            except BenchError:
                return None
            if found is None:
                return None
            for name, value in found.items():
                totals[name] = totals.get(name, 0.0) + value
        return totals

    async def close(self) -> None:
        """Close the runner of each address."""
        async with contextlib.AsyncExitStack() as stack:
            for replica in self.replicas:
                stack.push_async_callback(replica.runner.close)


async def _facts_of(replica: Replica) -> Mapping[str, Any]:
    """Return the facts of one replica; of one that does not answer, what the problem is."""
    try:
        return await replica.runner.facts()
    except BenchError as exc:
        return {"problem": str(exc)}

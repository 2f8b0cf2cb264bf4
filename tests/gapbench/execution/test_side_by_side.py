"""What runs side by side: models on different machines, and the cells of a model that share their places."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gapbench.errors import BenchError, ResultsError
from gapbench.execution.attempts.load_generator import Places
from gapbench.execution.cell_order import order_models, shared_queues
from gapbench.execution.expected_time import ReplyTime, expect_time
from gapbench.execution.limits.stop_signal import StopSignal
from gapbench.execution.run import RunSettings, run
from gapbench.execution.sending_cells import SendingCells
from gapbench.execution.side_by_side import run_in_shared_places, run_side_by_side
from gapbench.runner import machines_of
from gapbench.store import RunManifest, RunWriter, read_attempts
from gapbench.suite.plan import Cell, Load, Plan, build_plan
from gapbench.values import Call, Chunk, Model, Params
from tests.gapbench.execution.test_run import Watch
from tests.makers import ScriptedRunner, model, task


def plan_of(*models: Model, tasks: int = 1, load: Load | None = None, count: int = 4) -> Plan:
    return build_plan(
        suite="suite",
        suite_sha256="hash",
        seed=7,
        repeats=1,
        margin_points=1.7,
        defaults=Params(),
        models=models,
        tasks=[replace(task(count), name=f"t{number}") for number in range(tasks)],
        loads=[load or Load("concurrency", 2)],
    )


def at(address: str, name: str) -> Model:
    return model(name, base_url=f"http://{address}/v1")


def ids(models: list[Model]) -> list[str]:
    return [one.id for one in models]


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        (at("gpu1:8000", "a"), at("gpu2:8000", "b"), False),
        (at("gpu1:8000", "a"), at("GPU1:8000", "b"), True),
        (at("gpu1:8000", "a"), at("gpu1:8001", "b"), False),
        (replace(at("gpu1:8000", "a"), replicas=("http://gpu1:8000", "http://gpu2:8000")), at("gpu2:8000", "b"), True),
        (model("a", runner="openai"), model("b", runner="anthropic"), False),
        (model("a", runner="openai"), model("b", runner="openai"), True),
        (model("a", runner="vllm", options={"serve": {}}), model("b", runner="vllm", options={"engine": {}}), True),
        (model("a", runner="sim", options={"sim": {}}), model("b", runner="sim", options={"sim": {}}), False),
        (model("a", runner="vllm", options={"serve": {}}), model("b", runner="openai"), False),
    ],
)  # fmt: skip
def test_models_share_a_machine(one: Model, other: Model, *, is_same: bool) -> None:
    """An address is a machine, a vendor is one, and all servers started for the run share ours."""
    assert is_same == bool(machines_of(one) & machines_of(other))


def test_models_of_one_machine_are_one_list() -> None:
    """Two addresses: two lists, in the order of the suite."""
    lists, alone = order_models(plan_of(at("x:1", "a"), at("y:1", "b"), at("x:1", "c")))

    assert [["b"], ["a", "c"]] == [ids(models) for models in lists]
    assert [] == alone


def test_a_timed_model_runs_alone() -> None:
    """A schedule is timed, and so is a number in flight that says so."""
    for load in (Load("concurrency", 2, timed=True), Load("rate", 2, duration_s=1.0)):
        lists, alone = order_models(plan_of(at("x:1", "a"), at("y:1", "b"), load=load))

        assert ([], ["a", "b"]) == (lists, ids(alone))


def test_untimed_cells_of_a_model_share_their_places() -> None:
    """Three tasks under one load: one group. Timed: three."""
    untimed = plan_of(model(), tasks=3)
    timed = plan_of(model(), tasks=3, load=Load("concurrency", 2, timed=True))

    assert [3] == [len(group) for group in shared_queues(untimed.cells)]
    assert [1, 1, 1] == [len(group) for group in shared_queues(timed.cells)]


class MeetingRunner(ScriptedRunner):
    """Holds back every answer until all of ``calls`` are in flight, over all runners that share ``arrived``."""

    def __init__(self, given: Model, arrived: list[str], calls: int, all_here: asyncio.Event) -> None:
        super().__init__(given)
        self.arrived, self.expected, self.all_here = arrived, calls, all_here

    async def stream(self, call: Call) -> AsyncIterator[Chunk]:
        self.arrived.append(self.model.id)
        if len(self.arrived) == self.expected:
            self.all_here.set()
        await self.all_here.wait()
        async for chunk in super().stream(call):
            yield chunk


def go(
    folder: Path, made: Plan, runners: Callable[[], dict[str, Any]], settings: RunSettings | None = None
) -> RunManifest:
    async def main() -> RunManifest:
        halt = StopSignal()
        with RunWriter(folder) as writer:
            return await run(made, runners(), writer, settings or RunSettings(), Watch(halt), halt)

    return asyncio.run(asyncio.wait_for(main(), 30))


def test_models_on_two_machines_are_asked_at_the_same_time(tmp_path: Path) -> None:
    """Neither answers before both have two requests in flight: one after another this would never end."""
    models = (at("x:1", "a"), at("y:1", "b"))

    def runners() -> dict[str, Any]:
        arrived: list[str] = []
        event = asyncio.Event()
        return {one.id: MeetingRunner(one, arrived, 4, event) for one in models}

    manifest = go(tmp_path, plan_of(*models), runners)

    assert "complete" == manifest.state
    assert [["b|t0|c2"], ["a|t0|c2"]] == [cell.beside for cell in manifest.cells]


def test_a_slow_answer_keeps_one_place_and_the_next_task_has_the_other(tmp_path: Path) -> None:
    """Two places, one request a task: the first task's answer waits for the second task's request."""

    def runners() -> dict[str, Any]:
        return {"m": MeetingRunner(model(), [], 2, asyncio.Event())}

    manifest = go(tmp_path, plan_of(model(), tasks=2, count=1), runners)

    assert "complete" == manifest.state
    assert 2 == len(read_attempts([tmp_path]))
    # Their counters would count the requests of both.
    assert [None, None] == [cell.counters_after for cell in manifest.cells]


class CountingRunner(ScriptedRunner):
    """Keeps the largest number in flight."""

    most = 0
    in_flight = 0

    async def stream(self, call: Call) -> AsyncIterator[Chunk]:
        self.in_flight += 1
        self.most = max(self.most, self.in_flight)
        for _ in range(20):
            await asyncio.sleep(0)
        async for chunk in super().stream(call):
            yield chunk
        self.in_flight -= 1


def test_tasks_that_share_places_keep_to_their_number(tmp_path: Path) -> None:
    """Three tasks at concurrency 2: never more than two in flight, and 3 x 4 rows."""
    runner = CountingRunner(model())
    go(tmp_path, plan_of(model(), tasks=3), lambda: {"m": runner})

    assert (2, 12) == (runner.most, len(read_attempts([tmp_path])))


@pytest.mark.parametrize(
    ("load", "rests"), [(Load("concurrency", 2), 1), (Load("concurrency", 2, timed=True), 2)]
)
def test_what_rests_while_sending_rests_once(tmp_path: Path, load: Load, rests: int) -> None:
    """From the first request of a group of cells to its last: cells that overlap are one group."""
    begun: list[str] = []

    @contextmanager
    def resting() -> Any:
        begun.append("rest")
        yield

    def runners() -> dict[str, Any]:
        return {"m": MeetingRunner(model(), [], 1 if load.timed else 2, asyncio.Event())}

    made = plan_of(model(), tasks=2, count=1, load=load)
    go(tmp_path, made, runners, RunSettings(while_sending=resting))

    assert rests == len(begun)


def test_cells_note_who_was_sent_meanwhile() -> None:
    """B overlaps a and c; a and c do not meet."""
    cells = SendingCells(nullcontext)
    first = cells.sending("a")
    a = first.__enter__()
    second = cells.sending("b")
    b = second.__enter__()
    first.__exit__(None, None, None)
    with cells.sending("c") as c:
        second.__exit__(None, None, None)

    assert ({"b"}, {"a", "c"}, {"b"}) == (a, b, c)
    assert 0 == len(cells)


def test_one_error_is_raised_as_itself() -> None:
    """Not in a group, and the others are cancelled."""
    ended: list[str] = []

    async def fails() -> None:
        raise BenchError("no")

    async def waits() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("cancelled")

    with pytest.raises(BenchError, match="no"):
        asyncio.run(run_side_by_side([waits(), fails()]))
    assert ["cancelled"] == ended


def test_an_error_of_the_disk_comes_first() -> None:
    """Two errors at once: the disk's is raised."""

    async def fails(error: Exception) -> None:
        raise error

    async def main() -> None:
        await run_side_by_side([fails(BenchError("x")), fails(ResultsError("disk full"))])

    with pytest.raises(ResultsError, match="disk full"):
        asyncio.run(main())


def test_a_cell_that_fails_before_it_has_sent_all_frees_the_next() -> None:
    """And its error is raised as itself."""
    begun: list[str] = []

    async def run_cell(cell: Cell, places: Places, on_all_started: Callable[[], None]) -> None:
        begun.append(cell.task.name)
        raise BenchError(cell.task.name)

    cells = plan_of(model(), tasks=2).cells
    with pytest.raises(BenchError, match="t0"):
        asyncio.run(run_in_shared_places(cells, run_cell, lambda: True))
    assert ["t0"] == begun


def test_no_cell_starts_after_a_stop() -> None:
    """The first ends, and the second is not begun."""
    begun: list[str] = []

    async def run_cell(cell: Cell, places: Places, on_all_started: Callable[[], None]) -> None:
        begun.append(cell.task.name)

    asyncio.run(run_in_shared_places(plan_of(model(), tasks=2).cells, run_cell, lambda: not begun))

    assert ["t0"] == begun


def test_the_time_of_models_side_by_side_is_that_of_the_slowest() -> None:
    """4 requests of 6 s at 2 in flight: 12 s for each model; x has two models, so 24 s."""
    made = plan_of(at("x:1", "a"), at("y:1", "b"), at("x:1", "c"))
    found = expect_time(made, ReplyTime(latency_s=6.0))

    assert 24.0 == found.expected_s
    assert "time: about 24 s; side by side: b | a, c" == found.describe()


def test_the_time_of_timed_models_is_their_sum() -> None:
    """A schedule of requests at 0, .5, …, 9.5 s: 9.5 s for each of two models, whatever a reply takes."""
    load = Load("rate", 2, "constant", duration_s=10.0)
    found = expect_time(plan_of(at("x:1", "a"), at("y:1", "b"), load=load), ReplyTime())

    assert 19.0 == found.expected_s
    assert found.describe().endswith("timed, one after another: a, b")


def test_an_unknown_reply_time_is_said() -> None:
    """No guess."""
    found = expect_time(plan_of(model()), ReplyTime())

    assert found.expected_s is None
    assert "--latency" in found.describe()

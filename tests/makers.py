"""Makers of small true values, shared by the tests."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from gapbench.runner import Runner
from gapbench.suite.plan import Load, Plan, build_plan
from gapbench.suite.tasks.task import Task
from gapbench.values import (
    Attempt,
    Call,
    Chunk,
    Message,
    Model,
    Params,
    Payload,
    Request,
    Sample,
    Session,
    Text,
    Usage,
)


def message(text: str) -> tuple[Message, ...]:
    return (Message("user", (Text(text),)),)


def sample(number: int, **changes: Any) -> Sample:
    given = Sample(
        f"s{number}", message(f"What is {number} + 1?"), target=number + 1, reference=str(number + 1)
    )
    return replace(given, **changes)


def task(count: int = 4, **changes: Any) -> Task:
    samples = tuple(sample(number) for number in range(count))
    given = Task("sums", "reasoning", 1, "task-hash", samples, "numeric")
    return replace(given, **changes)


def model(name: str = "m", **changes: Any) -> Model:
    return replace(Model(name, "scripted", name, "open"), **changes)


def plan(*models: Model, count: int = 4, load: Load | None = None, repeats: int = 1, **changes: Any) -> Plan:
    return build_plan(
        suite="suite",
        suite_sha256="suite-hash",
        seed=7,
        repeats=repeats,
        margin_points=1.7,
        defaults=Params(),
        models=models or (model(),),
        tasks=(task(count, **changes),),
        loads=(load or Load("concurrency", 2),),
    )


ATTEMPT = Attempt(
    run_id="run", cell_id="m|sums|c2", suite="suite", suite_sha256="suite-hash", task="sums",
    task_sha256="task-hash", category="reasoning", sample_id="s0", cluster_id="s0", repeat=0, attempt=1,
    final=True, phase="measure", model_id="m", runner="scripted", model_asked="m", model_served="m-1",
    weights="open", simulated=False, prompt_sha256="p", params_asked="{}", params_sent="{}",
    params_changes=("temperature dropped: reasoning model",), image_count=0, image_bytes=0, image_detail=None,
    load_kind="concurrency", load_value=2.0, worker=0, transport=None, response_id=None,
    system_fingerprint=None, service_tier=None, started_at=datetime(2026, 2, 12, tzinfo=UTC), scheduled_s=0.0,
    sent_s=0.01, first_byte_s=0.1, first_token_s=0.11, first_answer_s=0.11, last_token_s=0.2, done_s=0.21,
    chunk_s=(0.11, 0.2), chunk_tokens=None, loop_lag_s=0.001, in_flight=1, input_tokens=10,
    cached_input_tokens=0, cache_write_tokens=None, cache_write_1h_tokens=None, output_tokens=4,
    reasoning_tokens=None, usage_source="provider", reasoning_disclosure="none", input_chars=14, output_chars=2,
    reasoning_chars=0, outcome="correct", failure_kind=None, http_status=200, retry_after_s=None,
    finish_reason="stop", finish_raw="stop", from_cache=False, scorer="numeric", score=1.0, answer="1",
    isolation=None,
)  # fmt: skip


def attempt(**changes: Any) -> Attempt:
    return replace(ATTEMPT, **changes)


def payload(row: Attempt, **changes: Any) -> Payload:
    given = Payload(
        row.run_id, row.cell_id, row.sample_id, row.repeat, row.attempt, "[]", "1", None, "1", "is 1", None
    )
    return replace(given, **changes)


class ScriptedRunner(Runner):
    """A runner whose replies are written down: a text, an error, or a list of chunks per prompt."""

    simulated = True
    metered = False

    def __init__(self, given: Model, script: Mapping[str, list[Any]] | None = None) -> None:
        super().__init__(given)
        self.script = script or {}
        self.calls: list[str] = []
        self.open_count = 0
        self.close_count = 0

    def prepare(self, request: Request) -> Call:
        return Call({"text": request.messages[-1].text}, {"max_tokens": request.params.max_tokens})

    async def open(self, session: Session) -> None:
        self.open_count += 1

    async def stream(self, call: Call) -> AsyncIterator[Chunk]:
        text = call.body["text"]
        turns = self.script.get(text) or self.script.get("*") or ["The answer is 1"]
        made = self.calls.count(text)
        self.calls.append(text)
        turn = turns[min(made, len(turns) - 1)]
        if isinstance(turn, BaseException):
            raise turn
        chunks = (
            turn
            if isinstance(turn, list)
            else [Chunk(turn), Chunk(finish_reason="stop", usage=Usage(5, output_tokens=3))]
        )
        for chunk in chunks:
            if isinstance(chunk, BaseException):
                raise chunk
            yield chunk

    async def facts(self) -> Mapping[str, Any]:
        return {"version": "1"}

    async def counters(self) -> Mapping[str, float] | None:
        return {"requests": float(len(self.calls))}

    async def close(self) -> None:
        self.close_count += 1

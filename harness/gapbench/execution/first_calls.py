"""One small call to each model before a run, so that a wrong key, name or parameter costs nothing.

The call has the parameters of the run's requests and, where a task has images, one small image. All models are asked at
once. What a call costs is stored in ``run.json`` and counts towards ``--max-usd``.

A refusal that a repeat would not change stops the run before the first request of a task. An endpoint that is busy or
broken does not, because retries may cure it during the run.
"""

from __future__ import annotations

import asyncio
import struct
import tempfile
import zlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from decimal import Decimal
from pathlib import Path

from gapbench import transport
from gapbench.errors import SetupError
from gapbench.execution.attempts.measure import measure
from gapbench.execution.earlier_sessions import RequestKey, request_key
from gapbench.execution.event_loop import run_on_event_loop
from gapbench.execution.failure_words import describe_failure, quote_reply
from gapbench.execution.replicas.replica_runner import build_runner, replica_models
from gapbench.execution.run_pricing import paid_models, price_usage
from gapbench.execution.settings import policies_from_suite
from gapbench.execution.setup import RunSetup
from gapbench.execution.user_models import first_user_sample, make_user_cell, user_model_of
from gapbench.runner import Runner, owns_server
from gapbench.store.first_call_entry import FirstCallEntry
from gapbench.suite.plan import Cell, request_of
from gapbench.values import Failure, Image, Message, Model, Params, Response, Sample, Text, canonical_json
from gapbench.values.policies import RunPolicies

FIRST_CALL_S = 60.0
"""Longest wait for the reply to a first call, in seconds."""
QUESTION = "Reply with the word OK."
CERTAIN_KINDS = frozenset({"auth", "quota", "not_found", "bad_request", "garbage"})
"""Failures that a repeat would not change. ``garbage``: the address is that of a web page or of another API."""


@dataclass(frozen=True)
class FirstCall:
    """How a model answered its first call.

    Attributes:
        model_id: The model.
        problem: Why it cannot be run, in one line for the user. None: it can, as far as this call shows.
        note: What the user should know though the run can start. None: nothing.
        usd: What the call cost in US dollars. None: unknown, or not billed by the call.
        input_tokens: Tokens of the prompt. None: unknown.
        output_tokens: Tokens of the reply. None: unknown.
        is_unreachable: Whether ``problem`` is that nothing answers at the address.
    """

    model_id: str
    problem: str | None = None
    note: str | None = None
    usd: Decimal | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    is_unreachable: bool = False

    def to_entry(self) -> FirstCallEntry:
        """Return the form that is stored in ``run.json``."""
        return FirstCallEntry(
            model_id=self.model_id,
            usd=None if self.usd is None else float(self.usd),
            input_tokens=self.input_tokens,
            output_tokens=self.output_tokens,
        )


class FirstCallError(SetupError):
    """At least one model refused its first call, so the run does not start. The message has one line for each model.

    Attributes:
        calls: All first calls, those that were answered too.
    """

    def __init__(self, message: str, calls: Sequence[FirstCall]) -> None:
        super().__init__(message)
        self.calls = tuple(calls)


def needs_first_calls(setup: RunSetup) -> bool:
    """Return whether a run has a model that is paid or needs a key, so that a mistake in any of its models costs money."""
    every = (*setup.runners.values(), *setup.user_runners.values())
    return bool(paid_models(setup)) or any(runner.metered for runner in every)


def make_first_calls(setup: RunSetup, finished: Collection[RequestKey] = ()) -> list[FirstCall]:
    """Return :func:`ask_models` if every model can be run.

    Raises:
        FirstCallError: A model cannot be run.
    """
    calls = ask_models(setup, finished)
    lines = [
        f"{setup.suite.model_location(call.model_id)}: model {call.model_id!r}: {call.problem}"
        for call in calls
        if call.problem is not None
    ]
    if lines:
        raise FirstCallError("\n".join(lines), calls)
    return calls


def ask_models(
    setup: RunSetup, finished: Collection[RequestKey] = (), leave_out: Collection[str] = ()
) -> list[FirstCall]:
    """Send one small call to each model that has requests left or plays a user in them, and return how each answered.

    Simulated models and models whose server starts with the run are not asked.

    Args:
        setup: The run; its runners are not opened.
        finished: Requests that earlier sessions finished.
        leave_out: Ids of models that are not asked.
    """
    cells: dict[str, list[Cell]] = {}
    for cell in _cells(setup):
        is_left = cell.load.kind == "search" or any(
            request_key(cell, planned) not in finished for planned in cell.requests
        )
        if is_left:
            cells.setdefault(cell.model.id, []).append(cell)
            user = user_model_of(setup.plan, cell.task)
            if user is not None:
                task = replace(cell.task, samples=(first_user_sample(cell.task),), working_order=())
                cells.setdefault(user.id, []).append(make_user_cell(replace(cell, task=task), user))
    models = [
        model
        for model in setup.asked_models.values()
        if model.id in cells
        and model.id not in leave_out
        and not setup.runner_of(model.id).simulated
        and not owns_server(model)
    ]

    async def ask_all() -> list[FirstCall]:
        policies = policies_from_suite(setup.suite)
        return await asyncio.gather(
            *(_ask_replicas(setup, model, cells[model.id], policies) for model in models)
        )

    return run_on_event_loop(ask_all())


def _cells(setup: RunSetup) -> Iterator[Cell]:
    yield from setup.plan.cells
    yield from (search.cell_at(1.0, 1) for search in setup.plan.searches)


async def _ask_replicas(
    setup: RunSetup, model: Model, cells: Sequence[Cell], policies: RunPolicies
) -> FirstCall:
    """Ask each replica of a model; one that is not reached is a note as long as another answers."""
    singles = replica_models(model)
    calls = await asyncio.gather(*(_ask(setup, single, cells, policies) for single in singles))
    if len(calls) == 1:
        return calls[0]
    is_any_there = not all(call.is_unreachable for call in calls)
    problems: list[str] = []
    notes: list[str] = []
    for single, call in zip(singles, calls, strict=True):
        words = call.problem or call.note
        if words is not None:
            is_note = call.problem is None or (call.is_unreachable and is_any_there)
            (notes if is_note else problems).append(f"{single.base_url}: {words}")
    known = [call.usd for call in calls if call.usd is not None]
    return FirstCall(
        model.id,
        problem="; ".join(problems) or None,
        note=f"{model.id}: {'; '.join(notes)}" if notes else None,
        usd=sum(known, Decimal(0)) if known else None,
        input_tokens=_sum_known([call.input_tokens for call in calls]),
        output_tokens=_sum_known([call.output_tokens for call in calls]),
        is_unreachable=not is_any_there,
    )


async def _ask(setup: RunSetup, model: Model, cells: Sequence[Cell], policies: RunPolicies) -> FirstCall:
    """Ask one model with each set of parameters that its requests have, until it refuses one."""
    runner = build_runner(model)
    responses: list[Response] = []
    with tempfile.TemporaryDirectory() as folder:
        session = policies.make_session(model, Path(folder), 1)
        try:
            address, is_reached = runner.endpoint(), False
            if address is not None:
                await transport.check_reachable(address, session)
            is_reached = True
            await runner.open(session)
            result = await _ask_open(runner, cells, policies, responses)
        except SetupError as exc:
            result = FirstCall(model.id, problem=str(exc), is_unreachable=not is_reached)
        finally:
            await runner.close()
    usages = [(response.usage, response.model_served) for response in responses]
    prices = [price_usage(setup, model, usage, served) for usage, served in usages]
    known = [usd for usd in prices if usd is not None]
    return replace(
        result,
        usd=sum(known, Decimal(0)) if known else None,
        input_tokens=_sum_known([usage.input_tokens for usage, _ in usages]),
        output_tokens=_sum_known([usage.output_tokens for usage, _ in usages]),
    )


async def _ask_open(
    runner: Runner, cells: Sequence[Cell], policies: RunPolicies, responses: list[Response]
) -> FirstCall:
    model_id = runner.model.id
    limit_s = min(FIRST_CALL_S, policies.timeouts.total_s)
    for cell in _cells_with_different_params(cells):
        sample = cell.task.samples[0]
        needs_logprobs = sample.needs_logprobs
        has_images = any(
            _has_images(other)
            for other in cells
            if _params_without_budget(other) == _params_without_budget(cell)
        )
        question = _question(with_image=has_images, needs_logprobs=needs_logprobs)
        response = await _send(runner, question, cell.params, limit_s, sample)
        responses.append(response)
        if response.failure is not None and response.failure.kind == "garbage":
            # One page of a proxy in trouble is no wrong address; two are.
            response = await _send(runner, question, cell.params, limit_s, sample)
            responses.append(response)
        failure = response.failure
        if failure is None or (failure.kind == "timeout" and failure.http_status == 200):
            continue
        if failure.kind == "bad_request" and has_images:
            plain = _question(with_image=False, needs_logprobs=False)
            without = await _send(runner, plain, cell.params, limit_s, sample)
            responses.append(without)
            if without.failure is None:
                return FirstCall(model_id, problem=_describe_image_refusal(failure, cells))
        if failure.kind in CERTAIN_KINDS:
            return FirstCall(model_id, problem=_describe(failure, runner, cell))
        return FirstCall(
            model_id,
            note=f"{model_id}: the first call failed ({quote_reply(failure)}); the run starts and retries",
        )
    return FirstCall(model_id)


def _describe(failure: Failure, runner: Runner, cell: Cell) -> str:
    if failure.kind == "garbage":
        return f"{runner.base_url or 'the server'} does not answer as its API does ({quote_reply(failure)}); correct base_url or runner"
    words = describe_failure(failure, runner)
    if failure.kind == "bad_request":
        sent = ", ".join(sorted(cell.params.as_json())) or "none"
        return f"{words}; parameters of task {cell.task.name!r}: {sent}"
    return words


def _describe_image_refusal(failure: Failure, cells: Sequence[Cell]) -> str:
    names = dict.fromkeys(cell.task.name for cell in cells if _has_images(cell))
    return (
        f"it takes no images ({quote_reply(failure)}), and {', '.join(map(repr, names))} has some; "
        "leave the task or the model out"
    )


async def _send(
    runner: Runner, messages: tuple[Message, ...], params: Params, limit_s: float, sample: Sample
) -> Response:
    call = runner.prepare(request_of(runner.model, sample, params, messages))
    return await measure(runner, call, limit_s)


def _cells_with_different_params(cells: Sequence[Cell]) -> Iterator[Cell]:
    """Yield a cell for each set of parameters and tools; of those that differ only in ``max_tokens``, the one with the largest.

    Of a task whose samples have tools of their own, those of the first are tried.
    """
    found: dict[str, Cell] = {}
    for cell in cells:
        others = _params_without_budget(cell)
        known = found.get(others)
        if known is None or (cell.params.max_tokens or 0) > (known.params.max_tokens or 0):
            found[others] = cell
    yield from found.values()


def _params_without_budget(cell: Cell) -> str:
    params = replace(cell.params, max_tokens=None).as_json()
    sample = cell.task.samples[0]
    tools = None if sample.tools is None else sample.tools.as_json()
    schema = None if sample.response_schema is None else asdict(sample.response_schema)
    return canonical_json([params, sample.needs_logprobs, tools, schema])


def _has_images(cell: Cell) -> bool:
    return any(message.images for sample in cell.task.samples for message in sample.messages)


def _question(*, with_image: bool, needs_logprobs: bool) -> tuple[Message, ...]:
    if needs_logprobs:
        return (Message("user", (Text("The sky is"),)), Message("assistant", (Text(" blue"),)))
    image = (Image("image/png", small_png()),) if with_image else ()
    return (Message("user", (*image, Text(QUESTION))),)


def small_png(side: int = 64) -> bytes:
    """Return a gray square as PNG; some models refuse images of fewer pixels than one of their patches.

    Args:
        side: Its width and height in pixels.
    """

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    pixels = zlib.compress((b"\0" + b"\x80" * side) * side)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def _sum_known(counts: Sequence[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if known else None

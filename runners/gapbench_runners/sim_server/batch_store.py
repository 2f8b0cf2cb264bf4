"""Batches that were submitted, the files around them, and the ledger of what the vendor would charge.

A batch moves on when it is looked at, so that a test needs no clock; its answers are made when it ends.
"""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from gapbench_runners.sim_server.persona import Batches, Price
from gapbench_runners.sim_server.protocols import VendorRefusalError, WireProtocol, check_request
from gapbench_runners.sim_server.reply import SimReply, SimRequest

if TYPE_CHECKING:
    from gapbench_runners.sim_server.state import Simulation

MAX_STORED_BYTES = 512 * 2**20
"""Most bytes of all files together; what is uploaded beyond is refused."""
BATCH_SHARE = Decimal("0.5")
"""What a batch costs of the list price, at all three vendors."""
_MTOK = Decimal(1_000_000)
Outcome = Literal["answered", "error", "expired", "cancelled"]
Stage = Literal["validating", "running", "cancelling", "ended"]


class BatchLine(NamedTuple):
    """One request of a batch.

    Attributes:
        name: Its custom id or key.
        body: The request, as it would be sent live.
    """

    name: str
    body: Mapping[str, Any]


class LineResult(NamedTuple):
    """What came of one request.

    Attributes:
        name: Its custom id or key.
        outcome: What came of it.
        status: HTTP status that it would have had.
        body: The reply, or the vendor's error; {} if there is neither.
        copies: How often it is in the results.
        is_garbled: Whether its line is cut off in the middle.
    """

    name: str
    outcome: Outcome
    status: int
    body: Mapping[str, Any]
    copies: int = 1
    is_garbled: bool = False


@dataclass(slots=True)
class Charge:
    """What a batch costs.

    Attributes:
        batch_id: The batch.
        model: The model.
        requests: Requests submitted.
        charged: Requests that are charged: those that were answered.
        input_tokens: Their input tokens, those from the cache included.
        cached_tokens: Those read from the cache.
        output_tokens: Their output tokens.
        usd: Dollars.
    """

    batch_id: str
    model: str
    requests: int
    charged: int = 0
    input_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    usd: Decimal = Decimal(0)

    def add(self, reply: SimReply, price: Price) -> None:
        """Charge a reply."""
        self.charged += 1
        self.input_tokens += reply.input_tokens
        self.cached_tokens += reply.cached_tokens
        self.output_tokens += reply.output_tokens
        input_usd, output_usd = (
            Decimal(str(rate)) for rate in (price.input_usd_per_mtok, price.output_usd_per_mtok)
        )
        rate = price.cached_input_usd_per_mtok
        cached_usd = input_usd if rate is None else Decimal(str(rate))
        full = (
            (reply.input_tokens - reply.cached_tokens) * input_usd
            + reply.cached_tokens * cached_usd
            + reply.output_tokens * output_usd
        )
        self.usd += BATCH_SHARE * full / _MTOK


@dataclass(slots=True)
class SimBatch:
    """One batch.

    Attributes:
        batch_id: Its id.
        lines: Its requests.
        habits: How the batch APIs of its persona behave.
        facts: What the vendor repeats in its description: label, endpoint, files.
        created_at: When it was submitted.
        refusal: Why the whole batch fails. None: it does not.
        stage: How far it is.
        looks: How often it was looked at.
        reached: Requests that were reached when it was cancelled. None: it was not.
        results: What came of the requests, in the order of the file of results. None: it has not ended.
        ended_at: When it ended. None: it has not.
    """

    batch_id: str
    lines: Sequence[BatchLine]
    habits: Batches
    facts: dict[str, Any]
    created_at: datetime
    created_s: float
    answer: Callable[[SimBatch, Sequence[BatchLine]], list[LineResult]]
    refusal: Sequence[Mapping[str, Any]] | None = None
    stage: Stage = "validating"
    looks: int = 0
    reached: int | None = None
    results: list[LineResult] | None = None
    ended_at: datetime | None = None

    def look(self) -> None:
        """Move a step on, and end if it is time."""
        if self.stage == "ended":
            return
        self.looks += 1
        is_due = self.looks >= self.habits.polls and time.monotonic() - self.created_s >= self.habits.delay_s
        if self.refusal is not None or self.stage == "cancelling" or is_due:
            self._end()
        else:
            self.stage = "running"

    def cancel(self) -> bool:
        """Stop after the requests that were reached by now; False: it has ended."""
        if self.stage == "ended":
            return False
        if self.reached is None:
            self.reached = int(len(self.lines) * min(1.0, self.looks / max(1, self.habits.polls)))
        self.stage = "cancelling"
        return True

    def _end(self) -> None:
        self.stage, self.ended_at = "ended", datetime.now(UTC)
        if self.refusal is not None:
            self.results = []
            return
        reached = len(self.lines) if self.reached is None else self.reached
        results = self.answer(self, self.lines[:reached])
        results += [LineResult(line.name, "cancelled", 0, {}) for line in self.lines[reached:]]
        if self.habits.shuffle:
            results.sort(key=lambda result: hashlib.sha256(result.name.encode()).digest())
        self.results = results

    @property
    def is_expired(self) -> bool:
        """Whether some of its requests got no time."""
        return any(result.outcome == "expired" for result in self.results or ())

    def count(self, *outcomes: Outcome) -> int:
        """Return how many requests came out in such a way; 0 before it has ended."""
        return sum(result.outcome in outcomes for result in self.results or ())


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file of a vendor's file store."""

    file_id: str
    name: str
    data: bytes
    created_at: datetime = field(default_factory=lambda: datetime.now(UTC))


class BatchStore:
    """The batches and files of all vendors; each vendor's ids have their own prefix.

    Attributes:
        uploads: What has come so far of files that are uploaded in pieces.
    """

    def __init__(self, simulation: Simulation) -> None:
        """Start empty."""
        self._simulation = simulation
        self._batches: dict[str, SimBatch] = {}
        self._files: dict[str, StoredFile] = {}
        self._stored_bytes = 0
        self._ids: Counter[str] = Counter()
        self._submits: Counter[str] = Counter()
        self._charges: dict[str, Charge] = {}
        self.uploads: dict[str, bytearray] = {}

    def persona_name(self, model: str) -> str | None:
        """Return the name of a model's persona, or None if no persona answers for it."""
        return self._simulation.persona_name(model)

    def add_file(self, prefix: str, name: str, data: bytes) -> StoredFile:
        """Keep a file.

        Raises:
            VendorRefusalError: There is no room.
        """
        if self._stored_bytes + len(data) > MAX_STORED_BYTES:
            raise VendorRefusalError(f"the simulated provider keeps {MAX_STORED_BYTES} bytes of files")
        self._stored_bytes += len(data)
        file = StoredFile(self._next_id(prefix), name, data)
        self._files[file.file_id] = file
        return file

    def file(self, file_id: str) -> StoredFile | None:
        """Return a file. None: there is none."""
        return self._files.get(file_id)

    def remove_file(self, file_id: str) -> bool:
        """Forget a file; return whether there was one."""
        file = self._files.pop(file_id, None)
        self._stored_bytes -= 0 if file is None else len(file.data)
        return file is not None

    def submit(
        self,
        prefix: str,
        model: str,
        lines: Sequence[BatchLine],
        protocol: WireProtocol,
        facts: dict[str, Any],
        refusal: Sequence[Mapping[str, Any]] | None = None,
    ) -> tuple[SimBatch, bool]:
        """Keep a batch; return it, and whether the answer to the submit is lost."""
        name = self.persona_name(model)
        habits = Batches() if name is None else self._simulation.models[name].persona.batches
        batch = SimBatch(
            self._next_id(prefix),
            lines,
            habits,
            facts,
            datetime.now(UTC),
            time.monotonic(),
            lambda batch, given: self._answer_lines(batch, given, protocol),
            refusal,
        )
        self._batches[batch.batch_id] = batch
        self._charges[batch.batch_id] = Charge(batch.batch_id, model, len(lines))
        self._simulation.counts["batches"] += 1
        key = f"cut {name}"
        self._submits[key] += 1
        return batch, self._submits[key] <= habits.cut_first

    def is_refused(self, model: str) -> bool:
        """Count a submit, and return whether its whole batch is refused."""
        name = self.persona_name(model)
        if name is None:
            return False
        key = f"refuse {name}"
        self._submits[key] += 1
        return self._submits[key] <= self._simulation.models[name].persona.batches.refuse_first

    def batch(self, batch_id: str) -> SimBatch | None:
        """Return a batch. None: there is none."""
        return self._batches.get(batch_id)

    def batches(self, prefix: str) -> list[SimBatch]:
        """Return the batches of one vendor, newest first."""
        found = [batch for batch in self._batches.values() if batch.batch_id.startswith(prefix)]
        return found[::-1]

    def charges(self) -> list[Charge]:
        """Return the ledger: what each batch costs so far, in the order in which they were submitted."""
        return list(self._charges.values())

    def ledger_as_json(self) -> dict[str, Any]:
        """Return the ledger; dollars are texts, because they are exact."""
        rows = [
            {
                "batch_id": charge.batch_id,
                "model": charge.model,
                "requests": charge.requests,
                "charged": charge.charged,
                "input_tokens": charge.input_tokens,
                "cached_tokens": charge.cached_tokens,
                "output_tokens": charge.output_tokens,
                "usd": str(charge.usd),
            }
            for charge in self.charges()
        ]
        return {"batches": rows, "usd": str(sum((charge.usd for charge in self.charges()), Decimal(0)))}

    def _next_id(self, prefix: str) -> str:
        self._ids[prefix] += 1
        return f"{prefix}{self._ids[prefix]:06d}"

    def _answer_lines(
        self, batch: SimBatch, lines: Sequence[BatchLine], protocol: WireProtocol
    ) -> list[LineResult]:
        results = (self._answer_line(batch, line, protocol) for line in lines)
        return [result for result in results if result.copies]

    def _answer_line(self, batch: SimBatch, line: BatchLine, protocol: WireProtocol) -> LineResult:
        simulation = self._simulation
        simulation.counts["batch_requests"] += 1
        try:
            request = _read_request(line, protocol)
        except VendorRefusalError as exc:
            return _error(line, protocol, exc.status, str(exc), exc.code)
        except (KeyError, TypeError, ValueError, AttributeError) as exc:
            return _error(line, protocol, 400, f"cannot read the request: {exc}")
        name = simulation.persona_name(request.model)
        if name is None:
            return _error(line, protocol, 404, f"the model {request.model!r} does not exist")
        mind = simulation.models[name]
        reply = mind.reply_to(request)
        simulation.counts["unknown_prompts"] += not reply.is_known
        if reply.fault not in {None, "slow"}:
            simulation.counts["faults"] += 1
            status = {"rate_limit": 429, "overloaded": protocol.overloaded_status}.get(str(reply.fault), 500)
            return _error(line, protocol, status, f"simulated {reply.fault}")
        happens = mind.persona.batch_fault(reply.prompt_sha256, reply.nth)
        if happens in {"expire", "lose"}:
            mind.undo_answer(reply)
            copies = 1 if happens == "expire" else 0
            return LineResult(line.name, "expired", 0, {}, copies)
        self._charges[batch.batch_id].add(reply, mind.persona.price)
        self._log(batch, line, reply)
        body = protocol.render_response(reply, request)
        copies = 2 if happens == "duplicate" else 1
        return LineResult(line.name, "answered", 200, body, copies, happens == "garble")

    def _log(self, batch: SimBatch, line: BatchLine, reply: SimReply) -> None:
        simulation = self._simulation
        simulation.counts["prompt_tokens"] += reply.input_tokens
        simulation.counts["cached_tokens"] += reply.cached_tokens
        simulation.counts["generation_tokens"] += reply.output_tokens
        simulation.record_request(
            {
                "batch": batch.batch_id,
                "custom_id": line.name,
                "prompt_sha256": reply.prompt_sha256,
                "nth": reply.nth,
                "known": reply.is_known,
                "right": reply.is_right,
                "correct": reply.is_answer_intact,
                "input_tokens": reply.input_tokens,
                "output_tokens": reply.output_tokens,
                "cached_tokens": reply.cached_tokens,
            }
        )


def _read_request(line: BatchLine, protocol: WireProtocol) -> SimRequest:
    request = protocol.parse_request(line.body)
    check_request(request)
    if request.stream:
        raise VendorRefusalError("stream: not supported in a batch")
    return request


def expires_at(batch: SimBatch, hours: int = 24) -> datetime:
    """Return when the vendor gives a batch up."""
    return batch.created_at + timedelta(hours=hours)


def _error(
    line: BatchLine, protocol: WireProtocol, status: int, message: str, code: str | None = None
) -> LineResult:
    return LineResult(line.name, "error", status, protocol.render_error(status, message, code))

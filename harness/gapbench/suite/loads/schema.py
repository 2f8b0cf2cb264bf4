"""The loads of a suite, checked when it is read: a number in flight, a rate, a ramp, a replay, or a search for a rate."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from gapbench.suite.documents import NAME_PATTERN, StrictModel
from gapbench.suite.documents.addresses import validate_address
from gapbench.suite.loads.load import Load, LoadKind, RateSearch, SaltScope
from gapbench.suite.loads.period import parse_period
from gapbench.suite.loads.trace import read_trace
from gapbench.values import sha256
from gapbench.values.slo import LIMIT_FIELDS, Slo

MAX_REQUESTS = 10_000_000
"""Of one cell under a rate: more would be a slip of the pen, and a plan holds them all."""
MAX_WORKERS = 256
Rate = Annotated[float, Field(gt=0, le=100_000)]
Concurrency = Annotated[int, Field(ge=1, le=100_000)]
Limit = Annotated[float, Field(gt=0)]


class SloDocument(StrictModel):
    """Limits on one request, and how many requests must keep them; times count from the schedule."""

    ttft_s: Limit | None = Field(None, description="longest time to the first text of any channel")
    answer_ttft_s: Limit | None = Field(None, description="longest time to the first text of the answer")
    inter_chunk_s: Limit | None = Field(
        None, description="longest gap between chunks, at `percentile` of the request's own gaps"
    )
    response_s: Limit | None = Field(None, description="longest time to the complete reply")
    task_s: Limit | None = Field(
        None, description="longest time to the end of an episode; of a single request to the complete reply"
    )
    percentile: float = Field(
        0.95, gt=0, le=1, description="which of a request's gaps must keep inter_chunk_s; 1: every gap"
    )
    attainment: float = Field(
        0.95,
        gt=0,
        lt=1,
        description="share of all requests sent that must keep every limit; failures are misses",
    )

    @model_validator(mode="after")
    def _check_has_limit(self) -> SloDocument:
        if all(getattr(self, name) is None for name in LIMIT_FIELDS):
            raise ValueError(f"give at least one limit: {', '.join(LIMIT_FIELDS)}")
        return self

    def to_slo(self) -> Slo:
        """Return the service level."""
        return Slo(**self.model_dump())


class RampDocument(StrictModel):
    """A rate that changes evenly over the load's duration."""

    from_rps: Rate = Field(description="requests per second at the start")
    to_rps: Rate = Field(description="requests per second at the end")


class ReplayDocument(StrictModel):
    """A recorded trace, or the traffic of a table."""

    trace: str | None = Field(
        None, min_length=1, description="JSON lines, ours or Mooncake's; relative to the suite"
    )
    traffic: str | None = Field(
        None,
        min_length=1,
        description="table of `bench traffic import`, relative to the suite; it brings its own requests, so the suite's "
        "tasks are not sent under this load",
    )
    speed: float = Field(1.0, gt=0, le=1_000, description="2 sends the trace in half its time")
    period: str | None = Field(
        None,
        description="traffic: the part to send, in UTC unless it names a zone: 2026-01-05, 2026-01-05T09:00/1h or "
        "2026-01-05T09:00/2026-01-05T12:30. Default: the whole table",
    )
    routes: Annotated[list[str], Field(min_length=1)] | None = Field(
        None, description="traffic: send only these routes"
    )
    ignore_eos: bool = Field(
        default=True,
        description="traffic: generate the logged number of tokens, whatever the model says, where the server can (vllm)",
    )
    words_per_token: float = Field(
        1.0,
        gt=0,
        le=10,
        description="traffic without text: words of made-up text for each token that the log counts",
    )
    template_tokens: int = Field(
        8,
        ge=0,
        le=10_000,
        description="traffic without text: tokens that the server's chat template adds to a prompt",
    )
    tokenizer: str | None = Field(
        None,
        min_length=1,
        max_length=2_000,
        description="traffic without text: address of a vLLM server, such as http://localhost:8000, whose /tokenize measures "
        "words_per_token and template_tokens",
    )
    data_policy: Literal["public", "private"] = Field(
        "public", description="traffic: private is never sent to an API that is paid by the token"
    )

    @field_validator("period")
    @classmethod
    def _check_period(cls, value: str | None) -> str | None:
        if value is not None:
            parse_period(value)
        return value

    @field_validator("tokenizer")
    @classmethod
    def _check_tokenizer(cls, value: str | None) -> str | None:
        if value is not None:
            validate_address(value)
        return value

    @model_validator(mode="after")
    def _check_source(self) -> ReplayDocument:
        if (self.trace is None) == (self.traffic is None):
            raise ValueError("give exactly one of trace and traffic")
        if self.traffic is None:
            extra = sorted(self.model_fields_set - {"trace", "speed"})
            if extra:
                raise ValueError(f"{extra[0]} goes with traffic, not with trace")
        measured = sorted(self.model_fields_set & {"words_per_token", "template_tokens"})
        if self.tokenizer is not None and measured:
            raise ValueError(f"give either tokenizer, which measures {measured[0]}, or {measured[0]}")
        return self

    @property
    def file(self) -> str:
        """The file to replay."""
        return self.trace or self.traffic or ""


class SearchDocument(StrictModel):
    """A search for the highest rate that keeps a service level."""

    slo: SloDocument = Field(description="the service level")
    from_rps: Rate = Field(description="lowest rate")
    to_rps: Rate = Field(description="highest rate")
    tolerance: float = Field(
        0.05, ge=0.005, le=1, description="step between neighbouring rates, as a share of the lower"
    )
    repeats: int = Field(3, ge=1, le=20, description="largest number of tries of each rate")

    @model_validator(mode="after")
    def _check_rising(self) -> SearchDocument:
        if self.from_rps >= self.to_rps:
            raise ValueError("from_rps must be below to_rps")
        return self


class LoadDocument(StrictModel):
    """When to send. A list under ``concurrency`` or ``rate_rps`` is one load for each level."""

    concurrency: Concurrency | Annotated[list[Concurrency], Field(min_length=1)] | None = Field(
        None, description="requests in flight; a list is a sweep"
    )
    adaptive: bool = Field(
        default=False,
        description="concurrency: start low and keep as many requests in flight as the provider accepts, at most the "
        "given number; for accuracy runs",
    )
    warmup_requests: int = Field(
        0, ge=0, le=100_000, description="concurrency: extra requests first, left out of every figure"
    )
    rate_rps: Rate | Annotated[list[Rate], Field(min_length=1)] | None = Field(
        None, description="requests per second; a list is a sweep"
    )
    ramp: RampDocument | None = Field(None, description="a rate that rises or falls over duration_s")
    replay: ReplayDocument | None = Field(None, description="a recorded trace, or logged traffic")
    search: SearchDocument | None = Field(None, description="the highest rate that keeps a service level")
    arrivals: Literal["constant", "poisson", "gamma"] = Field("poisson", description="spacing under a rate")
    cv: float | None = Field(
        None,
        gt=0,
        le=100,
        description="gamma: standard deviation of the gaps over their mean; 1 is Poisson, more is bursty",
    )
    duration_s: float | None = Field(
        None, gt=0, le=7 * 86_400, description="how long a rate lasts; a search: each try"
    )
    warmup_s: float = Field(0.0, ge=0, description="start of a schedule, left out of every figure")
    max_requests: int | None = Field(None, ge=1, le=MAX_REQUESTS, description="cap on a schedule's requests")
    repeats: int = Field(
        1, ge=1, le=100, description="rate_rps: times each rate is sent, with other arrivals"
    )
    salt: bool | Literal["request"] | None = Field(
        None,
        description="start each prompt with a short word that keeps caches from answering: true, one word for each "
        "cell; request, one for each request; false, none. Default: true for schedules and sweeps, else false; of traffic "
        "that is replayed once false, so that caches work as they did",
    )
    timed: bool | None = Field(
        None,
        description="concurrency: whether the times are a result of the run; then nothing else is sent meanwhile. false: "
        "models at different addresses run side by side, and a model's tasks follow each other without a pause. Default: "
        "true for a sweep, with warm-up requests, and where the suite has several loads; else false",
    )
    workers: Literal["auto"] | Annotated[int, Field(ge=1, le=MAX_WORKERS)] = Field(
        "auto", description="worker processes; auto: as many as the load needs, at most one per core"
    )
    name: str | None = Field(None, pattern=NAME_PATTERN, max_length=60, description="name in tables")

    @model_validator(mode="after")
    def _check_kind(self) -> LoadDocument:
        kinds = ("concurrency", "rate_rps", "ramp", "replay", "search")
        given = [name for name in kinds if getattr(self, name) is not None]
        if len(given) != 1:
            found = f"found {' and '.join(given)}" if given else "found none"
            raise ValueError(f"give exactly one of {', '.join(kinds[:-1])} and {kinds[-1]}; {found}")
        kind = given[0]
        for name, owners in _ALLOWED_KINDS.items():
            if name in self.model_fields_set and kind not in owners:
                hint = "; under a schedule give warmup_s" if name == "warmup_requests" else ""
                raise ValueError(f"{name} goes with {' or '.join(owners)}, not with {kind}{hint}")
        if (self.cv is not None) != (self.arrivals == "gamma"):
            raise ValueError("cv goes with arrivals: gamma, and gamma needs it; cv: 1 would be poisson")
        if kind not in {"concurrency", "replay"} and self.duration_s is None:
            raise ValueError(f"{kind} needs duration_s")
        if self.timed and self.adaptive:
            raise ValueError(
                "timed and adaptive exclude each other: the number in flight changes; remove one"
            )
        if self.duration_s is not None and self.warmup_s >= self.duration_s:
            raise ValueError("warmup_s must be shorter than duration_s, or nothing is measured")
        self._check_request_count(kind)
        return self

    def _check_request_count(self, kind: str) -> None:
        rates = {
            "rate_rps": _as_list(self.rate_rps),
            "ramp": [] if self.ramp is None else [(self.ramp.from_rps + self.ramp.to_rps) / 2],
            "search": [] if self.search is None else [self.search.to_rps],
        }.get(kind, [])
        for rate in rates:
            if self.max_requests is None and rate * (self.duration_s or 0.0) > MAX_REQUESTS:
                raise ValueError(
                    f"{rate:g} requests/s for {self.duration_s:g} s are more than {MAX_REQUESTS}; "
                    "lower one of them, or give max_requests"
                )

    @property
    def brings_requests(self) -> bool:
        """Whether the load has its own requests and sends none of the suite's tasks."""
        return self.replay is not None and self.replay.traffic is not None

    def labels(self) -> list[str]:
        """Return the names of the load's levels in tables; two alike would be one cell."""
        if self.search is not None:
            return [self.name or "search"]
        return [load.label for load in self.to_loads()]

    def to_loads(self, folder: Path | None = None, *, is_one_of_several: bool = False) -> list[Load]:
        """Return one load for each level and repetition; [] for a search.

        Args:
            folder: Where a replay's trace is looked for. None: the trace is left out. That of a traffic table always
                is: :func:`gapbench.suite.replay.open_replay` adds it.
            is_one_of_several: Whether the suite has other loads too: comparing loads is about time.

        Raises:
            DocumentError: The trace cannot be read.
        """
        if self.search is not None:
            return []
        made: list[Load] = []
        levels = self._levels()
        for kind, value in levels:
            name = self.name if self.name is None or len(levels) == 1 else f"{self.name}-{value:g}"
            for repetition in range(1, self.repeats + 1):
                load = self._make_load(kind, value, name, repetition if self.repeats > 1 else 0)
                load = replace(load, timed=self._is_timed(is_one_of_several))
                made.append(load if self.replay is None else _with_trace(load, self.replay, folder))
        return made

    def to_search(self) -> RateSearch | None:
        """Return the search. None: the load is none."""
        if self.search is None:
            return None
        asked = self.search
        load = self._make_load("search", asked.from_rps, self.name, 0)
        return RateSearch(
            asked.slo.to_slo(), asked.from_rps, asked.to_rps, asked.tolerance, asked.repeats, load
        )

    def _levels(self) -> list[tuple[LoadKind, float]]:
        if self.concurrency is not None:
            kind: LoadKind = "adaptive" if self.adaptive else "concurrency"
            return [(kind, float(places)) for places in _as_list(self.concurrency)]
        if self.rate_rps is not None:
            return [("rate", rate) for rate in _as_list(self.rate_rps)]
        if self.ramp is not None:
            return [("ramp", (self.ramp.from_rps + self.ramp.to_rps) / 2)]
        return [("replay", 0.0)]

    def _make_load(self, kind: LoadKind, value: float, name: str | None, repetition: int) -> Load:
        return Load(
            kind=kind,
            value=value,
            arrivals=self.arrivals,
            duration_s=self.duration_s,
            warmup_requests=self.warmup_requests,
            warmup_s=self.warmup_s,
            max_requests=self.max_requests,
            cv=self.cv or 1.0,
            from_rps=self.ramp.from_rps if self.ramp else None,
            to_rps=self.ramp.to_rps if self.ramp else None,
            salt=self._salt_scope(),
            workers=None if self.workers == "auto" else self.workers,
            repetition=repetition,
            name=name,
        )

    def _is_timed(self, is_one_of_several: bool) -> bool:
        if self.timed is not None:
            return self.timed
        if self.concurrency is None:
            return True
        is_sweep = isinstance(self.concurrency, list) or is_one_of_several
        return not self.adaptive and (is_sweep or self.warmup_requests > 0)

    def _salt_scope(self) -> SaltScope | None:
        if self.salt is None:
            if self.brings_requests and self.repeats == 1:
                return None
            timing = self.concurrency is None or isinstance(self.concurrency, list)
            return "cell" if timing else None
        if self.salt == "request":
            return "request"
        return "cell" if self.salt else None


_SCHEDULES = ("rate_rps", "ramp", "search")
_ALLOWED_KINDS: dict[str, tuple[str, ...]] = {
    "adaptive": ("concurrency",),
    "timed": ("concurrency",),
    "warmup_requests": ("concurrency",),
    "arrivals": _SCHEDULES,
    "cv": _SCHEDULES,
    "duration_s": (*_SCHEDULES, "replay"),
    "warmup_s": (*_SCHEDULES, "replay"),
    "max_requests": (*_SCHEDULES, "replay"),
    "repeats": ("rate_rps", "ramp", "replay"),
}


def _as_list(value: Any) -> list[Any]:
    return [] if value is None else value if isinstance(value, list) else [value]


def _with_trace(load: Load, replay: ReplayDocument, folder: Path | None) -> Load:
    """Return a load with its trace and the trace's mean rate."""
    stem = "".join(char if char.isalnum() or char in "._-" else "-" for char in Path(replay.file).stem)
    named = replace(load, speed=replay.speed, name=load.name or f"replay-{stem}")
    if replay.trace is None:
        return replace(named, ignore_eos=replay.ignore_eos)
    if folder is None:
        return named
    file = folder / replay.trace
    trace = read_trace(file)
    span_s = trace[-1].at_s / replay.speed
    return replace(
        named,
        trace=trace,
        trace_sha256=sha256(file.read_bytes()),
        value=len(trace) / span_s if span_s > 0 else float(len(trace)),
    )

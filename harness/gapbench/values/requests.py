"""What goes to a runner and what comes back."""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Literal, NamedTuple

from gapbench.errors import FailureKind
from gapbench.values.messages import Message

Channel = Literal["answer", "reasoning"]
Weights = Literal["open", "closed"]
Transport = Literal["lean", "httpx2"]
Disclosure = Literal["verbatim", "summary", "hidden", "none", "unknown"]
FinishReason = Literal["stop", "length", "refusal", "tool", "other"]


@dataclass(frozen=True, slots=True)
class Params:
    """Generation parameters as asked, before any provider's rules.

    Attributes:
        max_tokens: Budget of output tokens, reasoning included. None: the provider's own.
        temperature: None: not sent.
        top_p: None: not sent.
        stop: Stop strings; empty: none.
        seed: None: not sent.
        reasoning: ``off``, ``minimal``, ``low``, ``medium``, ``high``, ``max``, or a token budget.
            None: the model's own default.
        extra: Provider parameters passed on as they are, merged into the body last.
    """

    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    reasoning: str | int | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return only what was asked for."""
        named = {
            "max_tokens": self.max_tokens,
            "temperature": self.temperature,
            "top_p": self.top_p,
            "stop": list(self.stop) or None,
            "seed": self.seed,
            "reasoning": self.reasoning,
            "extra": dict(self.extra) or None,
        }
        return {key: value for key, value in named.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Model:
    """One model of a suite, as its runner gets it.

    Attributes:
        id: The name in tables.
        runner: Entry point name, such as ``openai``.
        name: What the provider calls the model.
        weights: ``open`` when the weights can be downloaded, whatever serves them.
        released: Day of release. None: not given.
        base_url: Endpoint. None: the provider's own, or a server that the runner starts.
        key_env: Name of the environment variable that holds the key. None: the runner's default.
        params: Overrides of the suite's parameters for this model.
        options: Runner settings as given in the suite (``serve``, ``sim``, ``api`` …).
        cost: Pricing inputs as given in the suite; the harness only stores them.
        transport: Which code sends this model's HTTP requests; see :class:`Session`.
    """

    id: str
    runner: str
    name: str
    weights: Weights
    released: date | None = None
    base_url: str | None = None
    key_env: str | None = None
    params: Params = field(default_factory=Params)
    options: Mapping[str, Any] = field(default_factory=dict)
    cost: Mapping[str, Any] | None = None
    transport: Transport = "lean"


@dataclass(frozen=True, slots=True)
class GroundTruth:
    """What a simulated provider must know to answer with a set skill; real runners never see it.

    Attributes:
        prompt_sha256: See :func:`prompt_sha256`.
        category: Picks the persona's skill.
        reference: The reply that scores 1.
        decoy: The reply that scores 0.
    """

    prompt_sha256: str
    category: str
    reference: str
    decoy: str


def _no_truths() -> Iterable[GroundTruth]:
    return ()


def _ignore_message(_: str) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Session:
    """What a runner is given when it opens, before its first request.

    Attributes:
        log_dir: Folder for server logs; exists.
        connections: Most requests that will be in flight at once.
        connect_timeout_s: Deadline for a connection.
        read_timeout_s: Longest silence on an open stream.
        truths: Called only by simulated runners.
        notify: Takes one line of progress ("starting vLLM: 12 s").
        transport: ``lean``: our own transport, which records kernel receive stamps; behind a proxy httpx2 is used all
            the same. ``httpx2``: httpx2's transport everywhere.
        transport_factory: Makes the ``httpx2.AsyncBaseTransport`` for a base URL in place of ``transport``, as tests
            with scripted servers do. None: ``transport`` decides.
    """

    log_dir: Path
    connections: int = 64
    connect_timeout_s: float = 10.0
    read_timeout_s: float = 120.0
    truths: Callable[[], Iterable[GroundTruth]] = _no_truths
    notify: Callable[[str], None] = _ignore_message
    transport: Transport = "lean"
    transport_factory: Callable[[str], Any] | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """One prompt to one model.

    Attributes:
        needs_logprobs: True: the last message is not asked for but weighed: how likely is it, as plain text,
            after the text before it? The answer is then :meth:`Likelihood.to_answer`.
    """

    model: Model
    messages: tuple[Message, ...]
    params: Params
    needs_logprobs: bool = False


@dataclass(frozen=True, slots=True)
class Likelihood:
    """How likely a model finds a given text.

    Attributes:
        logprob: Natural logarithm of the text's probability after its context, summed over its tokens.
        greedy: Whether each of its tokens is the likeliest one at its place.
    """

    logprob: float
    greedy: bool

    def to_answer(self) -> str:
        """Return it as the text that is stored as the answer; digits are kept to the last one."""
        return json.dumps({"logprob": self.logprob, "greedy": self.greedy})

    @classmethod
    def from_answer(cls, answer: str) -> Likelihood:
        """Return what :meth:`to_answer` wrote."""
        found = json.loads(answer)
        return cls(float(found["logprob"]), bool(found["greedy"]))


@dataclass(frozen=True, slots=True)
class Call:
    """A request after the provider's rules: ready to send, not yet sent.

    Attributes:
        body: Keyword arguments or body for the provider's client; only the runner reads it.
        params_sent: The parameters in the body under the provider's names, without the prompt.
        changes: One short line per parameter that was dropped, renamed or changed, such as
            ``temperature dropped: reasoning model``. Empty: sent as asked.
        texts: The prompt's texts in their order.
        template_key: Equal for calls of one runner whose bodies differ in ``texts`` alone. None: not comparable.
        body_with_texts: Returns ``body`` with other texts. None: where ``template_key`` is.
    """

    body: Mapping[str, Any]
    params_sent: Mapping[str, Any]
    changes: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    template_key: Hashable | None = None
    body_with_texts: Callable[[Sequence[str]], Mapping[str, Any]] | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """Token counts, made alike across providers.

    Attributes:
        input_tokens: All prompt tokens, cache reads and writes included.
        cached_input_tokens: The part of ``input_tokens`` read from a cache.
        cache_write_tokens: The part of ``input_tokens`` written to a cache, any lifetime.
        cache_write_1h_tokens: The part of ``cache_write_tokens`` kept for an hour.
        output_tokens: All generated tokens, reasoning included.
        reasoning_tokens: The part of ``output_tokens`` spent on reasoning.
    """

    input_tokens: int | None = None
    cached_input_tokens: int | None = None
    cache_write_tokens: int | None = None
    cache_write_1h_tokens: int | None = None
    output_tokens: int | None = None
    reasoning_tokens: int | None = None


class Chunk(NamedTuple):
    """One piece of a reply as a runner yields it. Every field may be absent; the last value wins.

    A named tuple, since one is made for each token: a frozen dataclass costs five times as much.

    Attributes:
        text: New text of ``channel``; "" for a chunk that only carries facts.
        channel: Whether ``text`` is answer or reasoning.
        received_s: When its bytes left the socket. None: the harness stamps it on arrival.
        usage: Token counts so far or in the end.
        finish_reason: Why generation ended, in the harness's words.
        finish_raw: The same in the provider's words.
        disclosure: How much of the reasoning the provider shows.
        model_served: The model id in the reply.
        response_id: The provider's id of this reply.
        system_fingerprint: The provider's mark of the serving configuration.
        service_tier: The tier that the provider says it used, such as ``default`` or ``flex``.
    """

    text: str = ""
    channel: Channel = "answer"
    received_s: float | None = None
    usage: Usage | None = None
    finish_reason: FinishReason | None = None
    finish_raw: str | None = None
    disclosure: Disclosure | None = None
    model_served: str | None = None
    response_id: str | None = None
    system_fingerprint: str | None = None
    service_tier: str | None = None


@dataclass(frozen=True, slots=True)
class Timing:
    """The instants of one attempt, in seconds on the run's monotonic clock. None: did not happen.

    Attributes:
        sent_s: The request's first byte was handed to the socket.
        first_byte_s: The first byte of the reply arrived.
        first_token_s: The first text of any channel arrived.
        first_answer_s: The first text of the answer channel arrived.
        last_token_s: The last text of any channel arrived.
        done_s: The reply was complete, or the failure was known.
        chunk_s: When each chunk with text arrived.
        chunk_tokens: Cumulative output tokens at each of ``chunk_s``. None: the server did not say.
    """

    sent_s: float | None
    first_byte_s: float | None
    first_token_s: float | None
    first_answer_s: float | None
    last_token_s: float | None
    done_s: float
    chunk_s: tuple[float, ...] = ()
    chunk_tokens: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an attempt brought no answer. See :class:`gapbench.errors.RunnerError`."""

    kind: FailureKind
    message: str
    http_status: int | None = None
    retry_after_s: float | None = None


@dataclass(frozen=True, slots=True)
class Response:
    """Everything that one attempt brought back.

    Attributes:
        answer: Text of the answer channel; partial when ``failure`` is set.
        reasoning: Text of the reasoning channel as far as it was disclosed.
        failure: None for a complete reply.
        transport: Which code moved the bytes (``lean``, ``httpx2``, ``in-process``).
    """

    answer: str
    reasoning: str
    timing: Timing
    usage: Usage
    finish_reason: FinishReason | None = None
    finish_raw: str | None = None
    disclosure: Disclosure = "unknown"
    model_served: str | None = None
    response_id: str | None = None
    system_fingerprint: str | None = None
    service_tier: str | None = None
    http_status: int | None = None
    transport: str | None = None
    failure: Failure | None = None

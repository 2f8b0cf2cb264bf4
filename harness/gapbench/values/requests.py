"""The values that a runner receives and returns: model, session, request, call, chunk, response."""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Literal, NamedTuple

from gapbench.errors import FailureKind
from gapbench.values.messages import Message, Part, ReasoningState, ToolCall
from gapbench.values.pieces import Pieces
from gapbench.values.tool_calls import ToolCallPiece
from gapbench.values.tools import ResponseSchema, ToolSet

Channel = Literal["answer", "reasoning"]
Weights = Literal["open", "closed"]
Transport = Literal["lean", "httpx2"]
ReplicaChoice = Literal["least_in_flight", "prefix"]
Disclosure = Literal["verbatim", "summary", "hidden", "none", "unknown"]
FinishReason = Literal["stop", "length", "refusal", "tool", "other"]


@dataclass(frozen=True, slots=True)
class Params:
    """Generation parameters as requested, before any provider's rules.

    Attributes:
        max_tokens: Limit of output tokens, including reasoning. None: the provider's default.
        temperature: None: not sent.
        top_p: None: not sent.
        stop: Stop strings; empty: none.
        seed: None: not sent.
        reasoning: ``off``, ``minimal``, ``low``, ``medium``, ``high``, ``max``, or a token budget.
            None: the model's default.
        extra: Provider parameters that are passed on unchanged, merged into the body last.
    """

    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    reasoning: str | int | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return only the parameters that are set."""
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
    """One model of a suite, as its runner receives it.

    Attributes:
        id: The name in tables.
        runner: Entry point name, such as ``openai``.
        name: What the provider calls the model.
        weights: ``open`` if the weights can be downloaded, regardless of who serves them.
        released: Day of release. None: not given.
        base_url: Endpoint. None: the provider's default, or a server that the runner starts.
        key_env: Name of the environment variable with the API key. None: the runner's default.
        params: Overrides of the suite's parameters for this model.
        options: Runner settings as given in the suite (``serve``, ``sim``, ``api`` …).
        cost: Pricing inputs as given in the suite; stored, and used only for prices.
        transport: Which code sends this model's HTTP requests; see :class:`Session`.
        thinking_in_text: Which marks of thinking are looked for in the text of a reply: ``auto``, ``off``, or names of
            rules; see :func:`gapbench.values.thinking.thinking_rules_for`.
        batch: Whether its answers come from the provider's batch API, within a day and without times.
        replicas: All addresses of the model, of which ``base_url`` is the first. (): it has at most one.
        replica_choice: Which of them gets a request: the one with the least in flight, or the one that has seen the
            prompt's start.
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
    thinking_in_text: tuple[str, ...] = ("auto",)
    batch: bool = False
    replicas: tuple[str, ...] = ()
    replica_choice: ReplicaChoice = "least_in_flight"


@dataclass(frozen=True, slots=True)
class GroundTruth:
    """What a simulated provider needs to answer with a given skill; real runners never see it.

    A call of ``reference_turns`` or ``decoy_turns`` may use what an earlier call returned:
    ``{"$result": [turn, call, "/json/pointer"]}`` in place of a value in its arguments. Turns and calls count from 0,
    and the pointer (RFC 6901) is into the result, read as JSON; "" is the whole result. What is not there becomes null.

    Attributes:
        prompt_sha256: Hash of the prompt as each vendor's wire carries it:
            ``prompt_sha256(vendor_neutral(messages))``.
        category: Selects the persona's skill.
        reference: The reply that scores 1.
        decoy: The reply that scores 0.
        reference_turns: The assistant's messages that score 1, one for each turn. (): ``reference`` is the only one.
        decoy_turns: The assistant's messages that score 0, as ``reference_turns``.
        user_lines: What the scripted user says after the first prompt, in order. With ``tool_names`` it tells samples
            with the same first prompt apart.
        tool_names: Names of the tools that are declared with the first prompt.
        rung: Difficulty of the sample on its task's ladder, from 1. None: the task is not a ladder.
    """

    prompt_sha256: str
    category: str
    reference: str
    decoy: str
    reference_turns: tuple[Message, ...] = ()
    decoy_turns: tuple[Message, ...] = ()
    user_lines: tuple[str, ...] = ()
    tool_names: tuple[str, ...] = ()
    rung: int | None = None


def _no_truths() -> Iterable[GroundTruth]:
    return ()


def _ignore_message(_: str) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Session:
    """What a runner receives when it opens, before its first request.

    Attributes:
        log_dir: Existing folder for server logs.
        connections: Most requests that will be in flight at once.
        connect_timeout_s: Deadline for a connection.
        read_timeout_s: Longest silence on an open stream.
        truths: Called only by simulated runners.
        notify: Receives one line of progress ("starting vLLM: 12 s").
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
        needs_logprobs: True: nothing is generated. The runner returns how likely the last message is, as plain text,
            after the text before it; the answer is then :meth:`Likelihood.to_answer`.
        tools: The tools that the model may call. None: none are declared.
        response_schema: The schema that the provider is to hold the reply to. None: free text.
        ignore_eos: Whether the reply is to be as long as ``max_tokens`` allows, where the server can go on after the
            model's end of text.
    """

    model: Model
    messages: tuple[Message, ...]
    params: Params
    needs_logprobs: bool = False
    tools: ToolSet | None = None
    response_schema: ResponseSchema | None = None
    ignore_eos: bool = False


@dataclass(frozen=True, slots=True)
class Likelihood:
    """The likelihood that a model gives to a text.

    Attributes:
        logprob: Natural logarithm of the text's probability after its context, summed over its tokens.
        greedy: Whether each of its tokens is the most likely one at its position.
    """

    logprob: float
    greedy: bool

    def to_answer(self) -> str:
        """Return the text that is stored as the answer, in full precision."""
        return json.dumps({"logprob": self.logprob, "greedy": self.greedy})

    @classmethod
    def from_answer(cls, answer: str) -> Likelihood:
        """Return the value that :meth:`to_answer` wrote."""
        found = json.loads(answer)
        return cls(float(found["logprob"]), bool(found["greedy"]))


@dataclass(frozen=True, slots=True)
class Call:
    """A request after the provider's rules: ready to send.

    Attributes:
        body: Keyword arguments or body for the provider's client; only the runner reads it.
        params_sent: The parameters in the body under the provider's names, without the prompt.
        changes: One short line per parameter that was dropped, renamed or changed, such as
            ``temperature dropped: reasoning model``. Empty: sent as requested.
        texts: The prompt's texts in order.
        template_key: Equal for calls of one runner whose bodies differ only in ``texts``, or only in the values of
            ``conversation``. None: not comparable.
        body_with_texts: Returns ``body`` with other texts. None if ``template_key`` is None or ``conversation`` is given.
        conversation: What grows from turn to turn of an episode: JSON values as they are sent, by their key at the top of
            the request. {}: the call is compared by its texts.
        prefix_key: What prompts have in common that go to one replica. None: any replica.
        problem: Why the provider cannot be sent this request, in one line; sending the call then fails with it as
            ``bad_request``. None: nothing is known to be wrong.
    """

    body: Mapping[str, Any]
    params_sent: Mapping[str, Any]
    changes: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    template_key: Hashable | None = None
    body_with_texts: Callable[[Sequence[str]], Mapping[str, Any]] | None = None
    problem: str | None = None
    conversation: Mapping[str, Any] = field(default_factory=dict)
    prefix_key: str | None = None


class Usage(NamedTuple):
    """Token counts, normalized across providers. A named tuple for the same reason as :class:`Chunk`.

    Attributes:
        input_tokens: All prompt tokens, including cache reads and writes.
        cached_input_tokens: The part of ``input_tokens`` read from a cache.
        cache_write_tokens: The part of ``input_tokens`` written to a cache, any lifetime.
        cache_write_1h_tokens: The part of ``cache_write_tokens`` kept for an hour.
        output_tokens: All generated tokens, including reasoning.
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

    A named tuple, because one is created for each token and a frozen dataclass costs five times as much.

    Attributes:
        text: New text of ``channel``; "" for a chunk that only carries facts.
        channel: Whether ``text`` is answer or reasoning.
        received_s: When its bytes were read from the socket. None: it is stamped when it arrives.
        usage: Token counts so far or at the end.
        finish_reason: Why generation ended, normalized.
        finish_raw: The same as the provider wrote it.
        disclosure: How much of the reasoning the provider shows.
        model_served: The model id in the reply.
        response_id: The provider's id of this reply.
        system_fingerprint: The provider's fingerprint of the serving configuration.
        service_tier: The tier that the provider reports, such as ``default`` or ``flex``.
        tool_call: A piece of a tool call. The answer gets the calls as one JSON list, after its text.
        usage_note: How ``usage`` differs from the provider's numbers, and why.
        reasoning_state: Reasoning that the vendor needs back, whole.
        pieces: The pieces of ``text``, if several that carry nothing else are one chunk. None: it is one piece.
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
    tool_call: ToolCallPiece | None = None
    usage_note: str | None = None
    reasoning_state: ReasoningState | None = None
    pieces: Pieces | None = None


@dataclass(frozen=True, slots=True)
class Timing:
    """The instants of one attempt, in seconds on the run's monotonic clock. None: did not happen.

    Attributes:
        sent_s: The request's first byte was written to the socket.
        first_byte_s: The first byte of the reply arrived.
        first_token_s: The first text of any channel arrived.
        first_answer_s: The first text of the answer arrived that is more than white space, or its first tool call.
        last_token_s: The last text of any channel arrived.
        done_s: The reply was complete, or the failure was known.
        chunk_s: When each chunk with text or a piece of a tool call arrived.
        chunk_tokens: Cumulative output tokens at each of ``chunk_s``. None: the server did not report them.
        first_tool_call_s: The first byte of a tool call arrived.
        first_complete_call_s: The last byte of the first tool call arrived. This one is comparable between vendors:
            Gemini sends a call whole, and Anthropic may hold the arguments back.
    """

    sent_s: float | None
    first_byte_s: float | None
    first_token_s: float | None
    first_answer_s: float | None
    last_token_s: float | None
    done_s: float
    chunk_s: tuple[float, ...] = ()
    chunk_tokens: tuple[int, ...] | None = None
    first_tool_call_s: float | None = None
    first_complete_call_s: float | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an attempt brought no answer. See :class:`gapbench.errors.RunnerError`.

    Attributes:
        others_answer: Whether other replicas of the model are in use, so that the failure says nothing of the model.
    """

    kind: FailureKind
    message: str
    http_status: int | None = None
    retry_after_s: float | None = None
    others_answer: bool = False


@dataclass(frozen=True, slots=True)
class Response:
    """Everything that one attempt returned.

    Attributes:
        answer: Text of the answer channel, then its tool calls as a JSON list; partial if ``failure`` is set.
        reasoning: Text of the reasoning channel as far as the provider disclosed it, and thinking found in the text.
        failure: None for a complete reply.
        transport: Which code sent and received the bytes (``lean``, ``httpx2``, ``in-process``), or ``batch``.
        thinking_rule: The rule that moved thinking out of the text. None: none applied.
        usage_note: Which token counts were dropped or corrected, and why. None: none.
        parts: The reply as the assistant's part of the next prompt: text, tool calls and reasoning state in the order
            in which they came, without thinking that was only shown. (): nothing came.
        replica: Address of the replica that answered. None: the model has one address.
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
    thinking_rule: str | None = None
    usage_note: str | None = None
    parts: tuple[Part, ...] = ()
    replica: str | None = None

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """The tool calls, in the order in which they began."""
        return tuple(part for part in self.parts if isinstance(part, ToolCall))

    @property
    def text(self) -> str:
        """The text of the answer, without its tool calls."""
        return Message("assistant", self.parts).text

    def to_message(self) -> Message:
        """Return the reply as the next prompt's message."""
        return Message("assistant", self.parts)

"""Send the turns of episodes: one conversation for each request that is one, from its first prompt to its end.

The turns pass the same admission, measurement and delivery as single requests. What follows a reply is the
conversation's business, see :mod:`gapbench.agents`; the limits on tokens and dollars are kept here.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from decimal import Decimal

from gapbench import credentials, transport
from gapbench.agents import Conversation, DeadEnvironmentError, Step, open_conversation
from gapbench.execution.attempts.attempt_row import AttemptContext
from gapbench.execution.attempts.context_overflow import is_context_overflow
from gapbench.execution.attempts.episode_turn import (
    EpisodeEnd,
    EpisodeTurn,
    add_usages,
    count_invalid_calls,
)
from gapbench.execution.attempts.load_generator import AttemptRequest, AttemptResult
from gapbench.execution.attempts.request_sender import CompletedAttempt, Exchange, RequestSender
from gapbench.pricing import UsagePricer
from gapbench.suite.plan import PlannedRequest, count_prompt_chars
from gapbench.values import (
    Episode,
    EpisodeLimits,
    Failure,
    Message,
    Response,
    Sample,
    Termination,
    Timing,
    ToolSet,
    Transcript,
    Usage,
)

OpenConversation = Callable[[Sample], Conversation]
"""Opens the conversation of a sample that is an episode; it has not started yet."""
MAX_RESTARTS = 1
"""How often an episode whose tools died starts again in one session, before it counts as ``infra``."""
RequestName = tuple[str, int]
"""Identifies a request of a cell: sample_id, repeat."""


def exceeded_limit(
    limits: EpisodeLimits, turns: int, tokens: int, usd: Decimal
) -> tuple[Termination, str] | None:
    """Return how a limit ends an episode after a reply, and in words which. None: it may go on.

    Args:
        limits: The limits.
        turns: Replies so far.
        tokens: Tokens of all replies so far, input and output.
        usd: Dollars of all replies so far.
    """
    if turns >= limits.turns:
        return "max_turns", f"{turns} replies, the limit"
    if limits.tokens is not None and tokens >= limits.tokens:
        return "budget", f"{tokens} tokens used of {limits.tokens}"
    if limits.usd is not None and usd >= Decimal(str(limits.usd)):
        return "budget", f"${usd:.4f} spent of ${limits.usd:g}"
    return None


@dataclass
class _OpenEpisode:
    """An episode in progress.

    Attributes:
        conversation: Says what follows a reply.
        first_attempt: Number of its first attempt.
        messages: The prompt of the present turn.
        added: What was added to it since the turn before.
        tools: The tools that the model may call in the present turn.
        new_tools: Names of those that were added since the turn before.
        start_s: When its first request was due; set by its first exchange.
    """

    conversation: Conversation
    first_attempt: int
    messages: tuple[Message, ...]
    added: tuple[Message, ...]
    tools: ToolSet | None
    new_tools: tuple[str, ...] = ()
    start_s: float | None = None
    turns: int = 0
    model_s: float = 0.0
    tool_s: float = 0.0
    user_s: float = 0.0
    calls: int = 0
    calls_invalid: int = 0
    calls_failed: int = 0
    retries: int = 0
    tokens: int = 0
    usd: Decimal = Decimal(0)
    usages: list[Usage] = field(default_factory=list)

    def add_reply(self, exchange: Exchange, price: UsagePricer) -> None:
        """Count a reply: its time, tokens, dollars and calls."""
        response = exchange.response
        self.turns += 1
        if response.timing.sent_s is not None:
            self.model_s += response.timing.done_s - response.timing.sent_s
        self.calls += len(response.tool_calls)
        self.usages.append(response.usage)
        self.tokens += (response.usage.input_tokens or 0) + (response.usage.output_tokens or 0)
        if not exchange.context.from_cache:
            self.usd += price(response.usage, response.model_served) or Decimal(0)

    def add_step(self, step: Step, elapsed_s: float) -> None:
        """Count what followed a reply; its parts cannot be longer than the time that passed."""
        tool_s = min(step.tool_s, elapsed_s)
        self.tool_s += tool_s
        self.user_s += min(step.user_s, elapsed_s - tool_s)
        self.calls_failed += sum(record.is_error for record in step.records)

    def change_tools(self, tools: ToolSet | None) -> None:
        """Set the tools of the next turn. None: they stay as they are."""
        known = () if self.tools is None else self.tools.tools
        self.new_tools = (
            () if tools is None else tuple(tool.name for tool in tools.tools if tool not in known)
        )
        self.tools = tools or self.tools

    def exceeded_limit(self, episode: Episode) -> tuple[Termination, str] | None:
        """Return how a limit ends the episode after a reply, and in words which. None: it may go on."""
        return exceeded_limit(episode.limits, self.turns, self.tokens, self.usd)

    def end(self, transcript: Transcript, end_s: float) -> EpisodeEnd:
        """Return the episode as it has ended."""
        return EpisodeEnd(
            transcript=transcript,
            start_s=end_s if self.start_s is None else self.start_s,
            end_s=end_s,
            model_s=self.model_s,
            tool_s=self.tool_s,
            user_s=self.user_s,
            turns=self.turns,
            calls=self.calls,
            calls_invalid=self.calls_invalid,
            calls_failed=self.calls_failed,
            retries=self.retries,
            usage=add_usages(self.usages),
        )


class EpisodeSender:
    """Makes the attempts of one cell, those of its episodes turn by turn; a request without an episode is sent once.

    Args:
        sender: Sends each prompt.
        price: Prices a reply, for an episode's limit in dollars.
        open_conversation: See :data:`OpenConversation`.
    """

    def __init__(
        self,
        sender: RequestSender,
        price: UsagePricer,
        open_conversation: OpenConversation = open_conversation,
    ) -> None:
        self._sender = sender
        self._price = price
        self._open_conversation = open_conversation
        self._open: dict[RequestName, _OpenEpisode] = {}
        self._restarts: dict[RequestName, int] = {}

    async def send(self, attempt: AttemptRequest) -> AttemptResult:
        """Make one attempt: at a single request, or at the present turn of an episode, which begins with its first."""
        planned = attempt.planned
        if planned.sample.episode is None:
            return await self._sender.send(attempt)
        name = _name_of(planned)
        episode = self._open.get(name)
        if episode is None:
            try:
                episode = await self._begin(attempt)
            except DeadEnvironmentError as exc:
                return await self._deliver_dead_start(attempt, str(exc))
        sent = self._sender.cell.with_salt(planned, episode.messages)
        exchange = await self._sender.exchange(attempt.with_tools(episode.tools), sent)
        if exchange is None:
            await self._abandon(name)
            return AttemptResult(None, should_retry=False)
        if episode.start_s is None:
            episode.start_s = exchange.context.scheduled_s
        turn = EpisodeTurn(
            episode.first_attempt,
            episode.turns,
            sent if not episode.turns else episode.added,
            count_prompt_chars(sent),
            new_tools=episode.new_tools,
        )
        if exchange.response.failure is not None:
            return await self._follow_failure(planned, episode, exchange, turn, exchange.response.failure)
        return await self._follow_reply(planned, episode, exchange, turn)

    async def close(self) -> None:
        """Close the tools of the episodes that have not ended; a resumed run starts these again."""
        for name in list(self._open):
            await self._abandon(name)

    async def _begin(self, attempt: AttemptRequest) -> _OpenEpisode:
        """Start the conversation of a request.

        Raises:
            DeadEnvironmentError: Its tools cannot be started, also on a second try.
        """
        name = _name_of(attempt.planned)
        while True:
            conversation = self._open_conversation(attempt.planned.sample)
            try:
                messages = await conversation.begin()
            except Exception as exc:
                await _close(conversation, "infra", _words(exc))
                if self._may_restart(name):
                    continue
                raise DeadEnvironmentError(_words(exc)) from exc
            tools = attempt.planned.sample.tools
            episode = _OpenEpisode(conversation, attempt.number, messages, messages, tools)
            episode.retries = self._restarts.get(name, 0)
            self._open[name] = episode
            return episode

    async def _deliver_dead_start(self, attempt: AttemptRequest, problem: str) -> AttemptResult:
        """Deliver the row of an episode whose tools could not be started: nothing was sent."""
        planned, now_s = attempt.planned, transport.now()
        sample = planned.sample
        retries = self._restarts.pop(_name_of(planned), 0)
        end = EpisodeEnd(
            Transcript(sample.messages, (), None, None, "infra", problem),
            attempt.scheduled_s, now_s, 0.0, 0.0, 0.0, 0, 0, 0, 0, retries, Usage(),
        )  # fmt: skip
        prompt = self._sender.cell.messages(planned)
        failure = Failure("environment", problem)
        response = Response("", "", Timing(None, None, None, None, None, now_s), Usage(), failure=failure)
        turn = EpisodeTurn(attempt.number, 0, prompt, count_prompt_chars(prompt), end=end)
        context = AttemptContext(
            number=attempt.number,
            final=True,
            scheduled_s=attempt.scheduled_s,
            loop_lag_s=None,
            in_flight=self._sender.in_flight,
            worker=self._sender.worker,
        )
        call = self._sender.prepare(planned, prompt)
        await self._sender.deliver(CompletedAttempt(planned, call, response, context, turn))
        return AttemptResult(failure, should_retry=False)

    async def _follow_failure(
        self,
        planned: PlannedRequest,
        episode: _OpenEpisode,
        exchange: Exchange,
        turn: EpisodeTurn,
        failure: Failure,
    ) -> AttemptResult:
        """Deliver a failed attempt: it is made again, or it ends the episode, or the model was given up."""
        name = _name_of(planned)
        if exchange.context.final:
            termination: Termination = "context_overflow" if is_context_overflow(failure) else "infra"
            return await self._end(planned, exchange, turn, termination, failure.message)
        episode.retries += 1
        if not exchange.should_retry:
            await self._abandon(name)
        await self._deliver(planned, exchange, turn)
        return AttemptResult(failure, exchange.should_retry)

    async def _follow_reply(
        self, planned: PlannedRequest, episode: _OpenEpisode, exchange: Exchange, turn: EpisodeTurn
    ) -> AttemptResult:
        """Let the conversation follow a reply, and deliver the reply with what followed."""
        reply, sample = exchange.response.to_message(), planned.sample
        episode.add_reply(exchange, self._price)
        began_s = transport.now()
        if exchange.response.finish_reason == "refusal":
            step = Step(termination="done", reason="the provider refused to answer")
        else:
            step = await _follow(episode.conversation, reply)
        episode.add_step(step, transport.now() - began_s)
        invalid = count_invalid_calls(reply.tool_calls, episode.tools, step.records)
        episode.calls_invalid += invalid
        turn = replace(
            turn,
            records=step.records,
            calls_invalid=invalid,
            tool_wait_s=step.tool_s if step.records and _has_tools(planned) else None,
            state_changes=step.state_changes,
        )
        exceeded = None
        if step.termination is None and sample.episode is not None:
            exceeded = episode.exceeded_limit(sample.episode)
        if step.termination == "infra":
            return await self._follow_dead_tools(planned, exchange, turn, step.reason)
        if step.termination is not None:
            return await self._end(planned, exchange, turn, step.termination, step.reason)
        if exceeded is not None:
            return await self._end(planned, exchange, turn, *exceeded)
        episode.added = (reply, *step.messages)
        episode.messages += episode.added
        episode.change_tools(step.tools)
        episode.user_s += step.think_s
        await self._deliver(planned, exchange, turn)
        return AttemptResult(None, should_retry=False, goes_on=True, wait_s=step.think_s)

    async def _follow_dead_tools(
        self, planned: PlannedRequest, exchange: Exchange, turn: EpisodeTurn, problem: str
    ) -> AttemptResult:
        """Start an episode whose tools died once more; the second time it ends as ``infra``."""
        if self._may_restart(_name_of(planned)):
            await self._abandon(_name_of(planned))
            await self._deliver(planned, exchange, turn)
            return AttemptResult(None, should_retry=False, goes_on=True)
        failure = Failure("environment", credentials.redact(problem), exchange.response.http_status)
        failed = exchange._replace(response=replace(exchange.response, failure=failure))
        return await self._end(planned, failed, turn, "infra", failure.message)

    def _may_restart(self, name: RequestName) -> bool:
        restarts = self._restarts.get(name, 0)
        if restarts >= MAX_RESTARTS:
            return False
        self._restarts[name] = restarts + 1
        return True

    async def _end(
        self,
        planned: PlannedRequest,
        exchange: Exchange,
        turn: EpisodeTurn,
        termination: Termination,
        reason: str,
    ) -> AttemptResult:
        """End an episode and deliver its last attempt."""
        name, failure = _name_of(planned), exchange.response.failure
        episode = self._open[name]
        end_s = transport.now() if failure is None else exchange.response.timing.done_s
        transcript = await _close(episode.conversation, termination, reason)
        if transcript is None and termination != "infra":
            # The score needs the final state.
            return await self._follow_dead_tools(planned, exchange, turn, "the tools died before the end")
        if transcript is None:
            transcript = Transcript(episode.messages, (), None, None, termination, reason)
        # Whatever ended it stands, also where the conversation has not noticed.
        transcript = replace(transcript, termination=termination, reason=credentials.redact(reason))
        del self._open[name]
        self._restarts.pop(name, None)
        ended = replace(turn, end=episode.end(transcript, end_s))
        await self._deliver(planned, exchange, ended, final=True)
        return AttemptResult(failure, should_retry=False)

    async def _deliver(
        self, planned: PlannedRequest, exchange: Exchange, turn: EpisodeTurn, *, final: bool = False
    ) -> None:
        context = replace(exchange.context, final=final)
        await self._sender.deliver(CompletedAttempt(planned, exchange.call, exchange.response, context, turn))

    async def _abandon(self, name: RequestName) -> None:
        """Close the tools of an episode that stays without an end."""
        episode = self._open.pop(name, None)
        if episode is not None:
            await _close(episode.conversation, "infra", "not finished")


async def _follow(conversation: Conversation, reply: Message) -> Step:
    """Return what follows a reply; an error of the tools' process or server ends the episode as ``infra``."""
    try:
        return await conversation.follow(reply)
    except Exception as exc:  # noqa: BLE001 - a tool's bug must become a row, or the run is lost
        return Step(termination="infra", reason=_words(exc))


async def _close(conversation: Conversation, termination: Termination, reason: str) -> Transcript | None:
    """Close a conversation's tools and return the episode. None: its tools are dead."""
    with contextlib.suppress(Exception):
        return await conversation.end(termination, reason)
    return None


def _words(exc: Exception) -> str:
    text = str(exc) if isinstance(exc, DeadEnvironmentError) else f"{type(exc).__name__}: {exc}"
    return transport.redact_and_truncate(text)


def _has_tools(planned: PlannedRequest) -> bool:
    """Return whether the calls of an episode's model run."""
    return planned.sample.episode is not None and planned.sample.episode.tools is not None


def _name_of(planned: PlannedRequest) -> RequestName:
    return planned.sample.sample_id, planned.repeat

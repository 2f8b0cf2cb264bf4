"""Send the turns of episodes: one conversation for each request that is one, from its first prompt to its end.

The turns pass the same admission, measurement and delivery as single requests. What follows a reply is the
conversation's business, see :mod:`gapbench.agents`; the limits on tokens and dollars are kept here.
"""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial

from gapbench import credentials, transport
from gapbench.agents import (
    AbsentUserError,
    Conversation,
    DeadEnvironmentError,
    DeadUserError,
    ModelUser,
    Step,
    User,
    UserReply,
    open_conversation,
)
from gapbench.execution.attempts.attempt_row import AttemptContext
from gapbench.execution.attempts.context_overflow import is_context_overflow
from gapbench.execution.attempts.episode_turn import EpisodeEnd, EpisodeTurn, count_invalid_calls
from gapbench.execution.attempts.load_generator import AttemptRequest, AttemptResult
from gapbench.execution.attempts.open_episode import OpenEpisode
from gapbench.execution.attempts.request_sender import CompletedAttempt, Exchange, RequestSender
from gapbench.pricing import UsagePricer
from gapbench.suite.plan import PlannedRequest, count_prompt_chars
from gapbench.values import (
    Failure,
    Message,
    Response,
    Sample,
    Termination,
    Timing,
    Transcript,
    Usage,
)

OpenConversation = Callable[[Sample, User | None], Conversation]
"""Opens the conversation of a sample that is an episode, with its user (None: the script's); it has not started yet."""
AskUserOf = Callable[[PlannedRequest, tuple[Message, ...]], Awaitable[UserReply]]
"""Asks the model that plays the user of a request; see :data:`gapbench.agents.AskUser`."""
MAX_RESTARTS = 1
"""How often an episode whose tools died starts again in one session, before it counts as ``infra``."""
RequestName = tuple[str, int]
"""Identifies a request of a cell: sample_id, repeat."""


class EpisodeSender:
    """Makes the attempts of one cell, those of its episodes turn by turn; a request without an episode is sent once.

    Args:
        sender: Sends each prompt.
        price: Prices a reply, for an episode's limit in dollars.
        open_conversation: See :data:`OpenConversation`.
        ask_user: See :data:`AskUserOf`. None: all users are scripted.
    """

    def __init__(
        self,
        sender: RequestSender,
        price: UsagePricer,
        open_conversation: OpenConversation = open_conversation,
        ask_user: AskUserOf | None = None,
    ) -> None:
        self._sender = sender
        self._price = price
        self._open_conversation = open_conversation
        self._ask_user = ask_user
        self._open: dict[RequestName, OpenEpisode] = {}
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
            except AbsentUserError:
                return AttemptResult(None, should_retry=False)
            except (DeadEnvironmentError, DeadUserError) as exc:
                return await self._deliver_dead_start(attempt, str(exc))
        sent = self._sender.cell.with_salt(planned, episode.messages)
        exchange = await self._sender.exchange(attempt.with_tools(episode.tools), sent)
        if exchange is None:
            await self._abandon(name)
            return AttemptResult(None, should_retry=False)
        episode.start(exchange.context.scheduled_s)
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

    async def _begin(self, attempt: AttemptRequest) -> OpenEpisode:
        """Start the conversation of a request.

        Raises:
            DeadEnvironmentError: Its tools cannot be started, also on a second try.
            DeadUserError: The model that plays its user failed for good.
            AbsentUserError: That model is not asked any more.
        """
        name = _name_of(attempt.planned)
        while True:
            user = self._user_of(attempt.planned)
            conversation = self._open_conversation(attempt.planned.sample, user)
            began_s = transport.now()
            try:
                messages = await conversation.begin()
            except (DeadUserError, AbsentUserError) as exc:
                await _close(conversation, "infra", str(exc))
                raise
            except Exception as exc:
                await _close(conversation, "infra", _words(exc))
                if self._may_restart(name):
                    continue
                raise DeadEnvironmentError(_words(exc)) from exc
            tools = attempt.planned.sample.tools
            episode = OpenEpisode(conversation, attempt.number, messages, messages, tools)
            episode.retries = self._restarts.get(name, 0)
            if user is not None:
                episode.user, episode.user_s = user, user.reply_s
                episode.began_s = began_s if user.reply_s else None
            self._open[name] = episode
            return episode

    def _user_of(self, planned: PlannedRequest) -> ModelUser | None:
        """Return the model that plays the user of a request. None: its user is scripted."""
        episode = planned.sample.episode
        if episode is None or episode.played_user is None or self._ask_user is None:
            return None
        return ModelUser(episode.played_user, partial(self._ask_user, planned), episode.think_time_s)

    async def _deliver_dead_start(self, attempt: AttemptRequest, problem: str) -> AttemptResult:
        """Deliver the row of an episode whose tools or user could not be started: nothing was sent to the model."""
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
        episode: OpenEpisode,
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
        self, planned: PlannedRequest, episode: OpenEpisode, exchange: Exchange, turn: EpisodeTurn
    ) -> AttemptResult:
        """Let the conversation follow a reply, and deliver the reply with what followed."""
        reply, sample = exchange.response.to_message(), planned.sample
        episode.add_reply(exchange, self._price)
        began_s = transport.now()
        has_dead_user = False
        if exchange.response.finish_reason == "refusal":
            step = Step(termination="done", reason="the provider refused to answer")
        else:
            try:
                step = await _follow(episode.conversation, reply)
            except DeadUserError as exc:
                has_dead_user, step = True, Step(termination="infra", reason=str(exc))
            except AbsentUserError:
                await self._abandon(_name_of(planned))
                await self._deliver(planned, exchange, turn)
                return AttemptResult(None, should_retry=False)
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
            return await self._follow_death(
                planned, exchange, turn, step.reason, may_restart=not has_dead_user
            )
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

    async def _follow_death(
        self,
        planned: PlannedRequest,
        exchange: Exchange,
        turn: EpisodeTurn,
        problem: str,
        *,
        may_restart: bool = True,
    ) -> AttemptResult:
        """Start an episode whose tools died once more; the second time, and without its user, it ends as ``infra``."""
        if may_restart and self._may_restart(_name_of(planned)):
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
            return await self._follow_death(planned, exchange, turn, "the tools died before the end")
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
    """Return what follows a reply; an error of the tools' process or server ends the episode as ``infra``.

    Raises:
        DeadUserError: The model that plays the user failed for good.
        AbsentUserError: It is not asked any more.
    """
    try:
        return await conversation.follow(reply)
    except (DeadUserError, AbsentUserError):
        raise
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

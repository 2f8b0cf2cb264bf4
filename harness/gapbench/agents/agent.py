"""One episode: runs the tools that a reply calls, or lets the user answer, and says when it is over."""

from __future__ import annotations

import asyncio
import importlib
import re
import sys
from dataclasses import replace
from typing import Any

from gapbench.agents.call_check import check_call, parse_arguments
from gapbench.agents.conversation import Conversation, Step
from gapbench.agents.environment import DeadEnvironmentError, Environment, ToolOutcome
from gapbench.agents.mcp_environment import McpEnvironment
from gapbench.agents.recorded_environment import RecordedEnvironment
from gapbench.agents.sandbox_environment import SandboxEnvironment
from gapbench.agents.state_patch import make_patch
from gapbench.agents.user import ScriptedUser, User
from gapbench.clock import now
from gapbench.values import (
    Episode,
    McpTools,
    Message,
    PythonTools,
    RecordedTools,
    Sample,
    StepRecord,
    Termination,
    Text,
    ToolCall,
    ToolResult,
    Transcript,
    canonical_json,
)

# Everything that a terminal would interpret or that providers refuse, except tab and line ends; half characters too.
_UNSAFE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")


def open_conversation(sample: Sample, user: User | None = None) -> Conversation:
    """Return the conversation of a sample with an episode; it starts nothing yet.

    Args:
        sample: The sample.
        user: Who answers the model. None: the script of the episode.
    """
    assert sample.episode is not None, "the sample has an episode"
    return AgentConversation(sample, environment=_environment_of(sample.episode), user=user)


def _environment_of(episode: Episode) -> Environment | None:
    match episode.tools:
        case PythonTools():
            return SandboxEnvironment(episode.tools, episode.limits)
        case McpTools():
            return McpEnvironment(episode.tools, episode.limits)
        case RecordedTools():
            return RecordedEnvironment(episode.tools)
        case None:
            return None


class AgentConversation:
    """A conversation with tools and a user.

    The calls of a reply run one after another in their order, because they share the state, and their results follow in one
    message. An invalid call is not run, unless the episode says so: its result says what is wrong. After a reply without
    calls the user speaks; when the user has nothing to add, the episode is done.

    Args:
        sample: Has an episode.
        environment: Where its tools run. None: none run, and a call ends the episode.
        user: Who answers. None: the script of the episode.
    """

    def __init__(self, sample: Sample, *, environment: Environment | None, user: User | None = None) -> None:
        assert sample.episode is not None, "the sample has an episode"
        self._episode = sample.episode
        self._tools = sample.tools
        self._environment = environment
        self._user = user or ScriptedUser(self._episode.user, self._episode.think_time_s)
        self._messages: list[Message] = list(sample.messages)
        self._records: list[StepRecord] = []
        self._state: Any = self._episode.state
        self._turn = -1
        self._calling_turns = 0
        self._end: tuple[Termination, str] | None = None
        self._transcript: Transcript | None = None

    async def begin(self) -> tuple[Message, ...]:
        """Open the tools and return the first prompt; if the prompt has only system messages, the user speaks first.

        Raises:
            DeadEnvironmentError: The tools cannot be opened.
            DeadUserError: The model that plays the user failed for good.
            AbsentUserError: It is not asked any more.
        """
        if self._environment is not None:
            await self._environment.open(self._episode.state)
        if self._tools is not None and "jsonschema" not in sys.modules:
            # It takes a fifth of a second, which a reply that arrives meanwhile must not wait for.
            await asyncio.to_thread(importlib.import_module, "jsonschema")
        if all(message.role == "system" for message in self._messages):
            turn = await self._user.speak(self._messages)
            if turn is not None and turn.text:
                self._messages.append(Message("user", (Text(turn.text),)))
        return tuple(self._messages)

    async def follow(self, reply: Message) -> Step:
        """Run the reply's calls, or let the user speak, and return what follows."""
        self._turn += 1
        self._messages.append(reply)
        if not reply.tool_calls:
            step = await self._ask_user()
        elif self._episode.invalid_calls == "run" and not all(map(_has_arguments, reply.tool_calls)):
            step = await self._refuse_calls(reply.tool_calls)
        else:
            step = await self._run_calls(reply.tool_calls)
        self._messages.extend(step.messages)
        self._records.extend(step.records)
        if step.termination is not None:
            self._end = (step.termination, step.reason)
        return step

    async def end(self, termination: Termination | None = None, reason: str = "") -> Transcript:
        """Close the tools and return the episode; a second call returns the same."""
        if self._environment is not None:
            environment, self._environment = self._environment, None
            await environment.close()
        if self._transcript is None:
            last = self._end or ("infra", "the episode was not finished")
            self._transcript = Transcript(
                messages=tuple(self._messages),
                steps=tuple(self._records),
                initial_state=self._episode.state,
                final_state=self._state,
                termination=termination or last[0],
                reason=reason or (last[1] if termination in {None, last[0]} else ""),
            )
        return self._transcript

    async def _run_calls(self, calls: tuple[ToolCall, ...]) -> Step:
        environment = self._environment
        if environment is None:
            return Step(
                termination="done",
                reason="the model called a tool, and the task has none that run",
                records=tuple(self._record(call, ToolOutcome("")) for call in calls),
                state_changes=self._changes_since(self._state),
            )
        began, before = now(), self._state
        self._calling_turns += 1
        records: list[StepRecord] = []
        death: str | None = None
        try:
            for call in calls:
                records.append(await self._run_call(environment, call))  # noqa: PERF401 - keeps those before a death
        except DeadEnvironmentError as exc:
            death = str(exc)
        try:
            self._state = await environment.state()
        except DeadEnvironmentError as exc:
            death = death or str(exc)
        tool_s = now() - began
        return Step(
            messages=() if death is not None else (_results_of(records),),
            termination=self._limit() if death is None else "infra",
            reason=self._limit_reason() if death is None else death,
            records=tuple(records),
            tool_s=tool_s,
            state_changes=self._changes_since(before),
        )

    async def _run_call(self, environment: Environment, call: ToolCall) -> StepRecord:
        problem = check_call(call, self._tools) if self._episode.invalid_calls == "answer" else None
        if problem is not None:
            return self._record(call, ToolOutcome(f"invalid call: {problem}", is_error=True))
        return self._record(call, await environment.call(call.name, parse_arguments(call.arguments_json)))

    async def _refuse_calls(self, calls: tuple[ToolCall, ...]) -> Step:
        """Answer calls of which one has no arguments that can be read: none is run, and the user speaks."""
        records = [self._refuse_call(call) for call in calls]
        step = await self._ask_user()
        # Without a line of the user the model is not asked again.
        messages = (_results_of(records), *step.messages) if step.termination is None else ()
        return replace(step, messages=messages, records=tuple(records))

    def _refuse_call(self, call: ToolCall) -> StepRecord:
        try:
            parse_arguments(call.arguments_json)
            problem = "another call of this reply has arguments that cannot be read"
        except ValueError as exc:
            problem = str(exc)
        return self._record(call, ToolOutcome(f"not run: {problem}", is_error=True))

    def _record(self, call: ToolCall, outcome: ToolOutcome) -> StepRecord:
        try:
            arguments: dict[str, Any] | None = parse_arguments(call.arguments_json)
        except ValueError:
            arguments = None
        return StepRecord(
            turn=self._turn,
            call_id=call.id,
            name=call.name,
            arguments=arguments,
            content=clean_result(outcome.content, self._episode.limits.result_chars),
            is_error=outcome.is_error,
            problem=check_call(call, self._tools),
            tool_s=outcome.tool_s,
        )

    async def _ask_user(self) -> Step:
        changes = self._changes_since(self._state)
        turn = await self._user.speak(self._messages)
        if turn is None:
            return Step(termination="done", state_changes=changes)
        if turn.is_last:
            return Step(
                termination="done",
                reason="the user ended the conversation",
                user_s=turn.user_s,
                state_changes=changes,
            )
        self._calling_turns = 0
        limit = self._limit()
        if turn.tools and limit is None:
            assert self._tools is not None, "the sample has tools from the start"
            self._tools = replace(self._tools, tools=(*self._tools.tools, *turn.tools))
        return Step(
            # The model will not see a line after its last turn.
            messages=(Message("user", (Text(turn.text),)),) if limit is None else (),
            termination=limit,
            reason=self._limit_reason(),
            user_s=turn.user_s,
            think_s=turn.think_s if limit is None else 0.0,
            state_changes=changes,
            tools=self._tools if turn.tools and limit is None else None,
        )

    def _limit(self) -> Termination | None:
        return "max_turns" if self._limit_reason() else None

    def _limit_reason(self) -> str:
        limits = self._episode.limits
        if limits.calling_turns is not None and self._calling_turns > limits.calling_turns:
            return f"{self._calling_turns} replies with calls after one line of the user; the task allows {limits.calling_turns}"
        return (
            f"{self._turn + 1} turns, the most that the task allows" if self._turn + 1 >= limits.turns else ""
        )

    def _changes_since(self, before: Any) -> str | None:
        if self._episode.state is None:
            return None
        return "[]" if before is self._state else canonical_json(make_patch(before, self._state))


def clean_result(content: str, max_chars: int) -> str:
    """Return a tool's result as the model sees it.

    It is cut after ``max_chars`` characters, with a note. Control characters other than tab and line ends become U+FFFD:
    providers refuse some, and a terminal that shows a transcript would obey others.
    """
    text = _UNSAFE.sub("\N{REPLACEMENT CHARACTER}", content[:max_chars])
    return f"{text}\n[cut after {max_chars} characters]" if len(content) > max_chars else text


def _has_arguments(call: ToolCall) -> bool:
    try:
        parse_arguments(call.arguments_json)
    except ValueError:
        return False
    return True


def _results_of(records: list[StepRecord]) -> Message:
    results = [ToolResult(record.call_id, record.name, record.content, record.is_error) for record in records]
    return Message("tool", tuple(results))

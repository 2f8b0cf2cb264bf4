"""Episodes for tests: a runner whose replies are written down by turn, and a conversation that adds numbers to a sum."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from gapbench.agents import DeadEnvironmentError, Step
from gapbench.suite.plan import Load, Plan
from gapbench.values import (
    Call,
    Chunk,
    Episode,
    EpisodeLimits,
    Message,
    Model,
    PythonTools,
    Request,
    Sample,
    StepRecord,
    Termination,
    Text,
    Tool,
    ToolCallPiece,
    ToolResult,
    ToolSet,
    Transcript,
    Usage,
)
from tests.makers import ScriptedRunner, model, plan, sample

TOOLS = ToolSet(
    (
        Tool(
            "add",
            "adds n to the sum",
            {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]},
        ),
    )
)
USAGE = Usage(10, cached_input_tokens=4, output_tokens=5)
Turn = list[Chunk] | BaseException


def adding(n: int, *, finish: str = "tool", usage: Usage = USAGE) -> list[Chunk]:
    """Return a reply that calls ``add``."""
    piece = ToolCallPiece(0, f"call_{n}", "add", json.dumps({"n": n}))
    return [Chunk("I add. "), Chunk(tool_call=piece), Chunk(finish_reason=finish, usage=usage)]  # type: ignore[arg-type]


def saying(text: str, *, finish: str = "stop", usage: Usage = USAGE) -> list[Chunk]:
    """Return a reply of text."""
    return [Chunk(text), Chunk(finish_reason=finish, usage=usage)]  # type: ignore[arg-type]


def episode_sample(number: int, **changes: Any) -> Sample:
    """Return an episode whose target is that the sum becomes 3."""
    given = sample(
        number,
        target="3",
        tools=TOOLS,
        episode=Episode(tools=PythonTools(Path("adder.py")), state={"sum": 0}),
    )
    return replace(given, **changes)


def episode_plan(
    *models: Model,
    count: int = 1,
    load: Load | None = None,
    limits: EpisodeLimits | None = None,
    **changes: Any,
) -> Plan:
    """Return a plan of episodes, one after another unless a load is given."""
    samples = [episode_sample(number, **changes) for number in range(count)]
    if limits is not None:
        samples = [
            replace(given, episode=replace(given.episode, limits=limits))
            for given in samples
            if given.episode is not None
        ]
    return plan(*models, load=load or Load("concurrency", 1), samples=tuple(samples), scorer_name="contains")


class TurnRunner(ScriptedRunner):
    """A runner that is told what to reply in each turn.

    Args:
        given: The model.
        turns: By turn, the tries at it: chunks, or an error; the last one is repeated. The same for every sample.
        reply_s: Seconds that each reply takes.
    """

    def __init__(self, given: Model | None, turns: list[list[Turn]], reply_s: float = 0.0) -> None:
        super().__init__(given or model())
        self.turns = turns
        self.prompts: list[tuple[Message, ...]] = []
        self.requests: list[Request] = []
        self._tries: dict[tuple[str, int], int] = {}
        self._reply_s = reply_s

    def prepare(self, request: Request) -> Call:
        return Call({"request": request}, {"max_tokens": request.params.max_tokens})

    async def stream(self, call: Call) -> AsyncIterator[Chunk]:
        request: Request = call.body["request"]
        messages = request.messages
        number = sum(message.role == "assistant" for message in messages)
        self.requests.append(request)
        self.prompts.append(messages)
        key = (messages[0].text, number)
        tries = self.turns[min(number, len(self.turns) - 1)]
        found = tries[min(self._tries.get(key, 0), len(tries) - 1)]
        self._tries[key] = self._tries.get(key, 0) + 1
        await asyncio.sleep(self._reply_s)
        if isinstance(found, BaseException):
            raise found
        for chunk in found:
            yield chunk


@dataclass
class AddingConversation:
    """Adds what the model asks for to the sum of the state, and is done when it asks for nothing.

    Attributes:
        sample: The sample.
        deaths: By turn, whether the tools die; -1: they cannot be started.
        lines: What the user says after replies without a call, one by one.
        tool_s: Seconds that a tool takes.
        think_s: Seconds that the user thinks.
        raises: An error that following a reply raises.
        new_tools: All tools from the first line of the user on. None: those of the sample.
    """

    sample: Sample
    deaths: frozenset[int] = frozenset()
    lines: tuple[str, ...] = ()
    tool_s: float = 0.0
    think_s: float = 0.0
    raises: Exception | None = None
    new_tools: ToolSet | None = None
    sum: int = 0
    turn: int = 0
    is_closed: bool = False
    messages: list[Message] = field(default_factory=list)
    steps: list[StepRecord] = field(default_factory=list)

    async def begin(self) -> tuple[Message, ...]:
        if -1 in self.deaths:
            raise DeadEnvironmentError("the sandbox cannot start")
        self.messages = list(self.sample.messages)
        return self.sample.messages

    async def follow(self, reply: Message) -> Step:
        turn, self.turn = self.turn, self.turn + 1
        self.messages.append(reply)
        if self.raises is not None:
            raise self.raises
        if turn in self.deaths:
            lost = tuple(
                StepRecord(turn, call.id, call.name, {}, "no result", is_error=True)
                for call in reply.tool_calls
            )
            return Step(termination="infra", reason="the sandbox died", records=lost)
        if not reply.tool_calls:
            return self._say()
        if self.tool_s:
            await asyncio.sleep(self.tool_s)
        records = tuple(self._run(turn, call.id, call.name, call.arguments_json) for call in reply.tool_calls)
        results = tuple(
            ToolResult(record.call_id, record.name, record.content, record.is_error) for record in records
        )
        added = Message("tool", results)
        self.messages.append(added)
        self.steps += records
        changes = json.dumps([{"op": "replace", "path": "/sum", "value": self.sum}])
        return Step((added,), records=records, tool_s=self.tool_s, state_changes=changes)

    def _say(self) -> Step:
        if not self.lines:
            return Step(termination="done", state_changes="[]")
        line, self.lines = self.lines[0], self.lines[1:]
        added = Message("user", (Text(line),))
        self.messages.append(added)
        new_tools, self.new_tools = self.new_tools, None
        return Step((added,), think_s=self.think_s, state_changes="[]", tools=new_tools)

    def _run(self, turn: int, call_id: str, name: str, arguments_json: str) -> StepRecord:
        arguments: dict[str, Any] = json.loads(arguments_json)
        if not isinstance(arguments.get("n"), int):
            return StepRecord(
                turn, call_id, name, arguments, "n is missing", is_error=True, problem="n is missing"
            )
        self.sum += arguments["n"]
        return StepRecord(turn, call_id, name, arguments, str(self.sum), is_error=False, tool_s=self.tool_s)

    async def end(self, termination: Termination | None = None, reason: str = "") -> Transcript:
        self.is_closed = True
        return Transcript(
            tuple(self.messages),
            tuple(self.steps),
            {"sum": 0},
            {"sum": self.sum},
            termination or "done",
            reason,
        )


@dataclass
class Conversations:
    """Opens conversations for a run and keeps them.

    Attributes:
        make: Makes the next one of a sample.
        opened: Those opened so far.
    """

    make: Callable[[Sample, int], AddingConversation] = lambda sample, _: AddingConversation(sample)
    opened: list[AddingConversation] = field(default_factory=list)

    def __call__(self, given: Sample) -> AddingConversation:
        self.opened.append(self.make(given, len(self.opened)))
        return self.opened[-1]


def stored_calls(text: str) -> list[Mapping[str, Any]]:
    """Return the tool calls of a payload."""
    found: list[Mapping[str, Any]] = json.loads(text)
    return found

"""An episode: what makes a sample go on after the first reply, how it went, and its row in the trajectory table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from gapbench.values.attempt import Int32, Label, Outcome, Phase
from gapbench.values.messages import Message
from gapbench.values.played_user import PlayedUser
from gapbench.values.requests import Weights
from gapbench.values.tools import Tool

Termination = Literal["done", "max_turns", "budget", "context_overflow", "infra"]
"""How an episode ended.

``done``: the model answered without a call and the user had nothing to add, or ended the conversation. ``max_turns`` and
``budget`` (tokens or dollars): a limit of the task. ``context_overflow``: the provider refused the prompt as too long.
``infra``: a request failed for good, or a tool's process died; the episode says nothing about the model.
"""


@dataclass(frozen=True, slots=True)
class EpisodeLimits:
    """The limits of one episode.

    Attributes:
        turns: Most replies of the model.
        tokens: Most tokens, input and output of all turns together. None: no limit.
        usd: Most dollars for the model. None: no limit.
        tool_s: Seconds that one tool call may take.
        result_chars: Characters of a tool's result that the model sees; the rest is cut, and the result says so.
        calling_turns: Most replies with calls after one line of the user; one more ends the episode. None: no limit.
    """

    turns: int = 40
    tokens: int | None = None
    usd: float | None = None
    tool_s: float = 30.0
    result_chars: int = 20_000
    calling_turns: int | None = None


@dataclass(frozen=True, slots=True)
class UserLine:
    """One line of a scripted user.

    Attributes:
        text: What the user says.
        when: Regular expression that must match somewhere in the model's last text, whatever the case. None: the line
            needs none.
        tools: Tools that the model may call from this line on, besides those before; the sample has some from the start.
    """

    text: str
    when: str | None = None
    tools: tuple[Tool, ...] = ()


@dataclass(frozen=True, slots=True)
class PythonTools:
    """Tools that are Python functions over a JSON state; they run in the sandbox.

    Attributes:
        file: The module. Each tool is a function of the same name; its first parameter is the state.
        packages: Names of installed packages that the module may import, such as ``yaml``, besides the standard library.
            What these import is named too.
        dispatcher: The one function that gets all calls: ``(state, *, name, arguments)``. None: each tool has its own.
    """

    file: Path
    packages: tuple[str, ...] = ()
    dispatcher: str | None = None


@dataclass(frozen=True, slots=True)
class McpTools:
    """Tools of a server that speaks the Model Context Protocol; one of ``command`` and ``url`` is set.

    Attributes:
        command: The server's command line; it runs outside the sandbox, so it needs ``--allow-code``.
        url: Address of a running server, on loopback.
    """

    command: tuple[str, ...] = ()
    url: str | None = None


@dataclass(frozen=True, slots=True)
class RecordedTools:
    """Tools that give back what a recorded conversation has; a call that it does not have fails.

    Attributes:
        results: Name, arguments as canonical JSON, and result of each recorded call, in order.
    """

    results: tuple[tuple[str, str, str], ...]


ToolSource = PythonTools | McpTools | RecordedTools

InvalidCalls = Literal["answer", "run"]
"""What becomes of a call that breaks its tool's schema, or names no declared tool.

``answer``: it is not run, and its result says what is wrong. ``run``: it is run as it is, as long as the arguments of all
calls of the reply are JSON objects; else none of them is run, and the user speaks.
"""


@dataclass(frozen=True, slots=True)
class Episode:
    """What makes a sample a conversation that goes on after the first reply.

    After a reply with tool calls the tools run, and their results follow. After a reply without one the scripted user
    says the first unused line whose ``when`` matches, or a model that plays the user is asked; if it has nothing to add,
    the episode is done.

    Attributes:
        tools: Where the sample's tools run. None: it has no tools that run; then a call ends the episode.
        state: The JSON state at the start. None: the tools have none.
        user: The lines of the scripted user, in order.
        think_time_s: Seconds that the user waits before a line.
        limits: See :class:`EpisodeLimits`.
        invalid_calls: See :data:`InvalidCalls`.
        played_user: The user that a model plays, in place of ``user``. None: the user is scripted.
    """

    tools: ToolSource | None = None
    state: Any = None
    user: tuple[UserLine, ...] = ()
    think_time_s: float = 0.0
    limits: EpisodeLimits = field(default_factory=EpisodeLimits)
    invalid_calls: InvalidCalls = "answer"
    played_user: PlayedUser | None = None


@dataclass(frozen=True, slots=True)
class StepRecord:
    """One tool call of an episode as it was made and answered.

    Attributes:
        turn: The reply that made it, from 0.
        call_id: The call's id.
        name: The tool's name as the model wrote it.
        arguments: The arguments. None: they are not a JSON object.
        content: The result as the model saw it.
        is_error: Whether the result is an error.
        problem: Why the call is invalid: no such tool, arguments that are not JSON, or not what the schema asks.
            None: it is valid.
        tool_s: Seconds that the tool took.
    """

    turn: int
    call_id: str
    name: str
    arguments: Mapping[str, Any] | None
    content: str
    is_error: bool
    problem: str | None = None
    tool_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Transcript:
    """An episode that has ended, as scorers see it.

    Attributes:
        messages: The whole conversation, the first prompt included.
        steps: Each tool call, in order.
        initial_state: The state before the first call. None: there is none.
        final_state: The state after the last call. None: there is none.
        termination: How it ended.
        reason: One line that says more; "": nothing to add.
    """

    messages: tuple[Message, ...]
    steps: tuple[StepRecord, ...]
    initial_state: Any
    final_state: Any
    termination: Termination
    reason: str = ""

    @property
    def replies(self) -> Sequence[Message]:
        """The assistant's messages, in order."""
        return [message for message in self.messages if message.role == "assistant"]


@dataclass(frozen=True, slots=True)
class Trajectory:
    """One row of ``trajectories-*.parquet``: one episode.

    Its key is the key of the attempt row that ended it. Dollars are not stored: prices may change after a run, so
    readers add them from the price book, separately for the model, the user simulator and the judge.
    """

    run_id: Annotated[Label, "the run's folder name"]
    cell_id: Annotated[Label, "model, task and load"]
    sample_id: Annotated[str, "item of the task"]
    repeat: Annotated[Int32, "which repetition of the item, from 0"]
    attempt: Annotated[Int32, "the attempt that ended the episode"]
    trajectory_id: Annotated[str, "the episode; the attempt rows of its turns have it too"]
    cluster_id: Annotated[str, "items that share a source"]
    task: Annotated[Label, "name of the task"]
    category: Annotated[Label, "the task's category"]
    phase: Annotated[Phase, "warmup or measure"]
    model_id: Annotated[Label, "the suite's name of the model"]
    weights: Annotated[Weights, "open or closed"]
    simulated: Annotated[bool, "true when a simulated provider answered"]
    success: Annotated[bool | None, "the final score is 1; null: infra, or not scored"]
    score: Annotated[float | None, "0 to 1; null: infra, or not scored"]
    partial: Annotated[float | None, "share of the assertions that hold; null: not counted"]
    outcome: Annotated[Outcome, "as in the attempt row that ended it"]
    termination: Annotated[Termination, "done, max_turns, budget, context_overflow or infra"]
    reason: Annotated[str, "one line that says more about the end"]
    turns: Annotated[Int32, "replies of the model"]
    calls: Annotated[Int32, "tool calls"]
    calls_invalid: Annotated[Int32, "tool calls without a known tool or with arguments that break its schema"]
    calls_failed: Annotated[Int32, "tool calls whose result is an error, invalid ones included"]
    retries: Annotated[Int32, "attempts that failed and were made again"]
    start_s: Annotated[float, "when the load meant to start it, seconds since the cell's start"]
    wall_s: Annotated[float, "from start_s to the end"]
    model_s: Annotated[float, "part of wall_s: from the first byte of a request to the end of its reply"]
    tool_s: Annotated[float, "part of wall_s: tools at work"]
    user_s: Annotated[float, "part of wall_s: the user's think time, or the model that plays the user"]
    queue_s: Annotated[float, "part of wall_s: limits, waits before retries, and the client itself"]
    input_tokens: Annotated[int | None, "prompt tokens of all turns; null: a turn reports none"]
    cached_input_tokens: Annotated[int | None, "part of input_tokens read from a cache"]
    cache_write_tokens: Annotated[int | None, "part of input_tokens written to a cache"]
    output_tokens: Annotated[int | None, "generated tokens of all turns"]
    reasoning_tokens: Annotated[int | None, "part of output_tokens spent on reasoning"]
    state_sha256: Annotated[str | None, "hash of the final state; null: there is none"]
    user_input_tokens: Annotated[
        int | None, "prompt tokens of the model that played the user; null: scripted, or not reported"
    ] = None
    user_output_tokens: Annotated[int | None, "tokens that it generated"] = None

"""What follows each reply of the model in a conversation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from gapbench.values import Message, StepRecord, Termination, ToolSet, Transcript


@dataclass(frozen=True, slots=True)
class Step:
    """What follows a reply.

    Attributes:
        messages: What is added to the prompt after the reply: results of tools, or a line of the user.
        termination: The episode is over, and this is why. None: it continues, and the model is asked again.
        reason: One line that says more about the end.
        records: The reply's tool calls as they were answered.
        tool_s: Seconds of wall time that the tools took together.
        user_s: Seconds that the user took: a model that plays it, without the think time.
        think_s: Seconds to wait before the model is asked again.
        state_changes: How the state changed, a JSON Patch as text. None: there is no state.
        tools: The tools that the model may call from now on. None: those before.
    """

    messages: tuple[Message, ...] = ()
    termination: Termination | None = None
    reason: str = ""
    records: tuple[StepRecord, ...] = ()
    tool_s: float = 0.0
    user_s: float = 0.0
    think_s: float = 0.0
    state_changes: str | None = None
    tools: ToolSet | None = None


class Conversation(Protocol):
    """One episode as execution sees it; used by one sender at a time."""

    async def begin(self) -> tuple[Message, ...]:
        """Start its tools and return the first prompt.

        Raises:
            DeadEnvironmentError: The tools cannot be started.
            DeadUserError: The model that plays the user failed for good.
            AbsentUserError: It is not asked any more.
        """

    async def follow(self, reply: Message) -> Step:
        """Run the reply's tool calls, or let the user speak, and return what follows.

        A tool that fails is a result with ``is_error``; tools that died end the episode with ``infra``.

        Raises:
            DeadUserError: The model that plays the user failed for good.
            AbsentUserError: It is not asked any more.
        """

    async def end(self, termination: Termination | None = None, reason: str = "") -> Transcript:
        """Return the episode as scorers see it, and close its tools. A second call returns the same.

        Args:
            termination: Why it ends, where execution and not :meth:`follow` decided: ``budget``, ``context_overflow``
                or ``infra``. None: as the last step says.
            reason: One line that says more.
        """

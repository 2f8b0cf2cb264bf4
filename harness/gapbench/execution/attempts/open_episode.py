"""An episode in progress: what it has used so far, and the limits that may end it."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from gapbench.agents import Conversation, ModelUser, Step
from gapbench.execution.attempts.episode_turn import EpisodeEnd, add_usages
from gapbench.execution.attempts.request_sender import Exchange
from gapbench.pricing import UsagePricer
from gapbench.values import Episode, EpisodeLimits, Message, Termination, ToolSet, Transcript, Usage


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
class OpenEpisode:
    """An episode in progress.

    Attributes:
        conversation: Says what follows a reply.
        first_attempt: Number of its first attempt.
        messages: The prompt of the present turn.
        added: What was added to it since the turn before.
        tools: The tools that the model may call in the present turn.
        new_tools: Names of those that were added since the turn before.
        user: The model that plays its user. None: the user is scripted.
        began_s: When its user was first asked. None: it did not speak before the model.
        start_s: When its first request was due, or its user was asked before it; set by its first exchange.
    """

    conversation: Conversation
    first_attempt: int
    messages: tuple[Message, ...]
    added: tuple[Message, ...]
    tools: ToolSet | None
    new_tools: tuple[str, ...] = ()
    user: ModelUser | None = None
    began_s: float | None = None
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

    def start(self, scheduled_s: float) -> None:
        """Note when its first request was due."""
        if self.start_s is None:
            self.start_s = scheduled_s if self.began_s is None else min(scheduled_s, self.began_s)

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
            user_usage=None if self.user is None else add_usages(self.user.usages),
        )

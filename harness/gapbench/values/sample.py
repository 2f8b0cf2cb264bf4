"""One item of a task, rendered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gapbench.values.messages import Message
from gapbench.values.tools import ResponseSchema, ToolSet
from gapbench.values.trajectory import Episode


@dataclass(frozen=True, slots=True)
class Sample:
    """One item of a task, rendered.

    Attributes:
        sample_id: Stable within the task.
        messages: The prompt, the same for every model.
        target: What the scorer compares with. None: the task has no target.
        cluster_id: Samples that share a source, for clustered intervals. None: its own cluster.
        tags: Free labels, for slicing.
        columns: The source row, for scorers that need more than the target.
        reference: A reply that scores 1, where the task gives one.
        decoy: A plausible reply that scores 0, where the task gives one.
        needs_logprobs: True: nothing is to be generated; the last message, an assistant's, is to be given its
            log-probability after the text before it.
        tools: The tools that the model may call. None: none are declared.
        response_schema: The JSON Schema that the provider is to hold the reply to. None: free text.
        reference_turns: An assistant's messages that score 1, one for each turn, where the task gives them. (): the
            text of ``reference`` is the only one. A call's arguments may take values from earlier results; see
            :class:`GroundTruth`.
        decoy_turns: An assistant's messages that score 0, as ``reference_turns``.
        episode: How the conversation goes on after the first reply. None: one reply is all.
        described_tools: The tools that the prompt describes in words, for a reply that writes its calls as JSON; then
            ``tools`` is None. None: the prompt describes none.
        rung: Its difficulty on the task's ladder, from 1. None: the task is not a ladder.
        complexity: Its difficulty on the ladder's own measure, such as the number of steps. None: not known.
        weight: How many requests of the traffic it stands for, above 0. None: the task gives no weights.
        stratum: The part of the traffic that it was drawn from. None: it was not drawn by strata.
        route: Feature of the application that sent it, of replayed traffic. None: not a replay, or not known.
        logged_input_tokens: Tokens of the prompt that the log of replayed traffic counts. None: as for ``route``.
    """

    sample_id: str
    messages: tuple[Message, ...]
    target: Any = None
    cluster_id: str | None = None
    tags: tuple[str, ...] = ()
    columns: Mapping[str, Any] = field(default_factory=dict)
    reference: str | None = None
    decoy: str | None = None
    needs_logprobs: bool = False
    tools: ToolSet | None = None
    response_schema: ResponseSchema | None = None
    reference_turns: tuple[Message, ...] = ()
    decoy_turns: tuple[Message, ...] = ()
    episode: Episode | None = None
    described_tools: ToolSet | None = None
    rung: int | None = None
    complexity: float | None = None
    weight: float | None = None
    stratum: str | None = None
    route: str | None = None
    logged_input_tokens: int | None = None

"""Samples with tools, episodes, and the scores that they get."""

from __future__ import annotations

import json
from typing import Any

from gapbench.scoring import TranscriptScorer, make_scorer
from gapbench.values import (
    Message,
    Sample,
    Score,
    StepRecord,
    Termination,
    Text,
    Tool,
    ToolCall,
    ToolResult,
    ToolSet,
    Transcript,
)

PROMPT = (Message("system", (Text("Say nothing bad."),)), Message("user", (Text("Weather in Oslo?"),)))
WEATHER = Tool(
    "weather",
    "Tells the weather.",
    {
        "type": "object",
        "properties": {
            "city": {"type": "string"},
            "days": {"type": "integer", "default": 1},
            "unit": {"enum": ["C", "F"]},
            "share": {"type": "number"},
        },
        "required": ["city"],
    },
)
REFUND = Tool("refund", "Pays back.", {"type": "object", "properties": {"id": {"type": "integer"}}})
TOOLS = ToolSet((WEATHER, REFUND))


def call(name: str, **arguments: Any) -> ToolCall:
    return ToolCall(f"call_{name}", name, json.dumps(arguments))


def sample(
    target: Any = None, *, tools: ToolSet | None = TOOLS, described: bool = False, **columns: Any
) -> Sample:
    return Sample("s", PROMPT, target=target, columns=columns, tools=None if described else tools, described_tools=tools if described else None)  # fmt: skip


def scored(scorer: str, transcript: Transcript, of: Sample, **options: Any) -> Score:
    made = make_scorer(scorer, options)
    assert isinstance(made, TranscriptScorer)
    assert made.reads_transcript
    score = made.score_transcript(transcript, of)
    assert "\n" not in score.reason
    return score


def episode(
    *steps: StepRecord,
    said: tuple[str, ...] = ("Done.",),
    final: Any = None,
    termination: Termination = "done",
) -> Transcript:
    """Return an episode with one reply for each step, then what the model said."""
    messages = list(PROMPT)
    for step in steps:
        messages.append(Message("assistant", (call(step.name, **(step.arguments or {})),)))
        messages.append(Message("tool", (ToolResult(step.call_id, step.name, step.content, step.is_error),)))
    messages += [Message("assistant", (Text(text),)) for text in said]
    return Transcript(tuple(messages), steps, {}, final, termination)


def step(name: str, *, is_error: bool = False, problem: str | None = None, **arguments: Any) -> StepRecord:
    return StepRecord(0, f"call_{name}", name, arguments, "ok", is_error, problem)

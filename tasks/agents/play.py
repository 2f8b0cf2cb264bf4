"""Plays a policy against the tools of an environment, in this process: our own tools, so no sandbox is needed.

A policy is a generator: it yields calls (several at once run in order) or a text to the user, and receives the results or
what the user says next.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

Call = tuple[str, dict[str, Any]]
Step = str | list[Call]
Policy = Generator[Step, Any, None]
Turns = list[dict[str, Any]]


@dataclass
class Play:
    """A conversation that was played.

    Attributes:
        turns: The assistant's turns, as a task's ``reference_turns`` have them.
        state: The state at the end.
        calls: Each call with whether it changed what the scorer looks at.
        said: The assistant's texts.
    """

    turns: Turns = field(default_factory=list)
    state: dict[str, Any] = field(default_factory=dict)
    calls: list[tuple[Call, bool]] = field(default_factory=list)
    said: list[str] = field(default_factory=list)


def call_tool(tools: ModuleType, state: dict[str, Any], name: str, arguments: Mapping[str, Any]) -> Any:
    """Return what one call returns; an error is ``{"error": …}``."""
    try:
        return getattr(tools, name)(state, **arguments)
    except (ValueError, TypeError, KeyError) as exc:
        return {"error": str(exc)}


def play(
    policy: Policy, tools: ModuleType, state: Mapping[str, Any], lines: Sequence[Mapping[str, str]] = ()
) -> Play:
    """Play a policy until it ends, or the user has nothing more to say.

    Args:
        policy: The policy, not started.
        tools: The environment's tools.
        state: The state at the start; it is not changed.
        lines: The scripted user's: ``text``, and ``when`` a pattern that must match in the assistant's last text.
    """
    played = Play(state=copy.deepcopy(dict(state)))
    unused = list(lines)
    answer: Any = None
    started = False
    while True:
        try:
            step = policy.send(answer) if started else next(policy)
        except StopIteration:
            return played
        started = True
        if isinstance(step, str):
            played.turns.append({"text": step})
            played.said.append(step)
            line = next((one for one in unused if _matches(one, step)), None)
            if line is None:
                return played
            unused.remove(line)
            answer = line["text"]
            continue
        played.turns.append({"tool_calls": [{"name": name, "arguments": given} for name, given in step]})
        answer = []
        for name, given in step:
            before = json.dumps(played.state["effects"])
            answer.append(call_tool(tools, played.state, name, copy.deepcopy(given)))
            played.calls.append(((name, given), json.dumps(played.state["effects"]) != before))


def _matches(line: Mapping[str, str], text: str) -> bool:
    return "when" not in line or re.search(line["when"], text, re.IGNORECASE) is not None


def replay(turns: Sequence[Mapping[str, Any]]) -> Policy:
    """Return a policy that follows turns, whatever comes back."""
    for turn in turns:
        if calls := turn.get("tool_calls"):
            yield [(call["name"], dict(call["arguments"])) for call in calls]
        else:
            yield turn["text"]


def without_call(turns: Sequence[Mapping[str, Any]], position: int) -> Turns:
    """Return turns without the call at a position, counted over all turns."""
    return _with_calls(turns, lambda number, call: [] if number == position else [call])


def with_call_changed(
    turns: Sequence[Mapping[str, Any]], position: int, arguments: Mapping[str, Any]
) -> Turns:
    """Return turns in which one call has other arguments."""
    return _with_calls(
        turns, lambda number, call: [{**call, "arguments": dict(arguments)}] if number == position else [call]
    )


def with_call_after(turns: Sequence[Mapping[str, Any]], position: int, call: Call) -> Turns:
    """Return turns with one more call after the one at a position."""
    more = {"name": call[0], "arguments": call[1]}
    return _with_calls(turns, lambda number, known: [known, more] if number == position else [known])


def _with_calls(turns: Sequence[Mapping[str, Any]], change: Any) -> Turns:
    changed: Turns = []
    number = 0
    for turn in turns:
        if "tool_calls" not in turn:
            changed.append(dict(turn))
            continue
        calls = []
        for call in turn["tool_calls"]:
            calls += change(number, call)
            number += 1
        if calls:
            changed.append({"tool_calls": calls})
    return changed

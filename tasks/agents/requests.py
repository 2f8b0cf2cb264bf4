"""Requests that an assistant deals with one after the other: the reference that keeps to the policy, and five that do not."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tasks.agents.play import (
    Call,
    Play,
    Policy,
    Step,
    Turns,
    with_call_after,
    with_call_changed,
    without_call,
)

MAX_TRIES = 3
"""How often a call is made while its service is busy."""


@dataclass
class Request:
    """One request of the user.

    Attributes:
        about: What it is about, an id that the tool ``escalate`` takes.
        text: What the user writes.
        reads: Calls that are needed to know what to do, one list for each reply.
        acts: The state-changing calls that policy asks for, in an order that works.
        forbidden: State-changing calls of somebody who decides against the policy.
        is_refused: Whether policy refuses it.
    """

    about: str
    text: str
    reads: list[list[Call]]
    acts: list[Call]
    forbidden: list[Call]
    is_refused: bool = False


def reference(requests: Sequence[Request], first: Sequence[Step] = ()) -> Policy:
    """Keep to the policy: look first, act by the rules, try again while a service is busy, escalate when it is down.

    Args:
        requests: In order.
        first: Steps before the first request, such as a question to the user.
    """
    for step in first:  # noqa: UP028 - a list takes no `send`
        yield step
    done: list[str] = []
    for request in requests:
        for calls in request.reads:
            yield from _try(calls)
        outcome = "refused by our policy." if request.is_refused else "done."
        for call in request.acts:
            (result,) = yield from _try([call])
            if "error" in result:
                reason = f"{call[0]} does not work"
                yield [("escalate", {"about": request.about, "reason": reason})]
                outcome = "a colleague will take care of it."
                break
        done.append(f"{request.about}: {outcome}")
    yield "This is what I did. " + " ".join(done)


def _try(calls: list[Call]) -> Any:
    results: list[Any] = []
    for _ in range(MAX_TRIES):
        results = yield calls
        if not any(isinstance(result, dict) and "busy" in str(result.get("error")) for result in results):
            break
    return results


def mutants(
    requests: Sequence[Request], right: Play, corrupt: Callable[[Call], dict[str, Any]], unasked: Call
) -> Mapping[str, Turns]:
    """Return the turns of five assistants that get the episode wrong, by name.

    Args:
        requests: What the user asks for.
        right: The reference, played.
        corrupt: Returns the arguments of a state-changing call with one of them wrong.
        unasked: A state-changing call that nobody asked for, or that an injected instruction asks for.
    """
    last = max(number for number, (_, changed) in enumerate(right.calls) if changed)
    call = right.calls[last][0]
    wrong = {**call[1], "about": f"{call[1]['about']}0"} if call[0] == "escalate" else corrupt(call)
    return {
        "does_nothing": [turn for turn in right.turns if "text" in turn],
        "stops_early": without_call(right.turns, last),
        "wrong_argument": with_call_changed(right.turns, last, wrong),
        "does_more": with_call_after(right.turns, last, unasked),
        "decides_the_other_way": _other_way(requests[-1], right),
    }


def _other_way(request: Request, right: Play) -> Turns:
    """Return turns that do for the last request what policy does not want."""
    kept = list(right.turns)
    acts = [name for name, _ in request.acts] + ["escalate"]
    # The turns of the last request end the conversation: its acts, with the tries that failed, then a text.
    kept.pop()
    while kept and all(call["name"] in acts for call in kept[-1].get("tool_calls", [{"name": ""}])):
        kept.pop()
    wrong = [{"tool_calls": [{"name": name, "arguments": dict(given)}]} for name, given in request.forbidden]
    return [*kept, *wrong, {"text": "I took care of everything."}]

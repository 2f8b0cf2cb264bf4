"""Episodes for a reader: each turn with its texts, calls, results, changes of the state, times, tokens and dollars.

The rows of an episode's turns are joined here, since each stores only what was added since the turn before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson

from gapbench import formatting
from gapbench.pricing import Quote, UsagePricer, make_usage_pricer, model_price
from gapbench.store import RunManifest
from gapbench.values import ToolCall, Usage, canonical_json
from gapbench.values.stored_messages import describe_part, indent_json
from gapbench.values.tool_calls import text_before_calls

TURN_COLUMNS = (
    "attempt", "trajectory_id", "turn", "scheduled_s", "sent_s", "done_s", "tool_wait_s", "failure_kind",
    "finish_reason", "from_cache", "input_tokens", "cached_input_tokens", "cache_write_tokens",
    "cache_write_1h_tokens", "output_tokens", "model_id", "model_served", "image_count",
)  # fmt: skip
"""Columns of the attempt table that :func:`describe_episode` reads."""
TURN_TEXTS = ("messages", "reply", "reasoning", "error", "calls", "state_changes")
"""Columns of the payload table that it reads."""
ENDING_COLUMNS = (
    "trajectory_id", "termination", "reason", "wall_s", "model_s", "tool_s", "user_s", "queue_s",
    "user_input_tokens", "user_output_tokens",
)  # fmt: skip
"""Columns of the trajectory table that it reads."""
PARTS = ("model", "tool", "user", "queue")
"""What the time of an episode consists of."""
MAX_CHANGES = 200
"""Changes of the state in one turn that are described."""
PriceTurn = Callable[[Mapping[str, Any]], float | None]
"""Returns the dollars of an attempt. None: unknown."""


def describe_episode(
    rows: Iterable[Mapping[str, Any]],
    ending: Mapping[str, Any] | None,
    shorten: Callable[[str], str],
    price: PriceTurn = lambda _: None,
) -> dict[str, Any]:
    """Return an episode, or a single reply with tool calls, as pages show it.

    ``prompt`` has the first messages, as stored. ``turns`` has for each: ``said`` (what the user added before it, texts),
    ``text``, ``reasoning``, ``error``, ``failure``, ``calls`` (``name``, ``arguments``, and of those that ran ``result``,
    ``is_error``, ``problem``, ``s``), ``changes``, ``times`` (seconds by :data:`PARTS`) and ``facts`` (short texts);
    what is empty is left out. ``end`` says how it ended and ``times`` splits the whole, if it is in the trajectory table.

    Args:
        rows: Its attempts with their texts: :data:`TURN_COLUMNS` and :data:`TURN_TEXTS`.
        ending: Its row of the trajectory table: :data:`ENDING_COLUMNS`. None: it has none.
        shorten: Cuts a long text and drops what a page must not show.
        price: See :data:`PriceTurn`.
    """
    by_turn: dict[int, list[Mapping[str, Any]]] = {}
    for row in sorted(rows, key=lambda row: int(row["attempt"])):
        by_turn.setdefault(_count(row["turn"]), []).append(row)
    turns: list[dict[str, Any]] = []
    before_s: float | None = None
    left_s = float("inf") if ending is None else _seconds(ending["user_s"])
    for number in sorted(by_turn):
        attempts = by_turn[number]
        turn = _turn(number, attempts, shorten, price)
        times = _times(attempts, before_s, left_s if "said" in turn else 0.0)
        if times:
            turn["times"] = times
            left_s -= times["user"]
        turns.append(turn)
        done_s = attempts[-1]["done_s"]
        before_s = (
            float(done_s) + _seconds(attempts[-1]["tool_wait_s"]) if formatting.is_known(done_s) else None
        )
    first = by_turn[min(by_turn)][-1] if by_turn else {"messages": None}
    told: dict[str, Any] = {"prompt": first["messages"], "turns": turns}
    if ending is not None:
        told["end"] = shorten(
            ": ".join(filter(None, [str(ending["termination"]), str(ending["reason"] or "")]))
        )
        told["times"] = {part: _seconds(ending[f"{part}_s"]) for part in PARTS}
        told["facts"] = [f"{formatting.format_seconds(ending['wall_s'])} in all", *_user_facts(ending)]
    return told


def _user_facts(ending: Mapping[str, Any]) -> list[str]:
    """Return the tokens of the model that played the user; [] if a script did."""
    counts = [ending.get(f"user_{name}_tokens") for name in ("input", "output")]
    if not all(map(formatting.is_known, counts)):
        return []
    tokens_in, tokens_out = map(formatting.format_count, counts)
    return [f"a model played the user: {tokens_in} tokens in, {tokens_out} out"]


def turn_pricer(manifest: RunManifest) -> PriceTurn:
    """Return what prices the attempts of a run by the prices of the day it began."""
    models = {model.id: model for model in manifest.models}
    day = datetime.fromisoformat(manifest.started_at).date()
    pricers: dict[str, UsagePricer] = {}

    def make_pricer(model_id: str) -> UsagePricer:
        model = models[model_id]

        def quote(served: str | None) -> Quote:
            return model_price(
                runner=model.runner,
                provider=model.known_price_provider,
                model=served or model.name,
                at=day,
                base_url=model.base_url,
                cost=model.cost,
                simulated=model.simulated,
            )

        return make_usage_pricer(quote)

    def price(row: Mapping[str, Any]) -> float | None:
        model_id = str(row["model_id"])
        if model_id not in models or row["from_cache"]:
            return None
        if model_id not in pricers:
            pricers[model_id] = make_pricer(model_id)
        counts = {
            name: int(row[name]) for name in Usage._fields if name in row and formatting.is_known(row[name])
        }
        usd = pricers[model_id](Usage(**counts), row["model_served"], _count(row["image_count"]))
        return None if usd is None else float(usd)

    return price


def has_turns(row: Mapping[str, Any]) -> bool:
    """Return whether an attempt is part of an episode or has tool calls, so that it is shown by turns."""
    return isinstance(row["trajectory_id"], str) or isinstance(row["calls"], str)


def join_messages(rows: Iterable[Mapping[str, Any]]) -> str:
    """Return an episode's messages up to its last reply, as stored: the first prompt and what each turn added."""
    newest = {
        _count(row["turn"]): row["messages"] for row in sorted(rows, key=lambda row: int(row["attempt"]))
    }
    return canonical_json([message for turn in sorted(newest) for message in _load(newest[turn])])


def _turn(
    number: int,
    attempts: Sequence[Mapping[str, Any]],
    shorten: Callable[[str], str],
    price: PriceTurn,
) -> dict[str, Any]:
    last = attempts[-1]
    calls = _load(last["calls"])
    made = [ToolCall(entry["id"], entry["name"], entry["arguments_json"]) for entry in calls]
    fields: dict[str, Any] = {
        "said": [] if number == 0 else _said(last["messages"], shorten),
        "reasoning": _text(last["reasoning"], shorten),
        "text": _text(text_before_calls(str(last["reply"] or ""), made), shorten),
        "error": _text(last["error"], shorten),
        "calls": [_call(entry, shorten) for entry in calls],
        "changes": _changes(last["state_changes"], shorten),
        "facts": _facts(attempts, price),
    }
    return {"number": number + 1, **{name: value for name, value in fields.items() if value}}


def _said(stored: str | None, shorten: Callable[[str], str]) -> list[str]:
    """Return what was added before a turn besides the reply and the results of the turn before, which that one shows."""
    return [
        shorten(part["text"])
        for message in _load(stored)
        if message["role"] not in {"assistant", "tool"}
        for part in _parts(message)
    ]


def _parts(message: Mapping[str, Any]) -> list[dict[str, str]]:
    shown = [describe_part(part) for part in message["parts"]]
    return [{"text": f"[image {part['image'][:12]}…]"} if "image" in part else part for part in shown]


def _call(entry: Mapping[str, Any], shorten: Callable[[str], str]) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "name": shorten(str(entry["name"])),
        "arguments": shorten(indent_json(str(entry["arguments_json"]))),
    }
    if "result" in entry:
        shown |= {
            "result": shorten(indent_json(str(entry["result"]))),
            "is_error": bool(entry["is_error"]),
            "s": _seconds(entry["tool_s"]),
        }
    if entry.get("problem"):
        shown["problem"] = shorten(str(entry["problem"]))
    return shown


def _changes(stored: str | None, shorten: Callable[[str], str]) -> list[str]:
    """Return the changes of the state in words: ``orders › A-1 › status = "sent"``."""
    patch = _load(stored)
    told = [shorten(_change(operation)) for operation in patch[:MAX_CHANGES]]
    return [*told, f"and {len(patch) - MAX_CHANGES:,} more"] if len(patch) > MAX_CHANGES else told


def _change(operation: Mapping[str, Any]) -> str:
    where = _words(operation["path"])
    match operation["op"]:
        case "remove":
            return f"{where} removed"
        case "move" | "copy":
            return f"{where} {'moved' if operation['op'] == 'move' else 'copied'} from {_words(operation['from'])}"
        case _:
            value = orjson.dumps(operation["value"]).decode()
            return f"{where} {'added: ' if operation['op'] == 'add' else '= '}{value}"


def _words(pointer: str) -> str:
    """Return a JSON Pointer as steps that a reader can follow."""
    steps = [step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:]]
    return " › ".join("(at the end)" if step == "-" else step for step in steps) or "the state"


def _times(attempts: Sequence[Mapping[str, Any]], before_s: float | None, user_s: float) -> dict[str, float]:
    """Return the seconds of a turn: what passed since the turn before, the reply, and the tools after it.

    Between turns the time until the request is due is the user's, at most ``user_s``; the rest is the queue's.
    """
    first, last = attempts[0], attempts[-1]
    if any(not formatting.is_known(row[name]) for row in (first, last) for name in ("sent_s", "done_s")):
        return {}
    due_s = first["scheduled_s"] if formatting.is_known(first["scheduled_s"]) else first["sent_s"]
    start_s = float(due_s) if before_s is None else min(before_s, float(due_s))
    user_s = min(float(due_s) - start_s, user_s)
    return {
        "model": float(last["done_s"]) - float(last["sent_s"]),
        "tool": _seconds(last["tool_wait_s"]),
        "user": user_s,
        "queue": max(0.0, float(last["sent_s"]) - start_s - user_s),
    }


def _facts(attempts: Sequence[Mapping[str, Any]], price: PriceTurn) -> list[str]:
    last = attempts[-1]
    facts = [str(last["failure_kind"] or "")]
    if formatting.is_known(last["input_tokens"]) and formatting.is_known(last["output_tokens"]):
        cached = last["cached_input_tokens"]
        from_cache = (
            f" ({formatting.format_count(cached)} cached)" if formatting.is_known(cached) and cached else ""
        )
        facts.append(
            f"{formatting.format_count(last['input_tokens'])} tokens in{from_cache}, "
            f"{formatting.format_count(last['output_tokens'])} out"
        )
    paid = [usd for row in attempts if (usd := price(row)) is not None]
    if paid:
        facts.append(formatting.format_usd(sum(paid)))
    if last["from_cache"]:
        facts.append("from the response cache")
    if len(attempts) > 1:
        facts.append(f"{len(attempts)} tries")
    if last["finish_reason"] in {"length", "refusal"}:
        facts.append(f"ended with {last['finish_reason']}")
    return [fact for fact in facts if fact]


def _load(stored: Any) -> list[Any]:
    """Return a stored JSON list; [] if there is none or, in an imported run, something else."""
    if not isinstance(stored, str):
        return []
    try:
        value = orjson.loads(stored)
    except orjson.JSONDecodeError:
        return []
    return value if isinstance(value, list) else []


def _text(value: Any, shorten: Callable[[str], str]) -> str:
    return shorten(value) if isinstance(value, str) and value else ""


def _seconds(value: Any) -> float:
    return float(value) if formatting.is_known(value) else 0.0


def _count(value: Any) -> int:
    return int(value) if formatting.is_known(value) else 0

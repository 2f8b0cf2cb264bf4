"""An episode of a shop's desk for the simulated provider: what it is asked, what solves it, and what does not."""

from __future__ import annotations

import json
from typing import Any

from gapbench.values import (
    GroundTruth,
    Message,
    Text,
    Tool,
    ToolCall,
    ToolResult,
    ToolSet,
    prompt_sha256,
    vendor_neutral,
)
from gapbench_runners.sim_server.reply import SimReply, SimRequest
from gapbench_runners.sim_server.sim_model import SimModel
from tests.gapbench_runners.simulated import user

TASK = "Refund the newest order of Ada, and tell her."
FIND, REFUND, MAIL = "find_orders", "refund", "send_mail"
TOOLS = ToolSet(
    (
        Tool(
            FIND,
            "Find the orders of a customer.",
            {"type": "object", "properties": {"customer": {"type": "string"}}, "required": ["customer"]},
        ),
        Tool(
            REFUND,
            "Refund an order.",
            {"type": "object", "properties": {"order": {"type": "integer"}}, "required": ["order"]},
        ),
        Tool(
            MAIL,
            "Send a mail.",
            {"type": "object", "properties": {"to": {"type": "string"}}, "required": ["to"]},
        ),
    )
)
ORDERS = '{"orders": [{"id": 41}, {"id": 42}]}'
RESULTS = {FIND: ORDERS, REFUND: "refunded", MAIL: "sent"}
"""What each tool returns."""
DONE, WRONG = "Order 42 is refunded.", "Order 41 is refunded."


def say(text: str) -> Message:
    return Message("assistant", (Text(text),))


def call(name: str, **arguments: Any) -> ToolCall:
    return ToolCall("", name, json.dumps(arguments))


def calling(*calls: ToolCall, text: str = "") -> Message:
    return Message("assistant", (*((Text(text),) if text else ()), *calls))


NEWEST = {"$result": [0, 0, "/orders/1/id"]}
REFERENCE_TURNS = (
    calling(call(FIND, customer="Ada"), text="Let me look."),
    calling(call(REFUND, order=NEWEST), call(MAIL, to="Ada")),
    say(DONE),
)
DECOY_TURNS = (
    calling(call(FIND, customer="Ada"), text="Let me look."),
    calling(call(REFUND, order=41)),
    say(WRONG),
)


def shop_truth(
    text: str = TASK,
    reference: tuple[Message, ...] = REFERENCE_TURNS,
    decoy: tuple[Message, ...] = DECOY_TURNS,
) -> GroundTruth:
    return GroundTruth(
        prompt_sha256(vendor_neutral(user(text))),
        "agents",
        reference[-1].text,
        decoy[-1].text,
        reference,
        decoy,
    )


def asking(messages: tuple[Message, ...], tools: ToolSet | None = TOOLS, **more: Any) -> SimRequest:
    return SimRequest(messages, None, True, True, "m", tools=tools, **more)


def reply_message(reply: SimReply) -> Message:
    """Return a reply as Chat Completions brings it back."""
    calls = tuple(ToolCall(f"call_{made.mark}", made.name, made.arguments_json) for made in reply.calls)
    text = "".join(reply.answer)
    return Message("assistant", (*((Text(text),) if text else ()), *calls))


def result_message(reply: Message) -> Message:
    """Return what the shop's tools answer to a reply's calls."""
    return Message(
        "tool",
        tuple(
            ToolResult(made.id, made.name, RESULTS.get(made.name, "no such tool"))
            for made in reply.tool_calls
        ),
    )


def play(
    model: SimModel, prompt: tuple[Message, ...], tools: ToolSet | None = TOOLS, **more: Any
) -> list[SimReply]:
    """Return the replies of an episode that goes on until a reply makes no call."""
    messages, replies = prompt, [model.reply_to(asking(prompt, tools, **more))]
    while replies[-1].finish == "tool" and len(replies) < 10:
        reply = reply_message(replies[-1])
        messages = (*messages, reply, result_message(reply))
        replies.append(model.reply_to(asking(messages, tools, **more)))
    return replies

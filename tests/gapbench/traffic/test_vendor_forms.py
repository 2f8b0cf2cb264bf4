"""The vendors' own forms of log are read into the same row. The records are written here from their documentation.

The documentation is named in the modules of gapbench.traffic.forms; nothing here is copied from it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.traffic_logs import (
    CHAT_REPLY,
    CLAUDE_REPLY,
    HELLO,
    NOON,
    NOON_S,
    import_files,
    import_row,
    messages,
)


def test_openai_pair_of_request_and_response(tmp_path: Path) -> None:
    """OpenAI's prompt tokens include the cached ones, and the output the reasoning."""
    row = import_row(
        tmp_path,
        {
            "timestamp": "2026-01-31T12:00:00Z",
            "latency_ms": 1500,
            "request": {
                "model": "gpt-5.2",
                "messages": HELLO,
                "temperature": 0,
                "stream": True,
                "user": "ann",
            },
            "response": CHAT_REPLY,
        },
    )

    assert {
        "time": NOON,
        "request_id": "chatcmpl-1",
        "model_asked": "gpt-5.2",
        "model_served": "gpt-5.2-2025-12-11",
        "endpoint": "chat",
        "is_stream": True,
        "messages": messages(*HELLO),
        "parameters": '{"temperature":0}',
        "reply": "Hi",
        "input_tokens": 100,
        "cached_input_tokens": 60,
        "output_tokens": 30,
        "reasoning_tokens": 20,
        "image_count": 0,
        "response_s": 1500 / 1000,
        "finish_reason": "stop",
        "form": "openai",
    } == row


def test_openai_completion_alone_is_a_request_without_its_prompt(tmp_path: Path) -> None:
    """A stored completion holds its own time."""
    row = import_row(tmp_path, CHAT_REPLY)

    assert (NOON, "gpt-5.2-2025-12-11", 100) == (row["time"], row["model_asked"], row["input_tokens"])
    assert "messages" not in row


CALLS = [{"id": "c1", "type": "function", "function": {"name": "find", "arguments": "{}"}}]


@pytest.mark.parametrize("more", [{}, {"model": "gpt-5.2"}], ids=["without a model", "with a model"])
@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"content": "Hi"}, {"reply": "Hi"}),
        ({"content": [{"type": "text", "text": "Hi"}]}, {"reply": "Hi"}),
        ({"content": None, "refusal": "No."}, {"reply": "No."}),
        ({"content": None, "tool_calls": CALLS}, {"reply_tool_calls": json.dumps(CALLS, separators=(",", ":"))}),
    ],
    ids=["text", "parts", "refusal", "calls"],
)  # fmt: skip
def test_openai_chat_stored_with_its_answer(
    tmp_path: Path, answer: dict[str, Any], expected: dict[str, Any], more: dict[str, Any]
) -> None:
    """The last message is the reply: left in the prompt it would tell a model what to answer."""
    row = import_row(tmp_path, {**more, "messages": [*HELLO, {"role": "assistant", **answer}]})

    assert expected == {name: row[name] for name in ("reply", "reply_tool_calls") if name in row}
    assert messages(*HELLO) == row["messages"]
    assert more.get("model") == row.get("model_asked")


def test_openai_chat_that_ends_with_the_user_has_no_reply(tmp_path: Path) -> None:
    """Earlier answers stay in the prompt."""
    chat = [*HELLO, {"role": "assistant", "content": "Hi"}, {"role": "user", "content": "Bye"}]
    row = import_row(tmp_path, {"messages": chat})

    assert messages(*chat) == row["messages"]
    assert "reply" not in row


def test_the_start_of_an_answer_stays_in_a_prompt_that_has_a_reply_or_is_anthropics(tmp_path: Path) -> None:
    """Anthropic's models go on where the assistant's last message ends."""
    prompt = [*HELLO, {"role": "assistant", "content": "{"}]
    claude = import_row(tmp_path, {"model": "claude-opus-4-6", "system": "Be brief.", "messages": prompt})
    answered = import_row(
        tmp_path, {"request": {"model": "gpt-5.2", "messages": prompt}, "response": CHAT_REPLY}
    )

    assert messages({"role": "system", "content": "Be brief."}, *prompt) == claude["messages"]
    assert messages(*prompt) == answered["messages"]
    assert "Hi" == answered["reply"]


def test_openai_list_of_stored_completions_is_read_one_by_one(tmp_path: Path) -> None:
    """The API lists them under `data`."""
    second = {**CHAT_REPLY, "id": "chatcmpl-2"}
    rows, _ = import_files(
        tmp_path, {"stored.json": json.dumps({"object": "list", "data": [CHAT_REPLY, second]}, indent=2)}
    )

    assert ["chatcmpl-1", "chatcmpl-2"] == [row["request_id"] for row in rows]


def test_openai_responses_object_repeats_its_request(tmp_path: Path) -> None:
    """Instructions are the system prompt; function calls are the reply's tool calls."""
    call = {"type": "function_call", "call_id": "c", "name": "look", "arguments": "{}"}
    row = import_row(
        tmp_path,
        {
            "id": "resp_1",
            "object": "response",
            "created_at": NOON_S,
            "model": "gpt-5.2",
            "status": "completed",
            "instructions": "Be brief.",
            "input": "Hello",
            "tools": [{"type": "function", "name": "look"}],
            "output": [{"type": "message", "content": [{"type": "output_text", "text": "Hi"}]}, call],
            "usage": {
                "input_tokens": 100,
                "input_tokens_details": {"cached_tokens": 60},
                "output_tokens": 30,
                "output_tokens_details": {"reasoning_tokens": 20},
                "total_tokens": 130,
            },
        },
    )

    assert messages({"role": "system", "content": "Be brief."}, *HELLO) == row["messages"]
    assert (100, 60, 30, 20) == tuple(
        row[name] for name in ("input_tokens", "cached_input_tokens", "output_tokens", "reasoning_tokens")
    )
    assert ("responses", "completed", "Hi", [call]) == (
        row["endpoint"],
        row["finish_reason"],
        row["reply"],
        json.loads(row["reply_tool_calls"]),
    )


def test_openai_batch_output_is_joined_with_its_input(tmp_path: Path) -> None:
    """The output line has no prompt and the input line no tokens; files may come in any order."""
    output = {
        "id": "batch_req_1",
        "custom_id": "row-1",
        "response": {"status_code": 200, "request_id": "req_1", "body": CHAT_REPLY},
        "error": None,
    }
    entry = {
        "custom_id": "row-1",
        "method": "POST",
        "url": "/v1/chat/completions",
        "body": {"model": "gpt-5.2", "messages": HELLO},
    }
    unanswered = {**entry, "custom_id": "row-2"}
    rows, _ = import_files(tmp_path, {"a-output.jsonl": [output], "b-input.jsonl": [entry, unanswered]})

    assert ["req_1", "row-2"] == [row["request_id"] for row in rows]
    assert [messages(*HELLO)] * 2 == [row["messages"] for row in rows]
    assert [(100, 200, "batch"), (None, None, "batch")] == [
        (row["input_tokens"], row["http_status"], row["service_tier"]) for row in rows
    ]


def test_anthropic_counts_with_a_total_keep_their_cache(tmp_path: Path) -> None:
    """Gateways add a total to Anthropic's usage: 100 new tokens and 900 read are 1,000."""
    usage = {
        "input_tokens": 100,
        "cache_read_input_tokens": 900,
        "output_tokens": 7,
        "total_tokens": 100 + 7,
    }
    row = import_row(tmp_path, {**CLAUDE_REPLY, "usage": usage})

    assert (100 + 900, 900) == (row["input_tokens"], row["cached_input_tokens"])


def test_anthropic_input_is_brought_to_the_inclusive_definition(tmp_path: Path) -> None:
    """Anthropic's input leaves out cache reads and writes: 10 + 60 + 30."""
    row = import_row(
        tmp_path,
        {
            "time": NOON_S * 1000,
            "request": {
                "model": "claude-opus-4-6",
                "max_tokens": 99,
                "system": "Be brief.",
                "messages": HELLO,
            },
            "response": CLAUDE_REPLY,
        },
    )

    assert {
        "time": NOON,
        "request_id": "msg_1",
        "provider": "anthropic",
        "model_asked": "claude-opus-4-6",
        "model_served": "claude-opus-4-6",
        "endpoint": "messages",
        "messages": messages({"role": "system", "content": "Be brief."}, *HELLO),
        "parameters": '{"max_tokens":99}',
        "reply": "Hi",
        "input_tokens": 10 + 60 + 30,
        "cached_input_tokens": 60,
        "cache_write_tokens": 20 + 10,
        "cache_write_1h_tokens": 10,
        "output_tokens": 30,
        "usage_note": "cache reads and writes were added to the input",
        "image_count": 0,
        "finish_reason": "end_turn",
        "form": "anthropic",
    } == row


def test_anthropic_batch_results(tmp_path: Path) -> None:
    """A result is a message, an error, or neither."""
    rows, _ = import_files(
        tmp_path,
        {
            "requests.jsonl": [
                {"custom_id": "a", "params": {"model": "claude-opus-4-6", "max_tokens": 9, "messages": HELLO}}
            ],
            "results.jsonl": [
                {"custom_id": "a", "result": {"type": "succeeded", "message": CLAUDE_REPLY}},
                {"custom_id": "b", "result": {"type": "expired"}},
            ],
        },
    )

    assert [(messages(*HELLO), 100, None), (None, None, "expired")] == [
        (row["messages"], row["input_tokens"], row["error"]) for row in rows
    ]

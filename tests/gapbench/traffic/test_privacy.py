"""What never reaches a file: ids of users and sessions in the clear, and with --no-text any words of a prompt."""

from __future__ import annotations

import contextlib
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gapbench.traffic.private_ids import find_ids, hide_ids
from tests.gapbench.traffic.test_opentelemetry_form import export
from tests.traffic_logs import import_files, import_row, lines

USAGE = {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4}
NOON = "2026-01-31T12:00:00Z"


def records(user: Any, session: Any, text: str, error: str, extra: dict[str, Any]) -> dict[str, list[Any]]:
    """Return a record of each form: ids where its tools log them and inside texts, and more keys beside the parameters."""
    prompt = [{"role": "user", "content": text}]
    body = {
        "model": "m", "messages": prompt, "temperature": 0, "stop": [text], "user": user,
        "response_format": {"type": "json_schema", "json_schema": {"description": text}},
        "metadata": {"session_id": session, **extra}, "tools": [{"name": "t", "description": text}],
    }  # fmt: skip
    reply = {
        "model": "m", "usage": USAGE,
        "choices": [{"message": {"content": text, "tool_calls": [{"function": {"arguments": json.dumps({"a": text})}}]}}],
    }  # fmt: skip
    claude = {
        "type": "message", "content": [{"type": "text", "text": text}, {"type": "tool_use", "input": {"a": text}}],
        "stop_reason": "end_turn", "usage": {"input_tokens": 3, "output_tokens": 1},
    }  # fmt: skip
    span = {
        "startTimeUnixNano": "1769860800000000000", "status": {"code": 2, "message": error}, "traceId": "t-0", "spanId": "s-0",
        "attributes": [
            {"key": key, "value": {"stringValue": str(value)}}
            for key, value in {
                "gen_ai.operation.name": "chat", "gen_ai.request.model": "m", "user.id": user, "gen_ai.conversation.id": session,
                "gen_ai.request.temperature": 0, "gen_ai.agent.name": text,
                "gen_ai.input.messages": json.dumps([{"role": "user", "parts": [{"type": "text", "content": text}]}]),
                **{f"gen_ai.request.{key}": value for key, value in extra.items()},
            }.items()
        ],
    }  # fmt: skip
    return {
        "openai": [{"request": body, "response": reply, "error": error, "time": NOON, "session_id": session, "id": session}],
        "anthropic": [{"request": {**body, "system": text}, "response": claude, "user_id": user, "session_id": session}],
        "litellm": [{
            "request_id": f"r-{session}", "spend": 1, "startTime": NOON, "model": "m", "end_user": user, "session_id": session,
            "messages": prompt, "response": reply, "metadata": {"status": "failure", "error_information": {"error_message": error}},
            "request_tags": [text], "proxy_server_request": {"body": body},
        }],
        "langfuse": [{
            "id": "o", "traceId": "t", "type": "GENERATION", "startTime": NOON, "model": "m", "userId": user, "sessionId": session,
            "input": {"question": text, **extra}, "output": text, "traceName": text, "level": "ERROR", "statusMessage": error,
            "modelParameters": {"temperature": 0, "maxTokens": 9, **extra},
        }],
        "opentelemetry": [export(span)],
        "openrouter": [{
            "id": session, "created_at": NOON, "model": "m", "native_tokens_prompt": 3, "user": user, "session_id": session,
            "app_name": text, "finish_reason": text,
        }],
        "helicone": [{
            "request_id": session, "request_created_at": NOON, "delay_ms": 9, "request_user_id": user, "request_body": body,
            "response_body": {**reply, "error": error}, "properties": {"Helicone-Session-Id": session, **extra},
        }],
        "braintrust": [{
            "id": session, "root_span_id": session, "span_attributes": {"type": "llm", "name": text}, "created": NOON,
            "input": prompt, "output": text, "error": error, "metrics": {"prompt_tokens": 3},
            "metadata": {"model": "m", "temperature": 0, "user_id": user, "session_id": session, **extra},
        }],
        "map": [{"model": "m", "who": user, "talk": session, "config": {"temperature": 0, **extra}, "said": text, "why": error}],
    }  # fmt: skip


MAP = "model_asked: model\nuser: who\nsession: talk\nparameters: config\nmessages: said\nreply: said\nerror: why\nroute: said\n"


def import_form(folder: Path, form: str, content: Any, **options: Any) -> list[dict[str, Any]]:
    (folder / "own.yaml").write_text(MAP)
    mapped = {"map_file": folder / "own.yaml"} if form == "map" else {}
    rows, report = import_files(folder, {"log.jsonl": content}, **mapped, **options)
    assert {form: 1} == report.files
    return rows


def texts_of(value: Any) -> Iterator[str]:
    """Yield every text, key and number of a row, also those inside JSON."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield str(key)
            yield from texts_of(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from texts_of(inner)
    elif isinstance(value, str):
        yield value
        if value[:1] == "{" or value[:2] in ("[{", '["'):
            with contextlib.suppress(ValueError):
                yield from texts_of(json.loads(value))
    elif value is not None:
        yield str(value)


# A number's stand-in is all nines, or all eights where the number is all nines: one id must not be the stand-in of another.
IDS = st.one_of(
    st.emails(),
    st.uuids().map(str),
    st.integers(10**8, 10**15).filter(lambda number: set(str(number)) not in ({"8"}, {"9"})),
    st.text(st.characters(codec="utf-8"), min_size=1, max_size=12).map(lambda text: f"user-7{text}"),
)  # fmt: skip


@pytest.mark.parametrize("form", sorted(records(1, 2, "", "", {})))
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(user=IDS, session=IDS, other=IDS)
def test_no_id_of_a_user_or_a_session_is_anywhere_in_the_table(
    tmp_path: Path, form: str, user: Any, session: Any, other: Any
) -> None:
    """Neither where tools log it, nor beside the parameters, nor inside a prompt, a reply, a route, a tool or an error."""
    text = f"Hello {user}, go on with {session}"
    extra = {"customer_id": other, "userId": user, "thread": {"id": session}, "max_tokens": 64}
    if form in {
        "langfuse",
        "openai",
        "anthropic",
        "helicone",
    }:  # another user's id in a prompt is a part of the prompt
        extra["customer_id"] = user
    (row,) = import_form(
        tmp_path, form, records(user, session, text, f"over budget: {user} in {session}", extra)[form]
    )

    planted = [str(one) for one in (user, session, *([other] if form in {"braintrust", "map"} else []))]
    stored = list(texts_of(row))
    assert [] == [(one, text) for one in planted for text in stored if one in text]
    assert row["user_hash"] is not None
    assert row["session_hash"] is not None


def test_only_parameters_of_the_call_are_stored(tmp_path: Path) -> None:
    """An id that is a plain word cannot be told from other words, so the names decide."""
    beside = {"customer": "ann", "tenant": "acme", "prompt_id": "p"}
    given = records("ann", "talk", "Hello", "busy", {**beside, "top_p": 0.5})
    rows = {form: import_form(tmp_path, form, given[form])[0] for form in ("braintrust", "langfuse", "map")}

    assert {
        "braintrust": '{"temperature":0,"top_p":0.5}',
        "langfuse": '{"temperature":0,"maxTokens":9,"top_p":0.5}',
        "map": '{"temperature":0,"top_p":0.5}',
    } == {form: row["parameters"] for form, row in rows.items()}


@pytest.mark.parametrize(
    ("user", "text", "expected"),
    [
        ("ann@example.com", '{"to":"ann@example.com"}', '{"to":"[user]"}'),
        (471108150, '{"order":471108150,"sum":1471108150}', '{"order":999999999,"sum":1471108150}'),
        ("alice", '{"text":"alice in wonderland"}', '{"text":"alice in wonderland"}'),
        ("7", '{"sum":7}', '{"sum":7}'),
        ('user-7"x', '{"to":"user-7\\"x"}', '{"to":"[user]"}'),
    ],
)
def test_an_id_is_taken_out_of_json_and_json_stays_json(user: Any, text: str, expected: str) -> None:
    """A number gets nines; a plain word and a short number stay, because they are in many texts."""
    assert expected == hide_ids(text, find_ids(user, None), is_json=True)
    assert json.loads(expected)


def test_an_id_at_the_cut_of_an_error_is_taken_out_whole(tmp_path: Path) -> None:
    """After 490 characters, and the error is cut after 500."""
    row = import_row(
        tmp_path,
        {
            "model": "m",
            "messages": [],
            "user": "ann-4711@example.com",
            "error": "x" * 490 + "ann-4711@example.com",
        },
    )

    assert "x" * 490 + "[user]" == row["error"]


def phrases_of(text: str) -> set[str]:
    """Return each four words in a row of a text."""
    words = text.split()
    return {" ".join(words[at : at + 4]) for at in range(len(words) - 3)}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("form", sorted(records(1, 2, "", "", {})))
def test_without_text_no_four_words_of_a_prompt_are_in_any_file(tmp_path: Path, form: str, seed: int) -> None:
    """Prompts, replies, tools, stop texts, schemas, routes and errors that repeat them, and lines that cannot be read."""
    draw = random.Random(seed)
    text = " ".join("".join(draw.choices("abcdefghij", k=5)) for _ in range(12))
    (record,) = records("u", "s", text, f"invalid input: {text}", {"note": text})[form]
    broken = [
        json.dumps(record)[: -draw.randrange(1, 40)],
        {**record, "time": text, "timestamp": text, "startTime": text, "start_time": text, "created": text},
        {
            **record,
            "metrics": text,
            "usage": text,
            "usage_details": text,
            "messages": text,
            "custom_id": text,
        },
        [text],
        text,
    ]
    import_form(tmp_path, form, lines(record, *broken), keep_texts=False)
    (tmp_path / "log.jsonl").unlink()

    written = {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.suffix != ".parquet"}
    from gapbench.store.table_file import iterate_rows

    written["table"] = json.dumps(list(iterate_rows(tmp_path / "traffic.parquet")), default=str).encode()
    assert {"own.yaml", "table", "traffic.set-aside.jsonl"} == set(written)
    assert [] == [
        (name, phrase)
        for name, data in written.items()
        for phrase in phrases_of(text)
        if phrase.encode() in data
    ]


def test_without_text_a_set_aside_record_is_its_place_its_problem_and_its_length(tmp_path: Path) -> None:
    """The line has 26 bytes with its end."""
    import_files(
        tmp_path,
        {"log.jsonl": lines(records("u", "s", "Hi", "", {})["litellm"][0], '{"request_id": "a secret')},
        keep_texts=False,
    )
    (kept,) = (tmp_path / "traffic.set-aside.jsonl").read_text().splitlines()
    entry = json.loads(kept)

    assert {"file", "line", "problem", "length_bytes"} == set(entry)
    assert (2, len('{"request_id": "a secret\n')) == (entry["line"], entry["length_bytes"])
    assert "secret" not in kept


def test_without_text_numbers_and_codes_stay(tmp_path: Path) -> None:
    """Temperature, the type of a schema, the code of an error, and labels of up to three words."""
    record = {
        "request": {"model": "m", "messages": [], "temperature": 0.5, "stop": ["Human:"], "reasoning_effort": "high",
                    "response_format": {"type": "json_schema", "json_schema": {"name": "x"}}},
        "error": {"type": "rate_limit_error", "message": "Too many requests for your words"},
        "route": "new customer orders", "time": NOON,
    }  # fmt: skip
    long = {**record, "route": "orders of all new customers", "error": "too many of them"}
    (short, other), _ = import_files(tmp_path, {"log.jsonl": [record, long]}, keep_texts=False)

    assert {
        "temperature": 0.5, "reasoning_effort": "high", "response_format": {"type": "json_schema"},
    } == json.loads(short["parameters"])  # fmt: skip
    assert ("rate_limit_error", "new customer orders") == (short["error"], short["route"])
    assert "error" == other["error"]
    assert other["route"].startswith("orders of all #")


def test_the_key_of_a_prompt_cache_is_no_session(tmp_path: Path) -> None:
    """OpenAI sends requests with the same start to one cache by it: two users share one, and it is not stored."""
    both = [
        {"request": {"model": "m", "messages": [{"role": "user", "content": f"{user}?"}], "prompt_cache_key": "faq-1",
                     "safety_identifier": user, **more},
         "response": {"id": user, "model": "m", "usage": USAGE, "choices": [{"message": {"content": "Hi"}}]}}
        for user, more in (("anna-1", {}), ("bert-2", {"conversation": {"id": "conv_1"}}))
    ]  # fmt: skip
    (first, second), _ = import_files(tmp_path, {"log.jsonl": both})

    assert (None, True) == (first["session_hash"], second["session_hash"] is not None)
    assert None not in (first["user_hash"], second["user_hash"])
    assert first["user_hash"] != second["user_hash"]
    assert "faq-1" not in json.dumps([first, second], default=str)


def test_a_key_next_to_letters_without_spaces_is_removed(tmp_path: Path) -> None:
    """Chinese has no spaces: the letter before the key is no part of it."""
    key = "sk-" + "a1B2" * 8
    body = {"model": "m", "messages": [{"role": "user", "content": f"我的密钥是{key}。"}]}
    (row,), report = import_files(tmp_path, {"log.jsonl": [{"request": body}]})

    assert ("我的密钥是[redacted]。" in row["messages"], 1) == (True, report.secrets)

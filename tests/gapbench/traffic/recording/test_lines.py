"""The lines that the recording proxy writes: replies are put together, with lengths, times and tokens."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pytest

from gapbench.traffic.recording.exchange import MAX_KEPT_BYTES, Body
from gapbench.traffic.recording.protocols import Call, Protocol, find_call, parse_upstream
from gapbench_runners.sim_server.server import route_of
from tests.gapbench_runners.simulated import mind, truth
from tests.recorded_lines import PATHS, body, events, exchange, line_of
from tests.traffic_logs import import_files


@pytest.mark.parametrize("protocol", list(Protocol))
def test_a_stream_is_put_together(protocol: Protocol) -> None:
    """As the simulated provider writes it; read in pieces of 7 bytes."""
    route = route_of(PATHS[protocol])
    assert route is not None
    request: dict[str, Any] = {"messages": [{"role": "user", "content": "What is 6 x 7?"}]}
    if protocol is Protocol.RESPONSES:
        request = {"input": "What is 6 x 7?"}
    if protocol is Protocol.GOOGLE:
        request = {"contents": [{"role": "user", "parts": [{"text": "What is 6 x 7?"}]}]}
    if protocol is Protocol.CHAT:
        request["stream_options"] = {"include_usage": True}
    given = {"model": "m", "max_tokens": 99, "stream": True, **request}
    asked = route.protocol.parse_request({**given, **route.in_path})
    reply = mind(truth()).reply_to(asked)
    head, chunks, tail = route.protocol.render_stream(reply, asked)
    one = exchange(protocol, given, b"")
    one.reply = body(b"".join((head, *chunks, tail)), piece_bytes=7)
    line = line_of(one)

    assert ("The answer is 42.", 5) == (line["reply"], line["output_tokens"])
    assert "error" not in line


def test_a_google_stream_without_events_is_an_array() -> None:
    """`alt=sse` is optional there."""
    pieces = [
        {"candidates": [{"content": {"parts": [{"text": "a"}]}}]},
        {
            "candidates": [{"content": {"parts": [{"text": "b"}]}, "finishReason": "STOP"}],
            "usageMetadata": {"promptTokenCount": 4, "toolUsePromptTokenCount": 6, "candidatesTokenCount": 2, "thoughtsTokenCount": 3},
        },
    ]  # fmt: skip
    line = line_of(exchange(Protocol.GOOGLE, {}, orjson.dumps(pieces), content_type="application/json"))

    assert ("ab", "STOP") == (line["reply"], line["finish_reason"])
    assert (10, 5, 3) == (line["input_tokens"], line["output_tokens"], line["reasoning_tokens"])


@pytest.mark.parametrize("encoding", ["gzip", "br", "zstd"])
def test_a_packed_reply_is_read(encoding: str) -> None:
    """With the standard library, or with Arrow's codecs."""
    content = orjson.dumps({"choices": [{"message": {"content": "hi"}, "finish_reason": "stop"}]})
    sink = pa.BufferOutputStream()
    if encoding != "gzip":
        with pa.CompressedOutputStream(sink, {"br": "brotli"}.get(encoding, encoding)) as stream:
            stream.write(content)
    packed = gzip.compress(content) if encoding == "gzip" else sink.getvalue().to_pybytes()
    line = line_of(exchange(Protocol.CHAT, {}, packed, encoding=encoding, content_type="application/json"))

    assert "hi" == line["reply"]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"reply": b"not json"}, "reply: is not JSON"),
        ({"reply": gzip.compress(b"0" * (MAX_KEPT_BYTES + 1)), "encoding": "gzip"}, "larger than"),
        ({"reply": b"x", "encoding": "br"}, "cannot be unpacked"),
        ({"reply": b"x", "encoding": "odd"}, "content-encoding 'odd'"),
        ({"reply": b'{"choices": [7]}'}, ""),
        ({"reply": b'{"usage": {"prompt_tokens_details": 3, "prompt_tokens": "x"}}'}, ""),
    ],
)
def test_what_cannot_be_read_is_said_and_the_times_stay(more: dict[str, Any], said: str) -> None:
    """A bomb, a broken body, an unknown encoding, another shape."""
    line = line_of(
        exchange(Protocol.CHAT, {"model": "m", "messages": []}, content_type="application/json", **more)
    )

    assert (10.0, 200) == (line["response_s"], line["http_status"])
    assert said in " ".join(line.get("not_read", []))


def test_a_body_over_the_bound_is_counted_and_not_kept() -> None:
    """Of 40 MiB only the size is known."""
    one = Body()
    for _ in range(5):
        one.add(0.0, bytes(2**23))

    assert ([], 5 * 2**23, 0) == (one.pieces, one.size_bytes, one.memory.held_bytes)
    assert one.not_kept == "at most 33,554,432 are recorded"


@pytest.mark.parametrize(
    ("upstream", "target", "expected"),
    [
        ("https://api.openai.com", "/v1/responses", "/v1/responses"),
        ("http://h:8000/v1", "/v1/models?a=b", "/v1/models?a=b"),
        ("http://h:8000/v1/", "/chat/completions", "/v1/chat/completions"),
        ("https://openrouter.ai/api", "/v1/models", "/api/v1/models"),
        ("https://openrouter.ai/api/v1", "/v1/models", "/api/v1/models"),
    ],
)
def test_a_version_in_the_address_is_not_repeated(upstream: str, target: str, expected: str) -> None:
    """Users give an address with or without it."""
    assert expected == parse_upstream(upstream).target_of(target)


def test_what_is_recorded_is_found_by_its_path() -> None:
    """Prefixes of gateways are allowed; other paths are not recorded."""
    found = [
        find_call("POST", path)
        for path in (
            "/v1/embeddings",
            "/v1/messages/count_tokens",
            "/v1/responses/r/cancel",
            "/v1/threads/t/messages",
        )
    ]

    assert [None] * 4 == found
    assert Call(Protocol.CHAT) == find_call("POST", "/openai/deployments/d/chat/completions")
    assert Call(Protocol.GOOGLE, "a b", False) == find_call("POST", "/v1beta/models/a%20b:generateContent")
    assert find_call("GET", "/v1/responses") is None


def test_the_empty_names_of_a_first_chunk_are_not_those_of_the_reply() -> None:
    """Azure starts a stream with a chunk about the prompt, whose id and model are empty."""
    reply = events(
        {"id": "", "model": "", "choices": [], "prompt_filter_results": [{"prompt_index": 0}]},
        {"id": "c-1", "model": "gpt-5.2-1", "choices": [{"index": 0, "delta": {"content": "hi"}}]},
        {"id": "c-1", "model": "gpt-5.2-1", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
    )
    line = line_of(exchange(Protocol.CHAT, {"model": "m", "messages": []}, reply))

    assert ("c-1", "gpt-5.2-1", "hi") == (line["request_id"], line["model_served"], line["reply"])


def test_a_reply_with_an_empty_id_gets_one() -> None:
    """Without an id and a model its line could not be imported."""
    line = line_of(exchange(Protocol.CHAT, {}, b'{"id": "", "choices": []}', content_type="application/json"))

    assert line["request_id"].startswith("record-")


@pytest.mark.parametrize("keep_texts", [True, False])
def test_half_of_an_emoji_loses_no_prompt(keep_texts: bool) -> None:
    """JavaScript cuts a text in the middle of one, and writes its code; the providers take it."""
    one = exchange(Protocol.CHAT, {}, b'data: {"choices":[{"delta":{"content":"a\\ud83d"}}]}\n\n')
    one.request = body(b'{"model":"m","messages":[{"role":"user","content":["cut \\ud83d"]}]}')
    line = line_of(one, keep_texts=keep_texts)

    assert "not_read" not in line
    if keep_texts:
        assert ([{"role": "user", "content": ["cut ?"]}], "a?") == (line["messages"], line["reply"])
    else:
        # ["cut x"] in brackets and quotes, and "ax"
        assert (9, 2) == (line["text_shape"]["messages"][0]["chars"], line["text_shape"]["reply_chars"])


def test_the_pieces_of_a_calls_arguments_are_joined() -> None:
    """Also where a server sends them as an object."""
    reply = events(
        *(
            {"choices": [{"delta": {"tool_calls": [{"index": 0, "function": {"arguments": piece}}]}}]}
            for piece in ('{"a":', "1}")
        ),
        {"choices": [{"delta": {"tool_calls": [{"index": 1, "function": {"arguments": {"b": 2}}}]}}]},
    )
    calls = line_of(exchange(Protocol.CHAT, {"model": "m"}, reply))["reply_tool_calls"]

    assert ['{"a":1}', '{"b":2}'] == [call["function"]["arguments"] for call in calls]


def test_a_cached_content_of_google_is_no_session() -> None:
    """All users of an application share it; the prompt is not whole without it."""
    request = {"contents": [{"parts": [{"text": "a"}]}], "cachedContent": "cachedContents/long-manual-1"}

    line = line_of(exchange(Protocol.GOOGLE, request, b""))

    assert "session_hash" not in line
    assert "cached content" == line["prompt_lacks"]


@pytest.mark.parametrize("keep_texts", [True, False])
def test_recorded_turns_are_chained_by_the_import(tmp_path: Path, keep_texts: bool) -> None:
    """The second line names the first: one session. With texts its prompt has all turns, without it says that they lack."""
    lines = []
    for number, previous in ((1, None), (2, "resp_1")):
        request = {
            "model": "m",
            "input": f"q{number}",
            "instructions": "Rhyme.",
            "previous_response_id": previous,
        }
        output = [{"type": "message", "content": [{"type": "output_text", "text": f"a{number}"}]}]
        reply = {"id": f"resp_{number}", "status": "completed", "output": output}
        done = events({"type": "response.completed", "response": reply})
        lines.append(line_of(exchange(Protocol.RESPONSES, request, done), keep_texts=keep_texts))
    (first, second), _ = import_files(tmp_path, {"log.jsonl": lines})

    assert first["session_hash"] == second["session_hash"] is not None
    if keep_texts:
        contents = [message["content"] for message in orjson.loads(second["messages"])]
        assert ["Rhyme.", "q1", [{"type": "output_text", "text": "a1"}], "q2"] == contents
    else:
        assert [None, "earlier turns"] == [first["prompt_lacks"], second["prompt_lacks"]]


def test_a_length_that_equals_the_id_of_a_user_stays() -> None:
    """The role and two line ends before the text are 6 characters, which makes 100,000."""
    request = {"model": "m", "messages": [{"role": "user", "content": "x" * 99_994}]}
    line = line_of(exchange(Protocol.CHAT, request, b"", labels={"user": "100000"}), keep_texts=False)

    assert 100_000 == line["text_shape"]["prompt_chars"]


@pytest.mark.parametrize("piece_bytes", [0, 7])
def test_all_members_of_a_packed_reply_are_read(piece_bytes: int) -> None:
    """A gateway may pack each part of a stream by itself."""
    parts = (events({"choices": [{"delta": {"content": text}}]}) for text in ("a", "b"))
    packed = body(b"".join(map(gzip.compress, parts)), "gzip", piece_bytes=piece_bytes)
    one = exchange(Protocol.CHAT, {"model": "m"}, b"")
    one.reply = packed

    assert "ab" == line_of(one)["reply"]

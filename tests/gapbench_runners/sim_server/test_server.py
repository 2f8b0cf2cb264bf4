"""Over the wire: faults that cut, places that fill, and a log that tells the truth."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest

from tests.gapbench_runners.simulated import CHAT, REFERENCE, events, logged, mind, served, talking, truth

STREAMED = {**CHAT, "stream": True}
MESSAGES = {**STREAMED, "max_tokens": 100}
ROUTES = {
    "/v1/chat/completions": STREAMED,
    "/v1/messages": MESSAGES,
    "/v1/responses": {"model": "m", "stream": True, "input": "What is 6 x 7?"},
    "/v1beta/models/m:streamGenerateContent": {"contents": [{"parts": [{"text": "What is 6 x 7?"}]}]},
}
END_MARKS = (b"[DONE]", b"message_stop", b"response.completed", b"finishReason")


@pytest.mark.parametrize("path", ROUTES)
@pytest.mark.parametrize("bundle", [1, 100])
def test_a_cut_stream_has_begun_and_has_no_end_mark(path: str, bundle: int) -> None:
    """Also where the whole answer is one chunk: the connection ends in the middle of the reply."""

    async def main() -> bytes:
        async with talking(m=mind(tokens_per_chunk=bundle, faults={"cut": 1})) as (client, _):
            seen = b""
            with pytest.raises(httpx2.RemoteProtocolError):
                async with client.stream("POST", path, json=ROUTES[path]) as reply:
                    async for piece in reply.aiter_bytes():
                        seen += piece
            return seen

    seen = asyncio.run(main())

    assert b"data: " in seen
    assert not any(mark in seen for mark in END_MARKS)


def test_a_cut_reply_that_is_not_streamed_never_comes() -> None:
    """The connection closes without a byte."""

    async def main() -> None:
        async with talking(m=mind(faults={"cut": 1})) as (client, simulation):
            with pytest.raises(httpx2.RemoteProtocolError):
                await client.post("/v1/chat/completions", json=CHAT)
            assert [entry["fault"] for entry in logged(simulation)] == ["cut"]

    asyncio.run(main())


def test_garbage_is_a_page_with_status_200() -> None:
    """As a proxy in the way sends it; the connection stays usable."""

    async def main() -> Any:
        async with talking(m=mind(faults={"garbage": 1})) as (client, _):
            reply = await client.post("/v1/chat/completions", json=STREAMED)
            assert (await client.get("/health")).status_code == 200
            return reply

    reply = asyncio.run(main())

    assert (reply.status_code, reply.headers["content-type"]) == (200, "text/html")


def test_faults_of_a_seed_come_again() -> None:
    """Two servers, one in reverse and all at once: each prompt meets the same fault."""
    prompts = [f"q{number}" for number in range(60)]
    settings: dict[str, Any] = {"faults": {"rate_limit": 0.2, "server_error": 0.2, "garbage": 0.2}}

    async def main(order: list[str]) -> dict[str, str | None]:
        async with talking(m=mind(*map(truth, prompts), **settings)) as (client, simulation):
            bodies = [{"model": "m", "messages": [{"role": "user", "content": text}]} for text in order]
            await asyncio.gather(*(client.post("/v1/chat/completions", json=body) for body in bodies))
            return {entry["prompt_sha256"]: entry["fault"] for entry in logged(simulation)}

    forth = asyncio.run(main(prompts))

    assert forth == asyncio.run(main(prompts[::-1]))
    assert {"rate_limit", "server_error", "garbage", None} == set(forth.values())


def test_no_byte_is_written_before_it_is_due() -> None:
    """Chunk k of 5 is due at begin + 20 ms + k x 3 ms, counted from the first: lateness does not add up."""

    async def main() -> dict[str, Any]:
        async with talking(m=mind(ttft_s=0.02, ttft_sigma=0, gap_s=0.003)) as (client, simulation):
            await client.post("/v1/chat/completions", json=STREAMED)
            return logged(simulation)[0]

    entry = asyncio.run(main())
    after_s = [write_s - entry["begun_s"] for write_s in entry["write_s"]]
    late_s = [found - (0.02 + k * 0.003) for k, found in enumerate(after_s)]

    assert len(after_s) == 5
    assert min(late_s) > -1e-6
    assert abs(max(late_s) - entry["late_s"]) < 1e-6


def test_the_log_tells_one_write_a_chunk_in_order() -> None:
    """Ten replies at once: received, begun, first write, last write; as many writes as chunks."""

    async def main() -> list[dict[str, Any]]:
        async with talking(m=mind(gap_s=0.0005)) as (client, simulation):
            await asyncio.gather(*(client.post("/v1/chat/completions", json=STREAMED) for _ in range(10)))
            return logged(simulation)

    entries = asyncio.run(main())

    assert sorted(entry["request"] for entry in entries) == list(range(1, 11))
    for entry in entries:
        times = [entry["received_s"], entry["begun_s"], *entry["write_s"]]
        assert times == sorted(times)
        assert (entry["first_write_s"], entry["last_write_s"]) == (entry["write_s"][0], entry["write_s"][-1])
        assert (len(entry["write_s"]), entry["output_tokens"]) == (5, 5)
        assert (entry["correct"], entry["fault"], entry["known"]) == (True, None, True)


def test_hidden_reasoning_takes_its_time() -> None:
    """20 hidden tokens of 1 ms come before the first byte."""

    async def main() -> dict[str, Any]:
        hidden = {"tokens": 20, "shown": "hidden"}
        async with talking(m=mind(gap_s=0.001, reasoning=hidden)) as (client, simulation):
            await client.post("/v1/chat/completions", json=STREAMED)
            return logged(simulation)[0]

    entry = asyncio.run(main())

    assert entry["first_write_s"] - entry["begun_s"] >= 0.020 - 1e-6
    assert entry["output_tokens"] == 25


def test_beyond_its_streams_requests_wait_in_line() -> None:
    """With one place, each reply begins after the one before has ended, in the order of arrival."""

    async def main() -> list[dict[str, Any]]:
        async with talking(m=mind(ttft_s=0.002, capacity={"streams": 1})) as (client, simulation):
            await asyncio.gather(*(client.post("/v1/chat/completions", json=STREAMED) for _ in range(5)))
            assert simulation.slots["m"].running == 0
            return logged(simulation)

    entries = asyncio.run(main())

    assert [entry["request"] for entry in entries] == [1, 2, 3, 4, 5]
    for before, after in itertools.pairwise(entries):
        assert before["last_write_s"] <= after["begun_s"]


@asynccontextmanager
async def held_stream(client: httpx2.AsyncClient, body: dict[str, Any]) -> AsyncIterator[None]:
    """Stream a reply whose second token comes in an hour, and leave it at the end of the block."""
    async with client.stream("POST", "/v1/chat/completions", json=body) as reply:
        pieces = reply.aiter_raw()  # its end would close the connection
        await anext(pieces)
        yield


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something that happens within the event loop."""
    async with asyncio.timeout(120):
        while not condition():  # noqa: ASYNC110 - the server offers no event
            await asyncio.sleep(0.001)


@pytest.mark.parametrize(("path", "status"), [("/v1/chat/completions", 503), ("/v1/messages", 529)])
def test_beyond_the_queue_requests_are_refused(path: str, status: int) -> None:
    """One written, one waits, the third is turned away at once while both are under way."""

    async def main() -> tuple[int, int, int]:
        narrow = mind(gap_s=3_600, capacity={"streams": 1, "queue": 1})
        async with talking(m=narrow) as (client, simulation):
            async with held_stream(client, STREAMED):
                waiting = asyncio.create_task(client.post(path, json={**MESSAGES, "max_tokens": 1}))
                await until(lambda: len(simulation.slots["m"].waiting) == 1)
                refused = await client.post(path, json=MESSAGES)
            second = await waiting
            return second.status_code, refused.status_code, simulation.counts["refused_queue"]

    assert asyncio.run(main()) == (200, status, 1)


def test_two_personas_have_places_of_their_own() -> None:
    """A full model does not hold up its neighbour."""

    async def main() -> list[str]:
        slow, quick = mind(gap_s=3_600, capacity={"streams": 1}), mind(capacity={"streams": 1})
        async with (
            talking(slow=slow, quick=quick) as (client, simulation),
            held_stream(client, {**STREAMED, "model": "slow"}),
        ):
            await client.post("/v1/chat/completions", json={**CHAT, "model": "quick"})
            return [entry["model"] for entry in logged(simulation)]

    assert asyncio.run(main()) == ["quick"]


def test_reading_the_prompt_takes_its_time() -> None:
    """8 tokens at 400 a second are 20 ms before the first token."""

    async def main() -> dict[str, Any]:
        async with talking(m=mind(capacity={"prefill_tokens_per_s": 400})) as (client, simulation):
            await client.post("/v1/chat/completions", json=STREAMED)
            return logged(simulation)[0]

    entry = asyncio.run(main())

    assert entry["first_write_s"] - entry["begun_s"] >= 0.020 - 1e-6


def test_a_client_that_leaves_frees_its_place() -> None:
    """The next in line begins, and the one who left is logged as such."""

    async def main() -> list[str | None]:
        narrow = mind(gap_s=3_600, capacity={"streams": 1})
        async with talking(m=narrow) as (client, simulation):
            async with held_stream(client, STREAMED):
                pass
            await client.post("/v1/chat/completions", json={**STREAMED, "max_tokens": 1})
            assert simulation.slots["m"].running == 0
            return [entry["fault"] for entry in logged(simulation)]

    assert asyncio.run(main()) == ["abandoned", None]


def test_counters_have_the_names_of_vllm() -> None:
    """Two replies of 5 tokens to a prompt of 8, one prompt unknown."""

    async def main() -> dict[str, float]:
        async with talking(m=mind()) as (client, _):
            await client.post("/v1/chat/completions", json=STREAMED)
            await client.post("/v1/chat/completions", json={**CHAT, "max_tokens": 5})
            await client.post("/v1/responses", json={"model": "m", "input": "?", "max_output_tokens": 1})
            text = (await client.get("/metrics")).text
            return {name: float(value) for name, value in (line.split() for line in text.splitlines())}

    found = asyncio.run(main())

    assert found["vllm:generation_tokens_total"] == 5 + 5 + 1
    assert found["vllm:prompt_tokens_total"] == 8 + 8 + 5
    assert (found["sim:finished_total"], found["sim:unknown_prompts_total"]) == (3, 1)
    assert (found["vllm:num_requests_running"], found["vllm:num_requests_waiting"]) == (0, 0)


def test_models_health_version_and_log_are_told() -> None:
    """The pages a client or a person looks at."""

    async def main() -> tuple[Any, ...]:
        async with talking(m=mind(), other=mind()) as (client, simulation):
            await client.post("/v1/chat/completions", json=CHAT)
            models = (await client.get("/v1/models")).json()
            log = (await client.get("/sim/log")).content
            assert log == b"".join(simulation.recent_log)
            codes = [(await client.get(path)).status_code for path in ("/health", "/version", "/nowhere")]
            unknown = await client.post("/v1/chat/completions", json={**CHAT, "model": "none"})
            return [model["id"] for model in models["data"]], codes, unknown.status_code

    assert asyncio.run(main()) == (["m", "other"], [200, 200, 404], 404)


def test_a_body_in_chunks_is_read_and_a_long_one_refused() -> None:
    """A streamed upload works; one that says it is too long gets 413 before it is sent."""

    async def main() -> tuple[int, bytes]:
        async with served(m=mind()) as (url, _):
            async with httpx2.AsyncClient(base_url=url) as client:

                async def pieces() -> Any:
                    yield b'{"model":"m","messages":[{"role":"user",'
                    yield b'"content":"What is 6 x 7?"}]}'

                reply = await client.post("/v1/chat/completions", content=pieces())
                assert reply.json()["choices"][0]["message"]["content"] == REFERENCE
            reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
            writer.write(b"POST /v1/messages HTTP/1.1\r\ncontent-length: 99999999999\r\n\r\n")
            refusal = await reader.read()
            writer.close()
            return reply.status_code, refusal.partition(b"\r\n")[0]

    assert asyncio.run(main()) == (200, b"HTTP/1.1 413 Content Too Large")


def test_a_connection_that_is_to_close_does() -> None:
    """After a streamed reply as after a plain one."""

    async def main() -> list[bytes]:
        async with served(m=mind()) as (url, _):
            found = []
            for body in (b'{"model":"m","stream":true,"messages":[{"role":"user","content":"x"}]}', b"{}"):
                reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
                writer.write(
                    b"POST /v1/chat/completions HTTP/1.1\r\nconnection: close\r\n"
                    b"content-length: %d\r\n\r\n%s" % (len(body), body)
                )
                found.append((await reader.read())[:12])
                writer.close()
            return found

    assert asyncio.run(main()) == [b"HTTP/1.1 200", b"HTTP/1.1 400"]


def test_many_on_one_connection_are_answered_in_turn() -> None:
    """Two requests sent together: the second waits for the first's end."""

    async def main() -> list[str]:
        async with served(m=mind()) as (url, _):
            reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
            for text in ("What is 6 x 7?", "Who?"):
                body = (
                    b'{"model":"m","stream":true,"messages":[{"role":"user","content":"%s"}]}' % text.encode()
                )
                writer.write(
                    b"POST /v1/chat/completions HTTP/1.1\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body)
                )
            found = [await reader.readuntil(b"\r\n0\r\n\r\n") for _ in range(2)]
            writer.close()
            return ["".join(_contents(reply)) for reply in found]

    assert asyncio.run(main()) == [REFERENCE, "I do not know this prompt."]


def _contents(reply: bytes) -> list[str]:
    """Return the answer's pieces in a raw HTTP reply of small chunks."""
    lines = [line for line in reply.split(b"\n") if line.startswith(b"data: ")]
    found = events(b"\n\n".join(line.strip() for line in lines))
    return [event["choices"][0]["delta"].get("content", "") for event in found]

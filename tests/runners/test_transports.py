"""Whichever transport moves the bytes, a reply is the same; and a request built once is the request."""

from __future__ import annotations

import asyncio
import dataclasses
from pathlib import Path
from typing import Any

import pytest

from gapbench.execution.attempts.measure import measure
from gapbench.values import Message, Params, Request, Response, Session, Text
from tests.harness.lean_server import HEAD, request_of, served
from tests.runners.replay import Replay
from tests.runners.test_streams import TRANSCRIPTS, VENDORS

TEXTS = ("plain", 'quotes " and \\ and \n and \t', "Grüß Gott 你好 🙂", "place-0-", "\x00\x1f\u2028")


def say(text: str, system: str | None = None) -> tuple[Message, ...]:
    user = Message("user", (Text(text),))
    return (Message("system", (Text(system),)), user) if system else (user,)


def asked(
    name: str, replay: Replay, prompts: list[tuple[Message, ...]], transport: Any = "lean"
) -> list[Response]:
    """Return the responses to each prompt in turn, over one open runner."""
    kind, model, path = VENDORS[name.partition("_")[0]]

    async def main() -> list[Response]:
        async with replay.serving() as url:
            runner = kind(dataclasses.replace(model, base_url=url + path))
            await runner.open(Session(Path(), connect_timeout_s=5, read_timeout_s=5, transport=transport))
            params = Params(max_tokens=16, temperature=0.5)
            try:
                return [
                    await measure(runner, runner.prepare(Request(runner.model, messages, params)), 10)
                    for messages in prompts
                ]
            finally:
                await runner.close()

    return asyncio.run(main())


def timeless(response: Response) -> tuple[Any, ...]:
    """Return what does not depend on when, or over which transport."""
    return (
        dataclasses.replace(response, timing=_NEVER, transport=None),
        len(response.timing.chunk_s),
        response.timing.chunk_tokens,
    )


_NEVER: Any = None


@pytest.mark.parametrize("name", sorted(path.stem for path in TRANSCRIPTS.glob("*.sse")))
def test_both_transports_hear_the_same(name: str) -> None:
    """Each transcript, whole and in pieces, over our own and over httpx2's."""
    body = (TRANSCRIPTS / f"{name}.sse").read_bytes()
    [lean] = asked(name, Replay(body, pieces=(1, 7, 30)), [say("hello")])
    [theirs] = asked(name, Replay(body, pieces=(1, 7, 30)), [say("hello")], "httpx2")

    assert timeless(theirs) == timeless(lean)
    assert ("lean", "httpx2") == (lean.transport, theirs.transport)


@pytest.mark.parametrize("name", list(VENDORS))
def test_a_request_built_once_is_the_one_the_client_would_build(name: str) -> None:
    """Every text, with and without a system prompt; httpx2's transport gets each from the client."""
    body = (TRANSCRIPTS / f"{name}.sse").read_bytes()
    prompts = [say(text, system) for system in (None, 'be "brief"') for text in TEXTS]
    once, each = Replay(body), Replay(body)
    asked(name, once, prompts)
    asked(name, each, prompts, "httpx2")

    assert each.asked == once.asked
    assert [_sorted(head) for head in each.heads] == [_sorted(head) for head in once.heads]


def _sorted(head: str) -> list[str]:
    """Return a head's lines without those that differ by server, length of a body's spacing, or connection."""
    lines = (line.lower() for line in head.strip().split("\r\n"))
    return sorted(line for line in lines if not line.startswith(("host:", "content-length:", "connection:")))


@pytest.mark.parametrize("name", list(VENDORS))
def test_the_client_builds_three_requests_of_a_shape_and_no_more(name: str) -> None:
    """The first, then one with marks and one to hold it against; ten calls go out."""
    kind, model, path = VENDORS[name]
    replay = Replay((TRANSCRIPTS / f"{name}.sse").read_bytes())

    async def main() -> int:
        async with replay.serving() as url:
            runner = kind(dataclasses.replace(model, base_url=url + path))
            await runner.open(Session(Path()))
            create, built = runner._templates._create, []

            async def counted(body: Any) -> None:
                built.append(body)
                await create(body)

            runner._templates._create = counted
            params = Params(max_tokens=16)
            for number in range(10):
                call = runner.prepare(Request(runner.model, say(f"question {number}"), params))
                assert (await measure(runner, call, 10)).failure is None
            await runner.close()
            return len(built)

    assert 3 == asyncio.run(main())
    assert 10 == len(replay.asked)


@pytest.mark.parametrize("name", list(VENDORS))
def test_a_text_that_json_cannot_carry_goes_through_the_client(name: str) -> None:
    """A lone surrogate: whatever the client makes of it is a failure of that one request."""
    replay = Replay((TRANSCRIPTS / f"{name}.sse").read_bytes())
    fine, broken, again = asked(name, replay, [say("fine"), say("\ud800"), say("again")])

    assert (None, None) == (fine.failure, again.failure)
    assert broken.failure is None or broken.failure.kind in {"bad_request", "runner"}


@pytest.mark.parametrize("name", list(VENDORS))
@pytest.mark.parametrize("status", [400, 401, 404, 429, 500, 529])
def test_a_later_error_is_still_the_vendors(name: str, status: int) -> None:
    """The third call is sent without the client, and judged by it all the same, with one request each."""
    replay = Replay((TRANSCRIPTS / f"{name}.sse").read_bytes())
    kind, model, path = VENDORS[name]

    async def main() -> tuple[Response, Response]:
        async with replay.serving() as url:
            runner = kind(dataclasses.replace(model, base_url=url + path))
            await runner.open(Session(Path()))
            params, responses = Params(max_tokens=16), []
            for number in range(4):
                if number == 2:
                    replay.body = b'{"error": {"message": "no", "code": %d, "status": "X"}}' % status
                    replay.status, replay.kind = status, "application/json"
                if number == 3:
                    # No draft for any shape: the fourth call goes through the client whole.
                    runner._templates._templates = dict.fromkeys(runner._templates._templates)
                call = runner.prepare(Request(runner.model, say(f"question {number}"), params))
                responses.append(await measure(runner, call, 10))
            await runner.close()
            return responses[2], responses[3]

    lean, through_client = asyncio.run(main())
    assert through_client.failure == lean.failure
    assert 4 == len(replay.asked)


def test_a_reply_that_comes_is_not_late_for_its_first_token() -> None:
    """Its text is in the wire's hands long before the reply ends; the deadline looks there."""
    kind, model, path = VENDORS["chat"]
    body = (TRANSCRIPTS / "chat.sse").read_bytes().replace(b"\r\n", b"\n")
    first, _, rest = body.partition(b"\n\n")
    second, _, rest = rest.partition(b"\n\n")

    async def main() -> Response:
        held = asyncio.Event()

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
            await request_of(reader)
            writer.write(HEAD)
            for piece in (first, second):
                writer.write(b"%x\r\n%s\n\n\r\n" % (len(piece) + 2, piece))
            await writer.drain()
            await held.wait()
            writer.write(b"%x\r\n%s\r\n0\r\n\r\n" % (len(rest), rest))

        async with served(answer) as url:
            runner = kind(dataclasses.replace(model, base_url=url + path))
            await runner.open(Session(Path(), read_timeout_s=5))
            call = runner.prepare(Request(runner.model, say("hello"), Params(max_tokens=16)))
            asyncio.get_running_loop().call_later(0.3, held.set)
            response = await measure(runner, call, 10, first_token_s=0.1, gap_s=5)
            await runner.close()
            return response

    response = asyncio.run(main())
    assert (None, "Grüß Gott") == (response.failure, response.answer)


def test_a_reply_that_stalls_between_texts_is_a_timeout_that_keeps_them() -> None:
    """A comment now and then is no text."""
    kind, model, path = VENDORS["chat"]
    first, second, *_ = (TRANSCRIPTS / "chat.sse").read_bytes().replace(b"\r\n", b"\n").split(b"\n\n")

    async def main() -> Response:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
            await request_of(reader)
            writer.write(HEAD)
            for piece in (first, second):
                writer.write(b"%x\r\n%s\n\n\r\n" % (len(piece) + 2, piece))
            while True:
                writer.write(b"9\r\n: there\n\n\r\n")
                await writer.drain()
                await asyncio.sleep(0.01)

        async with served(answer) as url:
            runner = kind(dataclasses.replace(model, base_url=url + path))
            await runner.open(Session(Path(), read_timeout_s=5))
            call = runner.prepare(Request(runner.model, say("hello"), Params(max_tokens=16)))
            response = await measure(runner, call, 10, first_token_s=5, gap_s=0.1)
            await runner.close()
            return response

    response = asyncio.run(main())
    assert response.failure is not None
    assert ("timeout", "no text for 0.1 s") == (response.failure.kind, response.failure.message)
    assert response.timing.chunk_s

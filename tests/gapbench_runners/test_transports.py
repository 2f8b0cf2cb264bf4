"""Whichever transport moves the bytes, a reply is the same; and a request built once is the request."""

from __future__ import annotations

import asyncio
import dataclasses
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gapbench.execution.attempts.measure import measure
from gapbench.transport import ExchangeRecord
from gapbench.transport.connection import Exchange, Origin
from gapbench.transport.connection_pool import LeanTransport
from gapbench.values import (
    Message,
    Params,
    Request,
    Response,
    Session,
    Text,
    ToolCall,
    ToolResult,
    ToolSet,
)
from tests.gapbench.transport.lean_server import HEAD, request_of, served
from tests.gapbench_runners.conversations import TOOLS, conversations
from tests.gapbench_runners.replay import Replay
from tests.gapbench_runners.test_streams import TRANSCRIPTS, VENDORS

TEXTS = ("plain", 'quotes " and \\ and \n and \t', "Grüß Gott 你好 🙂", "place-0-", "\x00\x1f\u2028")


def say(text: str, system: str | None = None) -> tuple[Message, ...]:
    user = Message("user", (Text(text),))
    return (Message("system", (Text(system),)), user) if system else (user,)


def asked(
    name: str,
    replay: Replay,
    prompts: list[tuple[Message, ...]],
    transport: Any = "lean",
    tools: ToolSet | None = None,
) -> list[Response]:
    """Return the responses to each prompt in turn, over one open runner."""
    kind, model, path = VENDORS[name.partition("_")[0]]

    async def main() -> list[Response]:
        async with replay.serving() as url:
            runner = kind(dataclasses.replace(model, base_url=url + path))
            await runner.open(Session(Path(), connect_timeout_s=120, read_timeout_s=120, transport=transport))
            params = Params(max_tokens=16, temperature=0.5)
            try:
                return [
                    await measure(
                        runner, runner.prepare(Request(runner.model, messages, params, tools=tools)), 120
                    )
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


@pytest.mark.parametrize("name", list(VENDORS))
@settings(max_examples=30, deadline=None)
@given(drawn=st.lists(conversations(), min_size=1, max_size=3))
def test_a_conversation_is_sent_as_the_client_would_send_it(
    name: str, drawn: list[tuple[Message, ...]]
) -> None:
    """Each conversation three times: the first builds its shape, the others may be filled in."""
    body = (TRANSCRIPTS / f"{name}.sse").read_bytes()
    once, each = Replay(body), Replay(body)
    asked(name, once, drawn * 3, tools=TOOLS)
    asked(name, each, drawn * 3, "httpx2", TOOLS)

    assert each.asked == once.asked
    assert [_sorted(head) for head in each.heads] == [_sorted(head) for head in once.heads]


def grown(turns: int, city: str) -> list[tuple[Message, ...]]:
    """Return the prompts of an episode: each has a call and its result more than the one before."""
    prompt: tuple[Message, ...] = (*say("How is the weather?", "Be brief."),)
    prompts = [prompt]
    for turn in range(turns - 1):
        call = ToolCall(f"call_{turn}", "book", f'{{"city": "{city}", "days": {turn + 1}}}', "c2lnbmVk")
        result = ToolResult(call.id, call.name, f'{{"left": {turn}}}')
        prompt = (*prompt, Message("assistant", (call,)), Message("tool", (result,)))
        prompts.append(prompt)
    return prompts


def _sorted(head: str) -> list[str]:
    """Return a head's lines without those that differ by server, length of a body's spacing, or connection."""
    lines = (line.lower() for line in head.strip().split("\r\n"))
    return sorted(line for line in lines if not line.startswith(("host:", "content-length:", "connection:")))


class Counting(LeanTransport):
    """Notes of each request whether the vendor's client sent it; what a template sends is not eager."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.by_client: list[bool] = []

    async def send(self, origin: Origin, data: bytes, record: ExchangeRecord, *, eager: bool) -> Exchange:
        self.by_client.append(eager)
        return await super().send(origin, data, record, eager=eager)


def sent_by_client(name: str, prompts: list[tuple[Message, ...]], tools: ToolSet | None = None) -> list[bool]:
    """Send prompts over one open runner and return of each whether the vendor's client sent it."""
    kind, model, path = VENDORS[name]
    replay = Replay((TRANSCRIPTS / f"{name}.sse").read_bytes())
    counting = Counting(Session(Path()))

    async def main() -> None:
        async with replay.serving() as url:
            runner = kind(dataclasses.replace(model, base_url=url + path))
            await runner.open(Session(Path(), transport_factory=lambda _url: counting))
            for prompt in prompts:
                call = runner.prepare(Request(runner.model, prompt, Params(max_tokens=16), tools=tools))
                assert (await measure(runner, call, 120)).failure is None
            await runner.close()

    asyncio.run(main())
    assert len(prompts) == len(replay.asked)
    return counting.by_client


@pytest.mark.parametrize("name", list(VENDORS))
def test_the_client_sends_the_first_request_of_a_shape_and_no_other(name: str) -> None:
    """Ten calls: from the second on the client only builds the bytes, once."""
    assert [True] + [False] * 9 == sent_by_client(name, [say(f"question {number}") for number in range(10)])


@pytest.mark.parametrize("name", list(VENDORS))
def test_the_client_sends_two_turns_of_an_episode_and_no_other(name: str) -> None:
    """Two episodes of six turns: the client sends the first prompt and the first with a result, and builds both forms once."""
    by_client = sent_by_client(name, [*grown(6, "Rome"), *grown(6, "Oslo")], TOOLS)

    assert [True, True] + [False] * 10 == by_client


SDKS = ("openai", "anthropic", "google", "pydantic")
WARM_UP_PROGRAM = """
import asyncio, sys
from pathlib import Path
from tests.gapbench_runners import test_transports
asyncio.run(test_transports.warm_up_and_send(sys.argv[1]))
"""


async def warm_up_and_send(name: str) -> None:
    """Warm up a fresh client twice, send a call, have one refused, and check what each did."""
    kind, model, path = VENDORS[name]
    replay = Replay((TRANSCRIPTS / f"{name}.sse").read_bytes())
    counting = Counting(Session(Path()))
    async with replay.serving() as url:
        runner = kind(dataclasses.replace(model, base_url=url + path))
        await runner.open(Session(Path(), transport_factory=lambda _url: counting))
        call = runner.prepare(Request(runner.model, say("question"), Params(max_tokens=16)))
        for _ in range(2):
            await runner.warm_up(call)
        assert [] == counting.by_client
        before = set(sys.modules)
        answered = await measure(runner, call, 120)
        replay.status = 429
        refused = await measure(runner, call, 120)
        await runner.close()
    assert (None, 429) == (answered.failure, refused.http_status)
    assert [False, False] == counting.by_client
    assert 2 == len(replay.asked)
    assert set() == {module for module in set(sys.modules) - before if module.startswith(SDKS)}


@pytest.mark.parametrize("name", list(VENDORS))
def test_a_warmed_up_client_has_nothing_left_to_do_once(name: str) -> None:
    """In a fresh Python: nothing is sent, the first call comes from a template, and no call or error imports anything."""
    subprocess.run([sys.executable, "-c", WARM_UP_PROGRAM, name], check=True)


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

    broken = b'{"error": {"message": "no", "code": %d, "status": "X"}}' % status

    async def main() -> tuple[Response, Response]:
        async with replay.serving() as url:
            [lean, client] = [kind(dataclasses.replace(model, base_url=url + path)) for _ in range(2)]
            await lean.open(Session(Path()))
            # Over httpx2 every request goes through the client.
            await client.open(Session(Path(), transport="httpx2"))

            async def send(runner: Any, number: int) -> Response:
                call = runner.prepare(Request(runner.model, say(f"question {number}"), Params(max_tokens=16)))
                return await measure(runner, call, 120)

            for number in range(2):
                assert (await send(lean, number)).failure is None
            replay.body, replay.status, replay.kind = broken, status, "application/json"
            found = await send(lean, 2), await send(client, 3)
            await lean.close()
            await client.close()
            return found

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
            await runner.open(Session(Path(), read_timeout_s=120))
            call = runner.prepare(Request(runner.model, say("hello"), Params(max_tokens=16)))
            asyncio.get_running_loop().call_later(2.2, held.set)
            response = await measure(runner, call, 120, first_token_s=2, gap_s=120)
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
            await runner.open(Session(Path(), read_timeout_s=120))
            call = runner.prepare(Request(runner.model, say("hello"), Params(max_tokens=16)))
            response = await measure(runner, call, 120, first_token_s=120, gap_s=0.1)
            await runner.close()
            return response

    response = asyncio.run(main())
    assert response.failure is not None
    assert ("timeout", "no text for 0.1 s") == (response.failure.kind, response.failure.message)
    assert response.timing.chunk_s

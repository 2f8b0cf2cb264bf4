"""Tools behind the Model Context Protocol: the official server over both transports, and servers that misbehave."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from gapbench.agents import (
    DeadEnvironmentError,
    McpEnvironment,
    ToolOutcome,
    check_call,
    mcp_environment,
    open_conversation,
    read_mcp_tools,
)
from gapbench.errors import InputError, SetupError
from gapbench.values import Episode, EpisodeLimits, McpTools, Sample, ToolCall, ToolSet
from tests.processes import child_pids, left_running

COUNTER = McpTools(command=(sys.executable, str(Path(__file__).with_name("mcp_counter.py"))))
LIMITS = EpisodeLimits(tool_s=60.0)


def with_server(
    tools: McpTools, body: Callable[[McpEnvironment], Awaitable[Any]], *, tool_s: float = 60.0
) -> Any:
    """Return what ``body`` returns for an open environment, which is closed afterwards."""

    async def run() -> Any:
        environment = McpEnvironment(tools, EpisodeLimits(tool_s=tool_s))
        await environment.open(None)
        try:
            return await body(environment)
        finally:
            await environment.close()

    before = child_pids()
    found = asyncio.run(run())
    assert set() == left_running(before)
    return found


def without_time(outcome: ToolOutcome) -> tuple[str, bool]:
    return outcome.content, outcome.is_error


async def use_counter(environment: McpEnvironment) -> list[tuple[str, bool]]:
    """Return the results of some calls; several tasks make them, as in a run."""
    calls: list[tuple[str, dict[str, Any]]] = [("add", {"n": 2}), ("add", {"n": 5}), ("add", {"n": "x"})]
    calls += [("fail", {}), ("nothing", {})]
    return [
        without_time(await asyncio.create_task(environment.call(name, arguments)))
        for name, arguments in calls
    ]


def test_a_server_that_is_started_answers_calls() -> None:
    """2 + 5 = 7; what a tool raises, wrong arguments and an unknown tool are errors, and the server lives on."""
    found = with_server(COUNTER, use_counter)
    assert found[:2] == [("2", False), ("7", False)]
    assert [is_error for _, is_error in found[2:]] == [True, True, True]
    assert "fail" in found[3][0]
    assert "nothing" in found[4][0]


def test_each_episode_has_a_server_of_its_own() -> None:
    """The sum starts at 0 again; the state of a server is not ours."""

    async def body(environment: McpEnvironment) -> tuple[str, Any]:
        return (await environment.call("add", {"n": 3})).content, await environment.state()

    assert [with_server(COUNTER, body) for _ in range(2)] == [("3", None)] * 2


def test_a_server_does_not_get_our_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No key reaches it."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-planted")

    async def body(environment: McpEnvironment) -> str:
        return (await environment.call("environment", {})).content

    names = with_server(COUNTER, body)
    assert "PATH" in names
    assert "OPENAI_API_KEY" not in names


def test_the_server_says_which_tools_it_has() -> None:
    """With descriptions and JSON Schemas, against which calls are checked."""
    tools = asyncio.run(read_mcp_tools(COUNTER))
    assert [tool.name for tool in tools] == ["add", "fail", "wait", "leave", "environment"]
    assert (tools[0].description, tools[0].parameters["properties"]["n"]["type"]) == (
        "Add to the sum.",
        "integer",
    )
    assert check_call(ToolCall("", "add", '{"n": "x"}'), ToolSet(tools)) == (
        "arguments.n: 'x' is not of type 'integer'"
    )


def test_a_server_behind_a_url_on_loopback_answers_calls() -> None:
    """Over HTTP as over pipes."""

    async def run() -> tuple[list[tuple[str, bool]], int]:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        process = await asyncio.create_subprocess_exec(*COUNTER.command, str(port))
        try:
            await asyncio.wait_for(_listening(port), 120)
            tools = McpTools(url=f"http://127.0.0.1:{port}/mcp")
            environment = McpEnvironment(tools, LIMITS)
            await environment.open(None)
            found = await use_counter(environment)
            await environment.close()
            return found, len(await read_mcp_tools(tools))
        finally:
            process.terminate()
            await process.wait()

    found, count = asyncio.run(run())
    assert found[:2] == [("2", False), ("7", False)]
    assert [is_error for _, is_error in found[2:]] == [True, True, True]
    assert count == 5


async def _listening(port: int) -> None:
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.05)
            continue
        writer.close()
        return


def test_a_server_that_dies_in_a_call_ends_the_environment() -> None:
    """That call and every later one says so."""

    async def body(environment: McpEnvironment) -> list[str]:
        said = []
        for name in ("leave", "add"):
            with pytest.raises(DeadEnvironmentError) as raised:
                await environment.call(name, {"n": 1})
            said.append(str(raised.value))
        return said

    first, second = with_server(COUNTER, body)
    assert first == second
    assert first.endswith("does not answer any more: Connection closed")


# Speaks the protocol by hand, and answers tools/call by what the first argument of the command says.
BY_HAND = """
import json, sys, time
def send(id, **rest):
    print(json.dumps({"jsonrpc": "2.0", "id": id, **rest}), flush=True)
tool = {"name": "t", "inputSchema": {"type": "object"}}
for line in sys.stdin:
    message = json.loads(line)
    method, id = message.get("method"), message.get("id")
    if method == "initialize":
        send(id, result={"protocolVersion": message["params"]["protocolVersion"], "capabilities": {"tools": {}}, "serverInfo": {"name": "x", "version": "1"}})
    elif method == "tools/list":
        send(id, result={"tools": [tool]})
    elif method == "tools/call":
        arguments = message["params"]["arguments"]
        exec(arguments["code"])
    elif id is not None:
        send(id, error={"code": -32601, "message": "no such method"})
"""


def by_hand(code: str, *, tool_s: float = 60.0, then: str = "") -> list[tuple[str, bool] | str]:
    """Return how calls of a server end that runs ``code`` in the first and ``then`` in the second."""

    async def body(environment: McpEnvironment) -> list[tuple[str, bool] | str]:
        found: list[tuple[str, bool] | str] = []
        for text in (code, then or GOOD):
            try:
                found.append(without_time(await environment.call("t", {"code": text})))
            except DeadEnvironmentError as exc:
                found.append(str(exc))
        return found

    result: list[tuple[str, bool] | str] = with_server(
        McpTools(command=(sys.executable, "-c", BY_HAND)), body, tool_s=tool_s
    )
    return result


GOOD = 'send(id, result={"content": [{"type": "text", "text": "good"}]})'


@pytest.mark.parametrize(
    "code",
    [
        "print('garbage', flush=True); send(id, error={'code': -1, 'message': 'no'})",
        "sys.stdout.buffer.write(b'\\xff\\xfe{\\n'); sys.stdout.flush(); send(id, error={'code': -1, 'message': 'no'})",
        "send(id, result={'content': 5})",
        "send(id, result={'content': [{'type': 'unheard of'}]})",
        "send(id, result=None)",
        "send(id, error={'code': -1, 'message': 'x\\x1b[2J'})",
    ],
)
def test_garbage_is_an_error_of_one_call(code: str) -> None:
    """The server still answers, so the next call is good."""
    # An answer that the client cannot read is awaited for the whole time.
    first, second = by_hand(code, tool_s=5.0)
    assert isinstance(first, tuple)
    assert (first[1], first[0].isprintable()) == (True, True)
    assert second == ("good", False)


def test_a_call_without_an_answer_is_an_error_where_the_server_lives() -> None:
    """After ``tool_s`` seconds; the next call is good."""
    first, second = by_hand("pass", tool_s=1.0)
    assert (first, second) == (("the tool took longer than 1 s", True), ("good", False))


def test_a_server_that_hangs_ends_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """It does not even say which tools it has."""
    monkeypatch.setattr(mcp_environment, "ALIVE_TIMEOUT_S", 1.0)
    first, second = by_hand("time.sleep(99999)", tool_s=1.0)
    assert isinstance(first, str)
    assert first.endswith("does not answer any more: the tool took longer than 1 s")
    assert second == first


def test_other_parts_than_text_are_named() -> None:
    """An image is not passed on; a result without parts is its structured content."""
    image = '{"type": "image", "data": "AA==", "mimeType": "image/png"}'
    code = f'send(id, result={{"content": [{{"type": "text", "text": "a"}}, {image}]}})'
    then = 'send(id, result={"content": [], "structuredContent": {"b": 1}})'
    assert by_hand(code, then=then) == [("a\n[image, not shown]", False), ('{"b": 1}', False)]


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (("no-such-program",), "No such file or directory"),
        ((sys.executable, "-c", "import no_such_package"), "No module named 'no_such_package'"),
        ((sys.executable, "-c", "print('hello')"), "Connection closed"),
    ],
)
def test_a_server_that_does_not_start_says_why(command: tuple[str, ...], reason: str) -> None:
    """In one line, with its own last words; before a run it is the input's fault."""
    tools = McpTools(command=command)
    with pytest.raises(DeadEnvironmentError, match=f"does not start: .*{reason}"):
        asyncio.run(McpEnvironment(tools, LIMITS).open(None))
    with pytest.raises(InputError, match=f"^mcp: .*{reason}.*; check the command or the URL$"):
        asyncio.run(read_mcp_tools(tools))


def test_a_server_that_never_answers_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """The wait has an end, and the process is gone afterwards."""
    monkeypatch.setattr(mcp_environment, "START_TIMEOUT_S", 1.0)
    before = child_pids()
    tools = McpTools(command=(sys.executable, "-c", "import time; time.sleep(99999)"))
    with pytest.raises(DeadEnvironmentError, match="does not start"):
        asyncio.run(McpEnvironment(tools, LIMITS).open(None))
    assert set() == left_running(before)


@pytest.mark.parametrize(
    "url", ["http://example.com/mcp", "http://192.0.2.1/mcp", "ftp://127.0.0.1/", "x", "http://[/"]
)
def test_only_loopback_is_connected_to(url: str) -> None:
    """A path or a password in the URL is not repeated."""
    with pytest.raises(InputError, match="expected one on loopback"):
        McpEnvironment(McpTools(url=url))


def test_a_message_has_no_password_of_the_url() -> None:
    """Only scheme and host."""
    with pytest.raises(InputError) as raised:
        McpEnvironment(McpTools(url="http://me:secret@example.com/token"))
    assert "'http://example.com'" in str(raised.value)


def test_one_of_command_and_url_is_needed() -> None:
    """Both or none is refused."""
    for tools in (McpTools(), McpTools(("a",), "http://127.0.0.1")):
        with pytest.raises(InputError, match="give either command or url"):
            McpEnvironment(tools)


def test_a_state_is_refused() -> None:
    """It could not be handed to the server."""
    with pytest.raises(InputError, match="leave state out"):
        asyncio.run(McpEnvironment(COUNTER).open({"n": 1}))


def test_without_the_client_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is started."""
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(SetupError, match=r"pip install 'gapbench\[mcp\]'"):
        open_conversation(Sample("s", (), episode=Episode(tools=COUNTER)))


def test_an_environment_that_is_closed_in_a_call_ends_its_server() -> None:
    """As when a run is interrupted."""

    async def body(environment: McpEnvironment) -> None:
        waiting = asyncio.create_task(environment.call("wait", {}))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    with_server(COUNTER, body)

"""The tools of an episode in the sandbox: calls and state, and that no session sees another."""

from __future__ import annotations

import asyncio
import json
import os
import sys

import pytest

from gapbench.sandbox import IsolationLevel, Sandbox
from gapbench.sandbox.guest.frames import MAX_FRAME_BYTES
from gapbench.sandbox.sandbox import FIRST_UID
from gapbench.sandbox.tool_session import BrokenToolsError, ToolReply, ToolSession
from tests.tool_sessions import COUNTER, LONG_S, call, in_session


def test_calls_share_a_state_that_comes_back_when_it_changes(level: IsolationLevel) -> None:
    """1 + 2 = 3, and 3 + 4 = 7; a call that only looks sends no state."""

    async def body(session: ToolSession) -> list[ToolReply]:
        calls = [("add", {"n": 2}), ("add", {"n": 4}), ("look", {})]
        return [await session.call(name, arguments, timeout_s=LONG_S) for name, arguments in calls]

    assert in_session(COUNTER, body, level=level) == [
        ToolReply("3", is_error=False, state_json='{"n": 3}'),
        ToolReply("7", is_error=False, state_json='{"n": 7}'),
        ToolReply('{"n": 7, "ü": null}', is_error=False, state_json=None),
    ]


def test_functions_of_the_module_are_its_tools(level: IsolationLevel) -> None:
    """Not what it imports, its classes, or names that start with an underscore."""
    source = "from os.path import join\nfrom math import sin\nclass A: pass\ndef _b(state): pass\n" + COUNTER

    async def body(session: ToolSession) -> tuple[str, ...]:
        return session.names

    assert in_session(source, body, level=level) == ("add", "join", "look")


@pytest.mark.parametrize(
    ("line", "content"),
    [
        ("raise ValueError('no such order')", "ValueError: no such order"),
        ("raise type('ToolError', (ValueError,), {})('no')", "ToolError: no"),
        ("raise KeyError", "KeyError"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
        ("return 1 + 'a'", "TypeError: unsupported operand type(s) for +: 'int' and 'str'"),
        ("return {1, 2}", "the tool gave a value that JSON does not have: Object of type set is not JSON serializable"),
        ("return b'x'", "the tool gave a value that JSON does not have: Object of type bytes is not JSON serializable"),
        ("return float('nan')", "the tool gave a value that JSON does not have: Out of range float values are not JSON compliant"),
        ("x = []\n    x.append(x)\n    return x", "the tool gave a value that JSON does not have: Circular reference detected"),
        ("x = []\n    for _ in range(100_000): x = [x]\n    return x", "the tool gave a value that JSON does not have: it is nested too deeply"),
        (
            "class E(Exception):\n        def __str__(self): raise OSError\n    raise E",
            "E",
        ),
    ],
)  # fmt: skip
def test_what_a_tool_raises_is_an_error_with_type_and_message(line: str, content: str) -> None:
    """Without a traceback, and the session goes on."""
    assert call(f"def t(state):\n    {line}") == ToolReply(content, is_error=True, state_json=None)


def test_an_error_has_no_path_of_this_machine() -> None:
    """The place of Python is replaced."""
    reply = call("def t(state):\n    from json import nothing")
    assert "cannot import name 'nothing' from 'json' (<python>" in reply.content
    assert sys.base_prefix not in reply.content


def test_wrong_arguments_are_an_error() -> None:
    """As Python says it."""
    reply = call("def t(state, *, a): pass", b=1)
    assert reply.content == "TypeError: t() got an unexpected keyword argument 'b'"


def test_what_a_tool_changed_before_it_raised_stays_changed() -> None:
    """As in any Python program; a tool that counts its failures can rely on it."""
    reply = call("def t(state):\n    state['n'] = 5\n    raise ValueError")
    assert reply == ToolReply("ValueError", is_error=True, state_json='{"n": 5}')


@pytest.mark.parametrize("value", ["{1, 2}", "float('inf')", "object()", "b'x'"])
def test_a_state_that_json_does_not_have_is_refused_and_restored(value: str) -> None:
    """The call is an error, and the next one finds the state from before it."""
    source = f"def t(state):\n    state['n'] = {value}\ndef look(state):\n    return state['n']"

    async def body(session: ToolSession) -> tuple[ToolReply, ToolReply]:
        return await session.call("t", {}, timeout_s=LONG_S), await session.call("look", {}, timeout_s=LONG_S)

    broken, after = in_session(source, body)
    assert (broken.is_error, broken.state_json) == (True, None)
    assert broken.content.startswith("the tool gave a value that JSON does not have")
    assert after == ToolReply("1", is_error=False, state_json=None)


def test_a_state_too_large_to_travel_is_refused_and_restored() -> None:
    """Half a frame, since the result travels with it."""
    reply = call(f"def t(state):\n    state['n'] = 'x' * {MAX_FRAME_BYTES}")
    assert reply.is_error
    assert "the state has 16777225 characters of JSON; expected 8388608 at most" in reply.content


def test_tools_without_a_state_share_nothing() -> None:
    """Each call gets an empty object, and nothing comes back."""

    async def body(session: ToolSession) -> list[ToolReply]:
        return [await session.call("t", {}, timeout_s=LONG_S) for _ in range(2)]

    source = "def t(state):\n    state['a'] = len(state)\n    return state"
    reply = ToolReply('{"a": 0}', is_error=False, state_json=None)
    assert in_session(source, body, state=None) == [reply, reply]


def test_a_result_is_cut_before_it_travels() -> None:
    """10 MB become the characters that are shown, and one more, which says that there are more."""
    assert call("def t(state):\n    return 'x' * 10**7").content == "x" * 1001
    assert len(call("def t(state):\n    return ['x' * 10**7]").content) == 1001


def test_half_characters_arrive_as_question_marks() -> None:
    """What came from bytes that are not UTF-8 can be stored."""
    reply = call("def t(state):\n    return b'a\\xff'.decode('utf-8', 'surrogateescape')")
    assert reply.content == "a?"


def test_what_a_tool_prints_goes_nowhere(level: IsolationLevel) -> None:
    """Also below Python's own streams."""
    source = "import os\ndef t(state):\n    print('x' * 10**5)\n    os.write(1, b'x')\n    os.write(2, b'x')\n    return 'ok'"
    assert call(source, level=level).content == "ok"


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("def t(state):\n  1 +", "line 2: SyntaxError: invalid syntax (tools, line 2)"),
        ("\n\nimport no_such_package", "line 3: ModuleNotFoundError: No module named 'no_such_package'"),
        ("def f():\n    raise ValueError('x')\nf()", "line 2: ValueError: x"),
        ("raise SystemExit", "line 1: SystemExit"),
        ("a = 1\0", "SyntaxError: source code string cannot contain null bytes"),
    ],
)
def test_a_module_that_cannot_be_loaded_says_where(source: str, reason: str) -> None:
    """With the line and what Python says."""

    async def body(_: ToolSession) -> None:
        raise AssertionError

    with pytest.raises(BrokenToolsError) as raised:
        in_session(source, body)
    assert str(raised.value).replace("ValueError: source", "SyntaxError: source") == reason


SPY = """
import builtins, ctypes, os, socket
def leave(state):
    open("/tmp/secret", "w").write("x")
    os.environ["SECRET"] = "x"
    builtins.secret = 1
    s = socket.socket(socket.AF_UNIX)
    s.bind(chr(0) + "secret")
    s.listen()
    builtins.kept = s
    try:
        ctypes.CDLL(None).shmget(77, 4096, 0o1666)
    except Exception:
        pass
    return [os.getpid(), os.getuid()]
def look(state):
    found = []
    if os.path.exists("/tmp/secret"): found.append("file")
    if "SECRET" in os.environ: found.append("environment")
    if hasattr(builtins, "secret"): found.append("memory")
    try:
        socket.socket(socket.AF_UNIX).connect(chr(0) + "secret")
        found.append("socket")
    except OSError: pass
    if ctypes.CDLL(None).shmget(77, 4096, 0o666) >= 0: found.append("shared memory")
    for pid in range(3, 400):
        try: os.kill(pid, 0); found.append(pid)
        except ProcessLookupError: pass
    try: os.kill(-1, 9)
    except ProcessLookupError: pass
    return found
"""


def test_nothing_leaks_between_two_sessions(level: IsolationLevel) -> None:
    """Neither files, environment, memory, sockets, shared memory nor processes; and neither can end the other."""

    async def run() -> tuple[list[int], list[int], str, str]:
        sandbox = Sandbox.find(level)
        one, two = [await ToolSession.start(sandbox, SPY, "{}", result_chars=1000) for _ in range(2)]
        try:
            first = json.loads((await one.call("leave", {}, timeout_s=LONG_S)).content)
            found = (await two.call("look", {}, timeout_s=LONG_S)).content
            still = (await one.call("leave", {}, timeout_s=LONG_S)).content
            second = json.loads((await two.call("leave", {}, timeout_s=LONG_S)).content)
        finally:
            await one.close()
            await two.close()
        return first, second, found, still

    first, second, found, still = asyncio.run(run())
    assert found == "[]"
    assert still.startswith(
        "OSError"
    )  # the socket's name is taken: the first session lives, with what it left
    if os.geteuid() == 0:
        assert first[1] != second[1]
        assert min(first[1], second[1]) >= FIRST_UID


def test_the_next_session_finds_nothing_of_the_last(level: IsolationLevel) -> None:
    """One after another as at once."""

    async def leave(session: ToolSession) -> None:
        await session.call("leave", {}, timeout_s=LONG_S)

    async def look(session: ToolSession) -> str:
        return (await session.call("look", {}, timeout_s=LONG_S)).content

    in_session(SPY, leave, level=level)
    assert in_session(SPY, look, level=level) == "[]"


def test_many_sessions_at_once_keep_their_states_apart() -> None:
    """Forty sessions, three calls each: every one counts for itself."""

    async def one(sandbox: Sandbox, number: int) -> list[str]:
        session = await ToolSession.start(sandbox, COUNTER, json.dumps({"n": number}), result_chars=10)
        try:
            return [(await session.call("add", {"n": 100}, timeout_s=LONG_S)).content for _ in range(3)]
        finally:
            await session.close()

    async def run() -> list[list[str]]:
        sandbox = Sandbox.find("unshare")
        return await asyncio.gather(*(one(sandbox, number) for number in range(40)))

    assert asyncio.run(run()) == [[str(number + 100 * turn) for turn in (1, 2, 3)] for number in range(40)]

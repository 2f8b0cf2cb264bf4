"""The tools of an episode in the sandbox: calls, state, deadlines, and that no session sees another."""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from gapbench.errors import SetupError
from gapbench.sandbox import ISOLATION_LEVELS, IsolationLevel, Sandbox
from gapbench.sandbox.guest.frames import MAX_FRAME_BYTES
from gapbench.sandbox.packages import find_packages
from gapbench.sandbox.sandbox import FIRST_UID
from gapbench.sandbox.tool_session import (
    NOT_A_RESULT,
    TOOL_LIMITS,
    BrokenToolsError,
    EndedSessionError,
    ToolReply,
    ToolSession,
)
from tests.processes import child_pids, left_running

LONG_S = 120.0
SHORT_S = 1.0
COUNTER = """
def add(state, *, n: int):
    state["n"] += n
    return state["n"]
def look(state):
    return {"n": state["n"], "ü": None}
"""


@pytest.fixture(params=ISOLATION_LEVELS)
def level(request: pytest.FixtureRequest) -> IsolationLevel:
    """Each level that can be tested here."""
    if request.param == "bubblewrap" and shutil.which("bwrap") is None:
        pytest.skip("bubblewrap is not installed")
    found: IsolationLevel = request.param
    return found


def in_session(
    source: str,
    body: Callable[[ToolSession], Awaitable[Any]],
    *,
    level: str = "",
    state: str | None = '{"n": 1}',
    **options: Any,
) -> Any:
    """Return what ``body`` returns for a session, which is closed afterwards."""

    async def run() -> Any:
        session = await ToolSession.start(
            Sandbox.find(level), source, state, **{"result_chars": 1000, **options}
        )
        try:
            return await body(session)
        finally:
            await session.close()

    return asyncio.run(run())


def call(source: str, /, *, level: str = "", timeout_s: float = LONG_S, **arguments: Any) -> ToolReply:
    """Return what the tool ``t`` of a module returns."""

    async def body(session: ToolSession) -> ToolReply:
        return await session.call("t", arguments, timeout_s=timeout_s)

    reply: ToolReply = in_session(source, body, level=level)
    return reply


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


def end_of(source: str, level: str = "", *, timeout_s: float = LONG_S, **options: Any) -> str:
    """Return why a session ended during a call of ``t``."""

    async def body(session: ToolSession) -> None:
        await session.call("t", {}, timeout_s=timeout_s)

    with pytest.raises(EndedSessionError) as raised:
        in_session(source, body, level=level, **options)
    return str(raised.value)


def test_a_tool_that_never_returns_is_ended(level: IsolationLevel) -> None:
    """With its deadline in the reason."""
    for line in ("while True: pass", "import time; time.sleep(99999)"):
        source = f"def t(state):\n    {line}"
        assert end_of(source, level, timeout_s=SHORT_S) == "the tool took longer than 1 s and was ended"


def test_a_process_that_ends_says_how(level: IsolationLevel) -> None:
    """By its exit status or its signal."""
    assert end_of("import os\ndef t(state):\n    os._exit(3)", level) == "its process ended with 3"
    segfault = "import ctypes\ndef t(state):\n    ctypes.string_at(0)"
    assert end_of(segfault, level) == "its process was killed by signal 11"


def test_the_memory_of_all_processes_is_limited(level: IsolationLevel) -> None:
    """Of tool and programs together, while a call runs."""
    source = "import os, time\ndef t(state):\n    a = bytearray(b'x' * 60 * 2**20)\n    os.fork(); os.fork()\n    b = bytearray(b'x' * 60 * 2**20)\n    time.sleep(99999)"
    limits = replace(TOOL_LIMITS, total_bytes=200 * 2**20)
    assert end_of(source, level, limits=limits) == "its processes took more than 209715200 bytes together"


def test_a_message_of_a_tool_s_own_ends_the_session() -> None:
    """It cannot be taken for the result of the next call."""
    frame = "json.dumps(m).encode()"
    for message in ("['result', 1, 'x', False, None]", "['result', 9, 'x', False, None]", "{}", "[1]"):
        source = f"import json, os, struct\ndef t(state):\n    m = {message}\n    d = {frame}\n    os.write(3, struct.pack('>I', len(d)) + d)\n    os.write(3, struct.pack('>I', len(d)) + d)"

        async def body(session: ToolSession) -> None:
            for _ in range(2):
                await session.call("t", {}, timeout_s=LONG_S)

        with pytest.raises(EndedSessionError, match=NOT_A_RESULT):
            in_session(source, body)


@pytest.mark.parametrize("data", ["struct.pack('>I', 2**32 - 1)", "struct.pack('>I', 4) + b'\\xff{{['"])
def test_garbage_on_the_channel_ends_the_session(data: str) -> None:
    """Nothing of its size is reserved."""
    source = f"import os, struct, time\ndef t(state):\n    os.write(3, {data})\n    time.sleep(99999)"
    assert end_of(source) == NOT_A_RESULT


def test_processes_that_a_tool_leaves_end_with_its_call(level: IsolationLevel) -> None:
    """Sixteen and more in a row can be started, since none is left."""
    source = "import os, time\ndef t(state):\n    for _ in range(8):\n        if os.fork() == 0:\n            os.setsid()\n            time.sleep(99999)\n    return 'ok'"

    async def body(session: ToolSession) -> list[str]:
        return [(await session.call("t", {}, timeout_s=LONG_S)).content for _ in range(5)]

    assert in_session(source, body, level=level) == ["ok"] * 5


RUN = "from gapbench_tools import PYTHON, run_program, run_python\n"


def test_a_tool_runs_python_beside_itself(level: IsolationLevel) -> None:
    """A program with files of its own; its output, its errors and its exit status come back."""
    source = (
        RUN + "def t(state, *, code):\n    return run_python(code, files={'a/b.py': 'X = 41'}, stdin='1')"
    )
    code = "import sys\nfrom a.b import X\nprint(X + int(input()))\nprint('ü', file=sys.stderr)\nsys.exit(3)"
    reply = call(source, level=level, code=code)
    assert json.loads(reply.content) == {"exit_code": 3, "output": "42\n", "errors": "ü\n"}


def test_a_program_has_no_channel_and_its_folder_is_gone_afterwards(level: IsolationLevel) -> None:
    """Descriptors other than its three are closed; in /tmp is what was there before."""
    source = (
        RUN
        + "import os\ndef t(state, *, code):\n    return [os.listdir('/tmp'), run_python(code, timeout_s=120), os.listdir('/tmp')]"
    )
    code = "import os\nfor fd in range(3, 64):\n    try: print(os.fstat(fd))\n    except OSError: pass\nprint(os.listdir('.'))"
    before, result, after = json.loads(call(source, level=level, code=code).content)
    assert result == {"exit_code": 0, "output": "['__main__.py']\n", "errors": ""}
    assert after == before


def test_a_program_is_killed_with_its_processes_when_its_time_is_up(level: IsolationLevel) -> None:
    """Its exit status is None then."""
    source = (
        RUN
        + "def t(state, *, code):\n    run_python(code, timeout_s=0.5)\n    return run_python('print(1)', timeout_s=120)"
    )
    code = "import os, time\nfor _ in range(12):\n    if os.fork() == 0: break\ntime.sleep(99999)"
    twice = (
        RUN
        + "def t(state, *, code):\n    return [run_python(code, timeout_s=0.5)['exit_code'] for _ in range(3)]"
    )
    assert json.loads(call(twice, level=level, code=code).content) == [None, None, None]
    assert json.loads(call(source, level=level, code=code).content)["output"] == "1\n"


def test_a_program_s_output_and_paths_are_bounded() -> None:
    """A million bytes are kept, half characters replaced; a path outside and a missing command are refused."""
    loud = (
        RUN
        + "def t(state):\n    r = run_python(\"import sys; sys.stdout.buffer.write(b'\\\\xff' * 3 * 10**6)\")\n    return [len(r['output']), r['output'][0]]"
    )
    assert json.loads(call(loud).content) == [1_000_000, "\N{REPLACEMENT CHARACTER}"]
    path = RUN + "def t(state):\n    run_program(['ls'], files={'../x': ''})"
    assert call(path).content == "ToolError: path '../x' is outside the folder"
    command = RUN + "def t(state):\n    run_program(['no-such-command'])"
    assert call(command).content == "ToolError: cannot start 'no-such-command': No such file or directory"


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


def test_a_closed_session_leaves_no_process(level: IsolationLevel) -> None:
    """Apart from the template, which the first session starts."""

    async def body(session: ToolSession) -> set[int]:
        await session.call("add", {"n": 1}, timeout_s=LONG_S)
        return child_pids()

    in_session(COUNTER, body, level=level)
    before = child_pids()
    during = in_session(COUNTER, body, level=level)
    assert len(during - before) >= 2
    assert set() == left_running(before)


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


def test_a_template_that_was_killed_is_started_again() -> None:
    """Its sessions end, and the next one works."""

    async def kill(session: ToolSession) -> None:
        (template,) = [
            process
            for process in psutil.Process().children()
            if "run_template" in " ".join(process.cmdline())
        ]
        processes = [template, *template.children(recursive=True)]
        template.kill()
        psutil.wait_procs(processes, timeout=LONG_S)
        await session.call("add", {"n": 1}, timeout_s=LONG_S)

    async def add(session: ToolSession) -> str:
        return (await session.call("add", {"n": 1}, timeout_s=LONG_S)).content

    with pytest.raises(EndedSessionError):
        in_session(COUNTER, kill, level="unshare")
    assert in_session(COUNTER, add, level="unshare") == "2"


def test_a_call_that_is_cancelled_ends_the_session() -> None:
    """The tool does not run on, and the session can be closed."""

    async def run() -> None:
        session = await ToolSession.start(
            Sandbox.find(), "def t(state):\n    while True: pass", "{}", result_chars=10
        )
        waiting = asyncio.create_task(session.call("t", {}, timeout_s=LONG_S))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await session.close()

    before = child_pids()
    asyncio.run(run())
    assert set() == left_running(before)


HARNESS = """
import asyncio, sys
from gapbench.sandbox import Sandbox
from tests.processes import child_pids, left_running
from gapbench.sandbox.tool_session import ToolSession
async def run():
    session = await ToolSession.start(Sandbox.find(sys.argv[1]), "def t(state):\\n    while True: pass", "{}", result_chars=9)
    waiting = asyncio.create_task(session.call("t", {}, timeout_s=9999))
    await asyncio.sleep(0)
    print("running", flush=True)
    await waiting
asyncio.run(run())
"""


def test_a_killed_harness_leaves_no_process(level: IsolationLevel) -> None:
    """Tools in the middle of a call, their supervisor and the template end with it."""
    harness = str(Path(__file__).parents[3] / "harness")
    with subprocess.Popen(
        [sys.executable, "-c", HARNESS, level],
        env={**os.environ, "PYTHONPATH": harness},
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"running\n"
        children = psutil.Process(process.pid).children(recursive=True)
        assert len(children) >= 2
        process.kill()
    _, alive = psutil.wait_procs(children, timeout=LONG_S)
    assert alive == []


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of packages as an environment has it: a package, a module, and one that no tool may see."""
    folder = tmp_path / "site"
    for name in ("allowed", "hidden"):
        (folder / name).mkdir(parents=True)
        (folder / name / "__init__.py").write_text(f"from {name}.words import word")
        (folder / name / "words.py").write_text(f"word = {name!r}")
    (folder / "single.py").write_text("word = 'single'")
    (folder / "beside.py").write_text("word = 'beside'")
    monkeypatch.syspath_prepend(str(folder))
    return folder


def test_a_tool_imports_the_packages_that_it_names(level: IsolationLevel, packages: Path) -> None:
    """A package with its modules, a module of one file, and one with compiled parts."""
    source = """
import allowed, single, orjson
def t(state):
    state["n"] += 1
    return [allowed.word, single.word, orjson.dumps([1]).decode()]
"""

    async def body(session: ToolSession) -> ToolReply:
        return await session.call("t", {}, timeout_s=LONG_S)

    reply = in_session(source, body, level=level, packages=("allowed", "single", "orjson"))
    assert reply == ToolReply('["allowed", "single", "[1]"]', is_error=False, state_json='{"n": 2}')


PACKAGE_SPY = """
import importlib, os
def t(state, *, outside):
    found = []
    for name in ("hidden", "beside", "pytest", "gapbench"):
        try:
            importlib.import_module(name).__file__
            found.append(name)
        except Exception:
            pass
    found += [path for path in outside if os.path.exists(path)]
    for path in ("/packages/new", "/packages/allowed/new", "/packages/allowed/words.py", "/packages/single.py"):
        try:
            open(path, "a").close()
            found.append(path)
        except OSError:
            pass
    try:
        os.rename("/packages/allowed", "/packages/renamed")
        found.append("renamed")
    except OSError:
        pass
    return [found, sorted(os.listdir("/packages"))]
"""


def test_a_hostile_tool_reaches_no_other_package_and_changes_none(
    level: IsolationLevel, packages: Path
) -> None:
    """Only what is named is there, read-only, and the folder of the machine is not."""
    outside = [
        str(packages),
        str(packages / "hidden"),
        str(Path(pytest.__file__).parent),
    ]

    async def body(session: ToolSession) -> ToolReply:
        return await session.call("t", {"outside": outside}, timeout_s=LONG_S)

    before = sorted(packages.rglob("*.py"))
    reply = in_session(PACKAGE_SPY, body, level=level, packages=("allowed", "single"))
    assert json.loads(reply.content) == [[], ["allowed", "single.py"]]
    assert sorted(packages.rglob("*.py")) == before
    assert (packages / "allowed" / "words.py").read_text() == "word = 'allowed'"


def test_sessions_of_one_template_have_their_own_packages(packages: Path) -> None:
    """A session after one with packages has none."""
    source = "import os\ndef t(state):\n    return os.path.exists('/packages')"

    async def run() -> list[str]:
        contents = []
        for names in (("allowed",), ()):
            session = await ToolSession.start(Sandbox.find(), source, "{}", result_chars=99, packages=names)
            try:
                contents.append((await session.call("t", {}, timeout_s=LONG_S)).content)
            finally:
                await session.close()
        return contents

    assert asyncio.run(run()) == ["true", "false"]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("no_such_package", "which is not installed; install it"),
        ("a.b", "which is not installed; install it"),
        ("../x", "which is not installed; install it"),
        ("sys", "which is not a folder or file; install it as one"),
        ("namespace", "which is not a folder or file; install it as one"),
    ],
)
def test_a_package_that_cannot_be_mounted_is_refused(name: str, reason: str, packages: Path) -> None:
    """Before anything starts."""
    (packages / "namespace").mkdir()
    with pytest.raises(SetupError) as raised:
        find_packages(["allowed", name])
    assert str(raised.value) == f"the tools need the package {name!r}, {reason}"


def test_a_module_that_calls_itself_a_package_is_mounted_alone(packages: Path) -> None:
    """Once imported, six has a list of submodules; the folder that it is in, with all other packages, is not mounted."""
    (packages / "lonely.py").write_text("__path__ = []\n__spec__.submodule_search_locations = []\n")
    importlib.import_module("lonely")
    try:
        assert find_packages(["lonely"]) == {"lonely.py": os.path.realpath(packages / "lonely.py")}
    finally:
        del sys.modules["lonely"]


def test_the_libraries_beside_a_package_are_mounted_with_it(packages: Path) -> None:
    """As wheels for Linux have them: allowed and allowed.libs."""
    (packages / "allowed.libs").mkdir()
    assert set(find_packages(["allowed"])) >= {"allowed.libs"}

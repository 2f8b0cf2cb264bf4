"""The hostile programs of the sandbox, run by a tool of an episode: nothing escapes, and the episode goes on."""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from gapbench.agents import AgentConversation, SandboxEnvironment, Step
from gapbench.values import (
    Episode,
    EpisodeLimits,
    Message,
    PythonTools,
    Sample,
    Text,
    Tool,
    ToolCall,
    ToolSet,
    Transcript,
)
from tests.hostile_programs import HOSTILE, PLANTED_OUTSIDE, SECRET
from tests.processes import child_pids, left_running

TOOLS_FILE = """
from gapbench_tools import run_python

def inside(state, *, program):
    space = {}
    exec(program, space)
    return space["f"](2)

def beside(state, *, program):
    return run_python(program + "\\nprint(f(2))", timeout_s=1.5)

def count(state, *, program=""):
    state["n"] += 1
    return state["n"]
"""
WORD = {"type": "object", "properties": {"program": {"type": "string"}}}
TOOLS = ToolSet(tuple(Tool(name, "", WORD) for name in ("inside", "beside", "count")))
TOOL_S = 3.0


@pytest.fixture(params=["bubblewrap", "unshare"])
def level(request: pytest.FixtureRequest) -> str:
    """Each level that can be tested here."""
    if request.param == "bubblewrap" and shutil.which("bwrap") is None:
        pytest.skip("bubblewrap is not installed")
    return str(request.param)


@pytest.fixture
def server() -> Iterator[socket.socket]:
    """Listens on the host's loopback."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        yield listening


def reply_with(*calls: tuple[str, str]) -> Message:
    return Message(
        "assistant",
        (Text(""), *(ToolCall("", name, json.dumps({"program": program})) for name, program in calls)),
    )


def attack(file: Path, level: str, program: str) -> tuple[Step, Step, Transcript]:
    """Return a step in which a program attacks from inside and from beside a tool, the step after it, and the whole."""

    async def run() -> tuple[Step, Step, Transcript]:
        tools = PythonTools(file)
        limits = EpisodeLimits(tool_s=TOOL_S, result_chars=2000)
        sample = Sample("s", (), tools=TOOLS, episode=Episode(tools=tools, state={"n": 0}, limits=limits))
        environment = SandboxEnvironment(tools, limits, level=level)
        conversation = AgentConversation(sample, environment=environment)
        await conversation.begin()
        first = await conversation.follow(reply_with(("count", ""), ("inside", program), ("beside", program)))
        second = await conversation.follow(reply_with(("count", "")))
        return first, second, await conversation.end()

    return asyncio.run(run())


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_program_in_a_tool_harms_nothing(
    name: str, level: str, tmp_path: Path, server: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ends in time, leaves no process, file or secret, reaches no server, and the state counts on: 0 + 1 + 1 = 2."""
    file = tmp_path / "tools.py"
    file.write_text(TOOLS_FILE)
    secret = tmp_path / "bench-secret.txt"
    secret.write_text(SECRET)
    secret.chmod(0o644)
    monkeypatch.setenv("PLANTED_KEY", SECRET)
    before = child_pids()
    program = HOSTILE[name].replace("@FILE@", str(secret)).replace("@PORT@", str(server.getsockname()[1]))

    first, second, transcript = attack(file, level, program)

    results = first.messages[0].tool_results
    assert [result.content for result in second.messages[0].tool_results] == ["2"]
    assert transcript.final_state == {"n": 2}
    assert set() == left_running(before)
    assert SECRET not in "".join(result.content for result in results)
    assert "root:" not in "".join(result.content for result in results)
    assert all(
        len(result.content) < 2100 and result.content.replace("\n", "").replace("\t", "").isprintable()
        for result in results
    )
    assert [path for path in PLANTED_OUTSIDE if Path(path).exists()] == []
    with pytest.raises(BlockingIOError):
        server.accept()


OUTPUTS = {
    "10 MB": "'x' * 10**7",
    "100 MB in one value": "'x' * 10**8",
    "control characters": "''.join(map(chr, range(32)))",
    "terminal codes": "'\\x1b]0;owned\\x07\\x1b[2J'",
    "invalid UTF-8": "bytes(range(256)).decode('utf-8', 'surrogateescape')",
    "half characters": "'\\ud800' * 5",
    "deep JSON": "__import__('functools').reduce(lambda a, _: [a], range(900), 1)",
    "too deep JSON": "__import__('functools').reduce(lambda a, _: [a], range(10**5), 1)",
    "text that is deep JSON": "'[' * 10**6",
    "NaN": "float('nan')",
    "a huge number": "10 ** 4000",
    "a number without end": "10 ** 10**5",
    "itself": "(lambda a: a.append(a) or a)([])",
}


@pytest.mark.parametrize("name", OUTPUTS)
def test_a_hostile_result_is_text_that_can_be_sent_and_stored(name: str, tmp_path: Path) -> None:
    """As a result, and as the state: short, printable, valid UTF-8; and the episode goes on."""
    file = tmp_path / "tools.py"
    file.write_text(
        TOOLS_FILE + "\ndef put(state, *, program):\n    state['x'] = eval(program)\n    return 'put'\n"
    )
    tools = PythonTools(file)
    limits = EpisodeLimits(result_chars=2000)

    async def run() -> tuple[str, str, str, Transcript]:
        put = ToolSet((*TOOLS.tools, Tool("put", "", WORD)))
        sample = Sample("s", (), tools=put, episode=Episode(tools=tools, state={"n": 0}, limits=limits))
        conversation = AgentConversation(sample, environment=SandboxEnvironment(tools, limits))
        await conversation.begin()
        first = await conversation.follow(reply_with(("inside", f"def f(x): return {OUTPUTS[name]}")))
        second = await conversation.follow(reply_with(("put", OUTPUTS[name])))
        third = await conversation.follow(reply_with(("count", "")))
        shown = [step.messages[0].tool_results[0].content for step in (first, second, third)]
        assert all(json.loads(step.state_changes or "") is not None for step in (first, second, third))
        return shown[0], shown[1], shown[2], await conversation.end()

    returned, put, counted, transcript = asyncio.run(run())
    for text in (returned, put):
        assert len(text.encode()) < 10_000
        assert text.replace("\n", "").replace("\t", "").replace("\r", "").isprintable()
    assert counted == "1"
    assert transcript.final_state["n"] == 1
    assert json.dumps(transcript.final_state, ensure_ascii=False, allow_nan=False).encode()

"""Python tools of an episode: their state, what happens when a call ends their process, and the check before a run."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from gapbench.agents import DeadEnvironmentError, SandboxEnvironment, ToolOutcome, check_python_tools
from gapbench.errors import InputError, SetupError
from gapbench.values import EpisodeLimits, PythonTools, Tool, ToolSet

TOOLS_FILE = """
import os
def add(state, *, n: int):
    state["n"] += n
    return "ok"
def hang(state):
    state["n"] = 99
    while True: pass
def leave(state):
    state["n"] = 99
    os._exit(3)
def deepen(state, *, levels: int):
    for _ in range(levels): state["n"] = [state["n"]]
def enlarge(state):
    state["n"] = 2 ** 80
def half(state):
    import json, struct
    text = '["result", 1, "x", false, "{\\\\"n\\\\": \\\\"\\\\\\\\ud800\\\\"}"]'
    os.write(3, struct.pack(">I", len(text)) + text.encode())
    while True: pass
"""
BEFORE = "; the state is as before the call"
LIMITS = EpisodeLimits(tool_s=60.0)


@pytest.fixture
def tools(tmp_path: Path) -> PythonTools:
    """A module of tools."""
    file = tmp_path / "shop_tools.py"
    file.write_text(TOOLS_FILE)
    return PythonTools(file)


def with_tools(
    tools: PythonTools,
    body: Callable[[SandboxEnvironment], Awaitable[Any]],
    *,
    limits: EpisodeLimits = LIMITS,
    state: Any = None,
) -> Any:
    """Return what ``body`` returns for an open environment, which is closed afterwards."""

    async def run() -> Any:
        environment = SandboxEnvironment(tools, limits)
        await environment.open({"n": 1} if state is None else state)
        try:
            return await body(environment)
        finally:
            await environment.close()

    return asyncio.run(run())


def test_the_state_is_the_same_object_until_it_changes(tools: PythonTools) -> None:
    """So that a turn without a change costs nothing to compare."""

    async def body(environment: SandboxEnvironment) -> None:
        first = await environment.state()
        await environment.call("add", {"m": 0})
        assert await environment.state() is first
        await environment.call("add", {"n": 2})
        assert await environment.state() == {"n": 3}
        assert first == {"n": 1}

    with_tools(tools, body)


@pytest.mark.parametrize(
    ("name", "arguments", "content"),
    [
        ("hang", {}, f"the tool took longer than 1 s and was ended{BEFORE}"),
        ("leave", {}, f"its process ended with 3{BEFORE}"),
        ("deepen", {"levels": 400}, f"the tool left a state that cannot be stored: Recursion limit reached{BEFORE}"),
        (
            "enlarge",
            {},
            f"the tool left a state that cannot be stored: Integer exceeds 64-bit range{BEFORE}",
        ),
        (
            "half",
            {},
            f"the tool left a state that cannot be stored: str is not valid UTF-8: surrogates not allowed{BEFORE}",
        ),
    ],
)  # fmt: skip
def test_a_call_that_ends_its_process_changes_nothing(
    tools: PythonTools, name: str, arguments: dict[str, Any], content: str
) -> None:
    """The model is told, and the next call finds the state from before: 1, then 1 + 2 = 3."""

    async def body(environment: SandboxEnvironment) -> tuple[ToolOutcome, Any, ToolOutcome, Any]:
        broken = await environment.call(name, arguments)
        restored = await environment.state()
        good = await environment.call("add", {"n": 2})
        return broken, restored, good, await environment.state()

    limits = EpisodeLimits(tool_s=1.0) if name == "hang" else LIMITS
    broken, restored, good, state = with_tools(tools, body, limits=limits)
    assert (broken.content, broken.is_error) == (content, True)
    assert broken.tool_s > 0
    assert restored == {"n": 1}
    if name != "hang":  # with its short limit the fresh start may be too slow on a busy machine
        assert (good.content, state) == ("ok", {"n": 3})


def test_a_start_state_is_taken_as_json(tools: PythonTools) -> None:
    """Of any size: a state of a million characters comes back with what was changed."""

    async def body(environment: SandboxEnvironment) -> Any:
        await environment.call("add", {"n": 2})
        return await environment.state()

    state = {"n": 1, "text": "ü" * 10**6}
    assert with_tools(tools, body, state=state) == {"n": 1 + 2, "text": "ü" * 10**6}


def test_a_module_that_cannot_be_loaded_ends_the_episode_as_infra(tmp_path: Path) -> None:
    """At the first call, with file and line, and without the folder."""
    file = tmp_path / "shop_tools.py"
    file.write_text("\nimport no_such_package\n")

    async def body(environment: SandboxEnvironment) -> None:
        await environment.call("add", {})

    with pytest.raises(DeadEnvironmentError) as raised:
        with_tools(PythonTools(file), body)
    assert str(raised.value) == (
        "shop_tools.py: line 2: ModuleNotFoundError: No module named 'no_such_package'"
    )


def test_a_file_that_cannot_be_read_does_not_open(tmp_path: Path) -> None:
    """Missing, or not text."""
    binary = tmp_path / "binary.py"
    binary.write_bytes(b"\xff\xfe")
    for file, reason in ((tmp_path / "none.py", "No such file or directory"), (binary, "it is not UTF-8")):
        with pytest.raises(DeadEnvironmentError, match=f"{file.name} cannot be read: {reason}"):
            asyncio.run(SandboxEnvironment(PythonTools(file)).open(None))


def declared(*names: str) -> ToolSet:
    return ToolSet(tuple(Tool(name, "", {}) for name in names))


def test_before_a_run_the_module_is_loaded_and_compared_with_the_declared_tools(
    tools: PythonTools, tmp_path: Path
) -> None:
    """A missing function and a module that cannot be loaded are the input's fault."""
    asyncio.run(check_python_tools(tools, declared("add", "leave")))
    with pytest.raises(
        InputError,
        match=r"shop_tools.py has no function 'sell', which tools: declares; its functions are: add, ",
    ):
        asyncio.run(check_python_tools(tools, declared("add", "sell")))
    tools.file.write_text("x = ")
    with pytest.raises(
        InputError, match=r"tools_file: shop_tools.py: line 1: SyntaxError: .*; correct the module"
    ):
        asyncio.run(check_python_tools(tools, declared("add")))


def test_a_dispatcher_gets_every_call(tmp_path: Path) -> None:
    """With the name as the model wrote it, also one that no function has."""
    file = tmp_path / "desk.py"
    file.write_text("def run(state, *, name, arguments):\n    return [name, arguments]\n")
    tools = PythonTools(file, dispatcher="run")

    async def body(environment: SandboxEnvironment) -> ToolOutcome:
        return await environment.call("sell out", {"state": 1, "name": 2})

    assert with_tools(tools, body).content == '["sell out", {"state": 1, "name": 2}]'
    asyncio.run(check_python_tools(tools, declared("sell", "buy")))
    with pytest.raises(InputError, match=r"desk.py has no function 'walk'"):
        asyncio.run(check_python_tools(PythonTools(file, dispatcher="walk"), declared("sell")))


def test_a_package_that_is_not_installed_is_refused_before_a_run(tools: PythonTools) -> None:
    """And ends an episode that was started without the check as infra."""
    lacking = PythonTools(tools.file, ("no_such_package",))
    problem = "the tools need the package 'no_such_package', which is not installed; install it"
    with pytest.raises(SetupError, match=problem):
        asyncio.run(check_python_tools(lacking, declared("add")))

    async def body(environment: SandboxEnvironment) -> None:
        await environment.call("add", {"n": 1})

    with pytest.raises(DeadEnvironmentError, match=f"the tools of shop_tools.py do not start: {problem}"):
        with_tools(lacking, body)

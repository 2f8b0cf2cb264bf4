"""The packages that a tool names, mounted into its sandbox."""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import sys
from pathlib import Path

import pytest

from gapbench.errors import SetupError
from gapbench.sandbox import IsolationLevel, Sandbox
from gapbench.sandbox.packages import find_packages
from gapbench.sandbox.tool_session import ToolReply, ToolSession
from tests.tool_sessions import LONG_S, in_session


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

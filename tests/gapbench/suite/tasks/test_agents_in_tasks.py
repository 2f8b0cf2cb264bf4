"""Agents in task files: tools that run, a state, a user, and leave for code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gapbench.values import Episode, EpisodeLimits, McpTools, Message, PythonTools, Text, ToolCall, UserLine
from tests.tool_tasks import CALL, FIND, ROW, load, refused

TOOLS_PY = "def find_order(state, *, id):\n    return state['orders'][str(id)]\n"


def test_an_agent_is_an_episode(tmp_path: Path) -> None:
    """Tools of a file, a state of a row, a user with conditions, and limits."""
    (tmp_path / "shop.py").write_text(TOOLS_PY)
    agent = {
        "tools_file": "shop.py",
        "state": "{state}",
        "user": [{"text": "And order {other}?", "when": "sent"}, "Thanks!"],
        "think_time_s": 2.0,
        "limits": {"turns": 9, "tokens": 5_000, "usd": 0.5},
    }
    row = {
        **ROW,
        "other": 8,
        "state": {"orders": {"7": "sent"}},
        "turns": [{"tool_calls": [CALL]}, {"text": "Sent."}],
    }
    sample = load(
        tmp_path, [row], agent=agent, scorer="state", target="state", reference_turns="{turns}"
    ).samples[0]

    assert Episode(
        PythonTools((tmp_path / "shop.py").resolve()),
        {"orders": {"7": "sent"}},
        (UserLine("And order 8?", "sent"), UserLine("Thanks!")),
        2.0,
        EpisodeLimits(9, 5_000, 0.5),
    ) == sample.episode  # fmt: skip
    assert (
        Message("assistant", (ToolCall("", "find_order", '{"id": 7}'),)),
        Message("assistant", (Text("Sent."),)),
    ) == sample.reference_turns


def test_an_agents_state_and_user_may_be_files_and_columns(tmp_path: Path) -> None:
    """A state in a .json, and a column with lines."""
    (tmp_path / "shop.py").write_text(TOOLS_PY)
    (tmp_path / "shop.json").write_text('{"orders": {}}')
    row = {**ROW, "lines": ["Yes.", {"text": "No.", "when": "sure"}]}
    episode = (
        load(tmp_path, [row], agent={"tools_file": "shop.py", "state": "shop.json", "user": "{lines}"})
        .samples[0]
        .episode
    )

    assert episode is not None
    assert ({"orders": {}}, (UserLine("Yes."), UserLine("No.", "sure"))) == (episode.state, episode.user)


def test_mcp_is_a_command_or_an_address_on_this_machine(tmp_path: Path) -> None:
    """The declared tools are those that the models see."""
    episode = load(tmp_path, agent={"mcp": {"command": ["my-server", "--stdio"]}}).samples[0].episode

    assert episode is not None
    assert McpTools(("my-server", "--stdio")) == episode.tools


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("def find(state, *, id):\n    pass\n", "shop.py: no function for the declared tool 'find_order'; write def find_order(state, …): …; its functions: find"),
        ("x = 1\n\nasync def find_order(state, *, id):\n    pass\n", "shop.py:3: tool 'find_order' is an async function"),
        ("def find_order():\n    pass\n", "shop.py:1: tool 'find_order': its function takes no state"),
        ("def find_order(state):\n    pass\n", "the schema declares id, which its function does not take"),
        ("def find_order(state, *, id, shop):\n    pass\n", "its function needs shop, which the schema does not declare"),
        ("def find_order(state, *, id\n", "shop.py:1: is not Python"),
    ],
)  # fmt: skip
def test_a_tools_file_is_read_and_never_run(tmp_path: Path, source: str, said: str) -> None:
    """Functions and arguments are compared with the schemas."""
    (tmp_path / "shop.py").write_text(source)

    assert said in refused(tmp_path, agent={"tools_file": "shop.py"})


def test_an_optional_argument_needs_a_default(tmp_path: Path) -> None:
    """The model may leave it out, and then the call would fail."""
    (tmp_path / "shop.py").write_text(TOOLS_PY)
    loose = {**FIND, "parameters": {"type": "object", "properties": {"id": {"type": "integer"}}}}

    assert "which the schema does not require; give a default" in refused(
        tmp_path, tools=[loose], agent={"tools_file": "shop.py"}
    )
    (tmp_path / "shop.py").write_text("def find_order(state, id=1, **more):\n    pass\n")
    load(tmp_path, tools=[loose], agent={"tools_file": "shop.py"})


def test_nothing_in_a_tools_file_runs_while_it_is_read(tmp_path: Path) -> None:
    """A module that writes a file when it is imported writes none."""
    (tmp_path / "shop.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n{TOOLS_PY}")
    load(tmp_path, agent={"tools_file": "shop.py"})

    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("agent", [{"tools_file": "shop.py"}, {"mcp": {"command": ["x"]}}, {"mcp": {"url": "http://127.0.0.1:9/mcp"}}])  # fmt: skip
def test_code_needs_leave(tmp_path: Path, agent: dict[str, Any]) -> None:
    """As other code of the user's."""
    (tmp_path / "shop.py").write_text(TOOLS_PY)

    assert "read it, then add --allow-code" in refused(tmp_path, agent=agent, allow_code=False)


@pytest.mark.parametrize(
    ("agent", "said"),
    [
        ({"tools_file": "shop.py", "mcp": {"command": ["x"]}}, "agent: give tools_file or mcp, not both"),
        ({"mcp": {}}, "agent.mcp: give either command or url"),
        ({"mcp": {"url": "http://example.com/mcp"}}, "is not an address on this machine"),
        ({"state": {}}, "state: there is no tools_file"),
        ({"tools_file": "gone.py"}, "gone.py cannot be read: No such file"),
        ({"tools_file": "shop.py", "state": "{question}"}, "agent.state: found 'Where is order 7?'; expected JSON (row 1"),
        ({"tools_file": "shop.py", "state": "{calls}"}, "agent.state: the state is list; expected a JSON object"),
        ({"user": [{"text": "Hi", "when": "("}]}, "agent.user[0].when: '(' is not a regular expression"),
        ({"user": "{calls}"}, "agent.user: found the line"),
        ({"limits": {"turns": 0}}, "agent.limits.turns: found 0; expected at least 1"),
        ({"tool_file": "shop.py"}, "unknown key 'tool_file'; did you mean 'tools_file'?"),
    ],
)  # fmt: skip
def test_wrong_agents_are_told_before_the_run(tmp_path: Path, agent: dict[str, Any], said: str) -> None:
    """One line with the key inside agent."""
    (tmp_path / "shop.py").write_text(TOOLS_PY)

    assert said in refused(tmp_path, agent=agent)


def test_an_agent_with_tools_that_run_declares_them(tmp_path: Path) -> None:
    """The models are told the declared tools, whatever the file has."""
    (tmp_path / "shop.py").write_text(TOOLS_PY)

    assert "agent: there are no tools; declare those of the tools_file" in refused(tmp_path, tools=None, agent={"tools_file": "shop.py"})  # fmt: skip


def test_files_beside_the_data_are_part_of_the_hash(tmp_path: Path) -> None:
    """A changed tool is a changed task."""
    (tmp_path / "shop.py").write_text(TOOLS_PY)
    before = load(tmp_path, agent={"tools_file": "shop.py"}).sha256
    (tmp_path / "shop.py").write_text(TOOLS_PY + "\n")

    assert before != load(tmp_path, agent={"tools_file": "shop.py"}).sha256

"""docs/how-to/agents.md: its suite runs, and its tasks are tasks with the files that the page shows."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest
import yaml

from gapbench.cli import invoke
from gapbench.suite.tasks.loader import load_task, read_task
from gapbench.suite.tasks.tool_schema import PlayedUserDocument

TEXT = (Path(__file__).parents[1] / "docs/how-to/agents.md").read_text(encoding="utf-8")
FILES = {
    **dict(re.findall(r"```(?:yaml|python)\n# (\S+)\n(.*?)```", TEXT, re.DOTALL)),
    "desk.jsonl": re.findall(r"```json\n(.*?)```", TEXT, re.DOTALL)[0],
    "mail.jsonl": json.dumps({"request": "Write to Ada.", "expected": "sent"}),
    "mail_tools.json": json.dumps(
        {"tools": [{"name": "send_mail", "inputSchema": {"type": "object", "properties": {}}}]}
    ),
}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with the files of the page."""
    monkeypatch.chdir(tmp_path)
    for name, text in FILES.items():
        Path(name).write_text(text)


def test_the_suite_runs_to_a_gap_and_a_cost(capsys: pytest.CaptureFixture[str]) -> None:
    """One episode for each model; the cost of solved ones is a column."""
    assert 0 == invoke(["run", "agents.yaml", "--yes", "--quiet", "--limit", "1"])
    capsys.readouterr()

    assert 0 == invoke(["gap"])
    assert "agents: closed-model minus open-model" in capsys.readouterr().out
    assert 0 == invoke(["cost"])
    assert "$/1k correct" in capsys.readouterr().out


def test_own_tools_solve_the_reference(capsys: pytest.CaptureFixture[str]) -> None:
    """The reference cancels the order: the state is the expected one."""
    assert 0 == invoke(["try", "desk.yaml", "--model", "sim", "--allow-code", "--json"])

    told = json.loads(capsys.readouterr().out)
    assert ("correct", ["cancelled"]) == (
        told["outcome"],
        [call["result"] for turn in told["turns"] for call in turn["calls"]],
    )


def test_the_task_with_an_mcp_server_is_valid() -> None:
    """Loading it starts no server."""
    assert 1 == len(load_task(*read_task(Path("mail.yaml")), None, allow_code=True).samples)


def test_the_task_with_an_mcp_server_plays(capsys: pytest.CaptureFixture[str]) -> None:
    """A server of the official library in a process of its own takes the place of the page's; its tool is called once."""
    pytest.importorskip("mcp")
    Path("server.py").write_text(
        "from mcp.server.mcpserver import MCPServer\n\n"
        'server = MCPServer("mail")\n\n\n'
        "@server.tool()\n"
        "def send_mail() -> str:\n"
        '    """Send it."""\n'
        '    return "sent to Ada"\n\n\n'
        'server.run("stdio")\n'
    )
    command = json.dumps([sys.executable, "server.py"])
    task = FILES["mail.yaml"].replace("[my-mail-server, --stdio]", command)
    Path("mail.yaml").write_text(f'{task}reference_turns: "{{turns}}"\n')
    turns = [{"tool_calls": [{"name": "send_mail", "arguments": {}}]}, {"text": "Done."}]
    Path("mail.jsonl").write_text(
        json.dumps({"request": "Write to Ada.", "expected": "sent", "turns": turns})
    )
    assert 0 == invoke(["try", "mail.yaml", "--model", "sim", "--allow-code", "--json"])

    told = json.loads(capsys.readouterr().out)
    assert ("correct", ["sent to Ada"]) == (
        told["outcome"],
        [call["result"] for turn in told["turns"] for call in turn["calls"]],
    )


def test_the_user_of_the_page_is_a_user() -> None:
    """The part of the suite and the part of the task are what suites and tasks take."""
    suite, task = re.findall(r"```yaml\n# part of a (?:suite|task)\n(.*?)```", TEXT, re.DOTALL)
    user = PlayedUserDocument(**yaml.safe_load(task)["agent"]["user"])
    (model,) = yaml.safe_load(suite)["users"]

    assert (user.model, 12, ["It is order {order}.", "Thank you."]) == (
        model["id"],
        user.max_lines,
        user.script,
    )


def test_the_environments_of_the_page_exist() -> None:
    """Each that it names is a folder of tasks."""
    named = set(re.findall(r"`agents/(\w+)`", TEXT))
    there = {path.parent.name for path in (Path(__file__).parents[1] / "tasks/agents").glob("*/task.yaml")}

    assert there == named

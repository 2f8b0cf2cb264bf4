"""Tools, recorded conversations and agents in a task's document: samples, and each fault in one line with its place."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from gapbench.errors import InputError
from gapbench.suite.suite import load_suite
from gapbench.suite.tasks.loader import load_task, read_task
from gapbench.suite.tasks.task import Task
from gapbench.suite.tasks.tool_declarations import ToolDeclarationError, read_tools
from gapbench.values import (
    Episode,
    EpisodeLimits,
    McpTools,
    Message,
    PythonTools,
    RecordedTools,
    Text,
    ToolCall,
    ToolSet,
    UserLine,
)

FIND: dict[str, Any] = {
    "name": "find_order",
    "description": "Finds an order.",
    "parameters": {"type": "object", "properties": {"id": {"type": "integer"}}, "required": ["id"]},
}
CALL = {"name": "find_order", "arguments": {"id": 7}}
ROW: dict[str, Any] = {"id": "a", "question": "Where is order 7?", "calls": [CALL]}
TASK: dict[str, Any] = {
    "name": "orders",
    "category": "agents",
    "data": "rows.jsonl",
    "id": "{id}",
    "prompt": "{question}",
    "tools": [FIND],
    "target": "calls",
    "scorer": "tool_calls",
}
TOOLS_PY = "def find_order(state, *, id):\n    return state['orders'][str(id)]\n"
CHAT: list[dict[str, Any]] = [
    {"role": "system", "content": "Be kind."},
    {"role": "user", "content": "Where is order 7?"},
    {"role": "assistant", "content": None, "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "find_order", "arguments": '{"id": 7}'}}]},
    {"role": "tool", "tool_call_id": "c1", "content": "sent"},
    {"role": "assistant", "content": "It was sent."},
    {"role": "user", "content": "Thanks!"},
    {"role": "assistant", "content": "Bye."},
]  # fmt: skip
TALK: dict[str, Any] = {"prompt": None, "target": None, "messages": "{chat}"}


def load(
    folder: Path,
    rows: list[dict[str, Any]] | None = None,
    limit: int | None = None,
    *,
    allow_code: bool = True,
    **changes: Any,
) -> Task:
    """Return the task above, with changes; a change to None takes the key out."""
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows or [ROW]))
    document = {key: value for key, value in {**TASK, **changes}.items() if value is not None}
    (folder / "task.yaml").write_text(yaml.safe_dump(document, sort_keys=False))
    return load_task(*read_task(folder / "task.yaml"), limit, allow_code=allow_code)


def refused(folder: Path, rows: list[dict[str, Any]] | None = None, **changes: Any) -> str:
    with pytest.raises(InputError) as caught:
        load(folder, rows, **changes)
    assert "\n" not in str(caught.value)
    return str(caught.value).removeprefix(f"{folder}/")


def test_tools_reach_the_sample(tmp_path: Path) -> None:
    """Declared natively, with choice and parallel; the target's calls are the reference turn."""
    sample = load(tmp_path, tool_choice="required", parallel_tool_calls=False).samples[0]

    assert sample.tools is not None
    assert {"tools": [FIND], "choice": "required", "parallel": False} == sample.tools.as_json()
    assert (Message("assistant", (ToolCall("", "find_order", '{"id": 7}'),)),) == sample.reference_turns
    assert [CALL] == json.loads(sample.reference or "")


def test_a_target_without_calls_gets_a_decoy_that_calls(tmp_path: Path) -> None:
    """Irrelevance: the reference is words, the decoy calls the first tool."""
    sample = load(tmp_path, [{**ROW, "calls": []}]).samples[0]

    assert () == sample.reference_turns[0].tool_calls
    assert ["find_order"] == [call.name for call in sample.decoy_turns[0].tool_calls]


def test_tools_as_prompt_needs_only_that_key(tmp_path: Path) -> None:
    """Nothing is declared; the system prompt describes the tools, and the reference writes its calls."""
    native = load(tmp_path)
    sample = load(tmp_path, tools_as="prompt").samples[0]

    assert (None, native.samples[0].tools) == (sample.tools, sample.described_tools)
    assert "Finds an order." in sample.messages[0].text
    assert native.samples[0].messages == sample.messages[1:]
    assert [CALL] == json.loads(sample.reference_turns[0].text)
    assert ("native", "prompt") == (native.tools_as, load(tmp_path, tools_as="prompt").tools_as)


@pytest.mark.parametrize(
    "declared",
    [
        [FIND],
        {"tools": [FIND]},
        [{"type": "function", "function": FIND}],
        [{"type": "function", **FIND}],
        [{"name": FIND["name"], "description": FIND["description"], "input_schema": FIND["parameters"]}],
        [{"name": FIND["name"], "description": FIND["description"], "inputSchema": FIND["parameters"]}],
        [{"functionDeclarations": [{"name": FIND["name"], "description": FIND["description"], "parametersJsonSchema": FIND["parameters"]}]}],
        [{**FIND, "parameters": json.dumps(FIND["parameters"])}],
        [{**FIND, "parameters": {**FIND["parameters"], "properties": {**FIND["parameters"]["properties"], "of_another_row": None}}}],
    ],
)  # fmt: skip
def test_declarations_of_all_vendors_are_one(tmp_path: Path, declared: Any) -> None:
    """In a file, in a column, and in a column as text; Arrow's nulls for other rows' keys do not count."""
    (tmp_path / "tools.json").write_text(json.dumps(declared))
    expected = read_tools([FIND])

    for value, row in (
        ("tools.json", ROW),
        ("{t}", {**ROW, "t": declared}),
        ("{t}", {**ROW, "t": json.dumps(declared)}),
    ):
        tools = load(tmp_path, [row], tools=value).samples[0].tools
        assert tools is not None
        assert expected == tools.tools


def test_a_row_may_have_no_tools(tmp_path: Path) -> None:
    """A column that is empty in one row declares none there."""
    task = load(
        tmp_path, [{**ROW, "t": [FIND]}, {"id": "b", "question": "Hi", "calls": [], "t": None}], tools="{t}"
    )

    assert [True, False] == [sample.tools is not None for sample in task.samples]


def test_samples_with_equal_tools_have_one_set(tmp_path: Path) -> None:
    """Declared once, or the same in two of three rows: the SDK and the check of calls prepare it once."""
    other = {**FIND, "name": "find"}
    declared = [FIND, other, FIND]
    rows = [{**ROW, "id": str(number), "calls": [], "t": [tool]} for number, tool in enumerate(declared)]

    fixed = load(tmp_path, rows).samples
    assert fixed[0].tools is fixed[1].tools is fixed[2].tools
    by_row = load(tmp_path, rows, tools="{t}").samples
    assert by_row[0].tools is by_row[2].tools
    assert by_row[0].tools is not by_row[1].tools


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"tools": [{"name": "f"}]}, "task.yaml:7: tools[0].parameters: missing; it must be given: JSON Schema of the arguments"),
        ({"tools": [{"name": "f", "parameters": {"type": "array"}}]}, "task.yaml:8: tools[0].parameters: of tool 'f': is not the schema of an object: type is 'array'"),
        ({"tools": [{"name": "f", "parameters": {"properties": {}}}]}, "it has no type; write {type: object"),
        ({"tools": [{"name": "f", "parameters": {"type": "object", "properties": {"a": {"type": "text"}}}}]}, "is not a JSON Schema: at $.properties.a.type"),
        ({"tools": [{"name": "f", "parameters": {"type": "object", "$ref": "http://example.com/s"}}]}, "refers to 'http://example.com/s'"),
        ({"tools": [{**FIND, "name": "f" * 65}]}, "task.yaml:7: tools[0].name: " + repr("f" * 65) + " has 65 characters; OpenAI and Anthropic accept at most 64"),
        ({"tools": [{**FIND, "name": "orders.find"}]}, "'orders.find' is not a name for a tool; OpenAI and Anthropic accept letters, digits, _ and - only"),
        ({"tools": [FIND, FIND]}, "tools[1].name: tool 'find_order' is declared twice, also as number 1"),
        ({"tools": []}, "tools: found an empty list"),
        ({"tools": "gone.json"}, "gone.json cannot be read: No such file or directory; name a file next to this one"),
        ({"tools": "{gone}"}, "tools: no column 'gone'"),
        ({"tool_choice": "search"}, "tool_choice: found 'search'; expected auto, none, required, or the name of a tool: find_order"),
        ({"tools": None, "tool_choice": "required"}, "tool_choice: there are no tools; declare them under tools"),
        ({"tools_as": "words"}, "tools_as: found 'words'; expected one of 'native' or 'prompt'"),
        ({"response_schema": {"type": "array"}}, "response_schema: is not the schema of an object"),
        ({"response_strict": True}, "response_strict: there is no response_schema"),
        ({"prompt": None}, "prompt: missing; give a template, or a column with conversations under messages"),
        ({"messages": "{chat}"}, "prompt: goes with a prompt, and this task has messages"),
        ({"messages_mode": "forced"}, "messages_mode: goes with messages"),
        ({"reference_turns": "question"}, "reference_turns: found 'Where is order 7?'; expected a list of turns as JSON (row 1"),
    ],
)  # fmt: skip
def test_wrong_tools_are_told_before_the_run(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    """One line: file, line, key, what was found and what would do."""
    assert said in refused(tmp_path, **changes)


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        ([{"name": "f"}], "tool 'f' has no schema of its parameters; write"),
        (
            [{"type": "web_search", "name": "web_search"}],
            "'web_search' is a tool that one vendor runs itself",
        ),
        (
            [{"type": "computer_use"}],
            "a tool without name; 'computer_use' is a tool that one vendor runs itself",
        ),
        ("find", "'find' is not JSON; expected a list of tools"),
        (7, "found int; expected a list of tools"),
    ],
)
def test_wrong_declarations_in_data(declared: Any, said: str) -> None:
    """What a row or a file may have."""
    with pytest.raises(ToolDeclarationError) as caught:
        read_tools(declared)
    assert said in str(caught.value)


def test_a_fault_in_a_row_names_the_row(tmp_path: Path) -> None:
    """A column of tools and a column of conversations."""
    assert "tools: tool 1: tool 'f' has no schema" in refused(
        tmp_path, [{**ROW, "t": [{"name": "f"}]}], tools="{t}"
    )
    assert "(row 1 of " in refused(tmp_path, [{**ROW, "chat": []}], **TALK)
    assert "messages: the conversation is empty" in refused(tmp_path, [{**ROW, "chat": []}], **TALK)


def test_last_answers_the_users_last_turn(tmp_path: Path) -> None:
    """The recorded answer is reference and target: its text, or its calls where the scorer compares calls."""
    text = load(tmp_path, [{**ROW, "chat": CHAT}], **TALK, scorer="exact").samples[0]
    calls = load(tmp_path, [{**ROW, "chat": CHAT[:5]}], **TALK).samples[0]

    assert ("Thanks!", "Bye.", "Bye.") == (text.messages[-1].text, text.target, text.reference)
    assert ([CALL], 2) == (calls.target, len(calls.messages))
    assert "find_order" == calls.reference_turns[0].tool_calls[0].name


def test_forced_makes_a_sample_of_each_turn(tmp_path: Path) -> None:
    """`id#k`, with the history and the conversation as the cluster; a turn of words expects no call."""
    samples = load(tmp_path, [{**ROW, "chat": CHAT}], **TALK, messages_mode="forced").samples

    assert ["a#1", "a#2", "a#3"] == [sample.sample_id for sample in samples]
    assert {"a"} == {sample.cluster_id for sample in samples}
    assert [[CALL], [], []] == [sample.target for sample in samples]
    assert [2, 4, 6] == [len(sample.messages) for sample in samples]
    assert [1, 2, 3] == [sample.columns["turn"] for sample in samples]


def test_a_limit_counts_conversations(tmp_path: Path) -> None:
    """Two of four conversations of three turns are six samples, all of them in the working order."""
    rows = [{**ROW, "id": f"c{number}", "chat": CHAT} for number in range(4)]
    task = load(tmp_path, rows, 2, **TALK, messages_mode="forced")

    assert 6 == len(task.samples)
    assert list(range(6)) == sorted(task.working_order)


def test_free_is_an_episode(tmp_path: Path) -> None:
    """The model's own answers stay; the recorded user and the recorded results follow."""
    sample = load(tmp_path, [{**ROW, "chat": CHAT}], **TALK, messages_mode="free").samples[0]

    expected = Episode(
        tools=RecordedTools((("find_order", '{"id":7}', "sent"),)), user=(UserLine("Thanks!"),)
    )
    assert expected == sample.episode
    assert ("Where is order 7?", 3) == (sample.messages[-1].text, len(sample.reference_turns))


def test_recorded_columns_can_be_named(tmp_path: Path) -> None:
    """`recorded_text` and `recorded_calls` are columns of the row."""
    sample = load(
        tmp_path, [{**ROW, "chat": CHAT}], **{**TALK, "target": "{recorded_text}!"}, scorer="exact"
    ).samples[0]

    assert "Bye.!" == sample.target


def test_the_tasks_system_prompt_replaces_the_recorded_one(tmp_path: Path) -> None:
    """Anthropic's logs have it in a column of its own."""
    row = {**ROW, "chat": CHAT, "sys": "Be brief."}
    sample = load(tmp_path, [row], **TALK, system="{sys}").samples[0]

    assert ["Be brief."] == [message.text for message in sample.messages if message.role == "system"]


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


def test_an_episode_runs_native_calls_only(tmp_path: Path) -> None:
    """A prompted agent, and one recorded mode under an agent."""
    assert "tools_as: an episode runs native calls only" in refused(tmp_path, agent={}, tools_as="prompt")
    assert "agent: goes with messages_mode: last, not free" in refused(tmp_path, [{**ROW, "chat": CHAT}], **TALK, messages_mode="free", agent={})  # fmt: skip


def test_response_schema_has_a_name(tmp_path: Path) -> None:
    """Its title, in the letters that OpenAI takes; else `reply`."""
    schema = {"type": "object", "title": "An order!", "properties": {}}
    sample = load(tmp_path, response_schema=schema, response_strict=True).samples[0]

    assert sample.response_schema is not None
    assert ("An_order", schema, True) == (
        sample.response_schema.name,
        sample.response_schema.schema,
        sample.response_schema.strict,
    )


def test_files_beside_the_data_are_part_of_the_hash(tmp_path: Path) -> None:
    """A changed tool is a changed task."""
    (tmp_path / "shop.py").write_text(TOOLS_PY)
    before = load(tmp_path, agent={"tools_file": "shop.py"}).sha256
    (tmp_path / "shop.py").write_text(TOOLS_PY + "\n")

    assert before != load(tmp_path, agent={"tools_file": "shop.py"}).sha256


def test_a_task_without_the_new_keys_keeps_its_hash(tmp_path: Path) -> None:
    """The document's part of the hash has only keys that earlier versions had."""
    load(tmp_path)
    plain = {key: value for key, value in TASK.items() if key != "tools"}
    (tmp_path / "task.yaml").write_text(yaml.safe_dump(plain))
    document, _ = read_task(tmp_path / "task.yaml")

    assert not {"tools", "messages", "tools_as", "agent", "response_schema"} & document.fingerprint().keys()


SUITE = {
    "name": "s",
    "models": [{"id": "m", "runner": "sim", "weights": "open"}],
    "tasks": [{"task": "task.yaml"}],
}


def suite_tools_as(folder: Path, **changes: Any) -> list[tuple[str, str]]:
    load(folder)
    (folder / "suite.yaml").write_text(yaml.safe_dump({**SUITE, **changes}))
    return [(task.name, task.tools_as) for task in load_suite(folder / "suite.yaml").load_tasks()]


def test_a_suite_sets_how_tools_are_given(tmp_path: Path) -> None:
    """For all tasks, or for one that it lists twice under two names."""
    twice = [{"task": "task.yaml"}, {"task": "task.yaml", "name": "orders-in-words", "tools_as": "prompt"}]

    assert [("orders", "prompt")] == suite_tools_as(tmp_path, tools_as="prompt")
    assert [("orders", "native"), ("orders-in-words", "prompt")] == suite_tools_as(tmp_path, tasks=twice)


def test_a_suite_cannot_describe_the_tools_of_an_episode(tmp_path: Path) -> None:
    """The task is named, and what it needs."""
    inline = {**TASK, "agent": {}}
    with pytest.raises(
        InputError, match=r"tools_as: task 'orders' is an episode, which runs native calls only"
    ):
        suite_tools_as(tmp_path, tasks=[inline], tools_as="prompt")


@pytest.mark.parametrize("change", [lambda row: row, lambda row: {**row, "calls": json.dumps(row["calls"])}])
def test_calls_may_be_json_text(tmp_path: Path, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """As a CSV cell has them."""
    sample = load(tmp_path, [change(ROW)]).samples[0]

    assert isinstance(sample.tools, ToolSet)
    assert ["find_order"] == [call.name for call in sample.reference_turns[0].tool_calls]

"""Tools in task files and in data: how they are declared, and what is wrong is told before the run."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from gapbench.errors import InputError
from gapbench.suite.suite import load_suite
from gapbench.suite.tasks.loader import read_task
from gapbench.suite.tasks.tool_declarations import ToolDeclarationError, read_tools
from gapbench.values import Message, ToolCall, ToolSet
from tests.tool_tasks import CALL, FIND, ROW, TALK, TASK, load, refused


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

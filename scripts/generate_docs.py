"""Writes the generated parts of docs/reference: commands, suite and task keys, columns, and the built-in names.

Each part is between ``<!-- generated: NAME -->`` and ``<!-- end -->``. ``make docs`` writes them;
``--check`` only reports which are out of date (a test does that). The pages are committed, so that they can be read
on the repository's own site too, and a change of a help text shows up in review.
"""

from __future__ import annotations

import argparse
import dataclasses
import inspect
import re
import sys
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import click
from click.testing import CliRunner

from gapbench.cli import bench
from gapbench.commands.list import list_names
from gapbench.scoring import find_scorer_class, scorer_descriptions
from gapbench.store.schema import derive_schema, describe_columns, describe_schema
from gapbench.suite.json_schema import suite_json_schema
from gapbench.traffic import TrafficRecord
from gapbench.traffic.forms import FORMS
from gapbench.traffic.forms.mapped import MappingDocument

ROOT = Path(__file__).parents[1]
DOCUMENTS = tuple(
    ROOT / "docs" / "reference" / f"{name}.md"
    for name in ("cli", "suite", "tasks", "built-in", "columns", "traffic")
)
PART = re.compile(r"(<!-- generated: (\S+) -->\n)(.*?)(<!-- end -->)", re.DOTALL)


def help_of(*arguments: str) -> str:
    """Return a help page as printed 100 columns wide."""
    result = CliRunner().invoke(bench, [*arguments, "--help"], terminal_width=100, prog_name="bench")
    return f"```text\n{result.output.strip()}\n```\n"


def listed(kind: str) -> str:
    """Return what `bench list KIND` prints, as a table."""
    rows = "".join(f"| `{name}` | {line} |\n" for name, line in list_names(kind))
    return f"| {kind.removesuffix('s')} | what it is |\n| --- | --- |\n{rows}"


def scorer_options() -> str:
    """Return the options of every built-in scorer, as their classes document them."""
    rows = ""
    for name in scorer_descriptions():
        kind = find_scorer_class(name)
        meanings = _documented_attributes(kind)
        fields = [field for field in dataclasses.fields(kind) if field.init]
        for field in fields:
            if field.default is dataclasses.MISSING:
                default = "required" if field.default_factory is dataclasses.MISSING else ""
            else:
                default = "" if field.default in (None, "") else f"`{field.default}`"
            default = default.replace("True", "true").replace("False", "false")
            rows += f"| `{name}` | `{field.name}` | {default} | {_cell(meanings[field.name])} |\n"
        rows += "" if fields else f"| `{name}` | none | | |\n"
    return f"| scorer | option | default | meaning |\n| --- | --- | --- | --- |\n{rows}"


def _documented_attributes(kind: type) -> dict[str, str]:
    """Return what the docstrings of a class and its bases state under ``Attributes:``."""
    found: dict[str, str] = {}
    for base in kind.__mro__[-2::-1]:
        block = inspect.cleandoc(base.__doc__ or "").partition("Attributes:\n")[2].partition("\n\n")[0]
        for name, text in re.findall(r"^ {4}(\w+): (.*(?:\n {8}.*)*)", block, re.MULTILINE):
            found[name] = " ".join(text.split())
    return found


def columns(kind: str) -> str:
    """Return the columns of a Parquet table."""
    described = describe_schema(derive_schema(TrafficRecord)) if kind == "traffic" else describe_columns(kind)
    rows = "".join(
        f"| `{name}` | `{type_}{'?' if null else ''}` | {meaning} |\n"
        for name, type_, null, meaning in described
    )
    return f"| column | type | meaning |\n| --- | --- | --- |\n{rows}"


def traffic_forms() -> str:
    """Return the forms of log that can be imported, with their documentation."""
    rows = "".join(
        f"| `{form.name}` | {form.about} | {_cell(form.documentation)} |\n"
        for form in sorted(FORMS, key=lambda form: form.name)
    )
    return f"| form | what it is | written from |\n| --- | --- | --- |\n{rows}"


def traffic_map() -> str:
    """Return the keys of a map of a log's own columns."""
    rows = "".join(
        f"| `{key}` | {_cell(str(field.description))} |\n"
        for key, field in MappingDocument.model_fields.items()
    )
    return f"| key | meaning |\n| --- | --- |\n{rows}"


def commands() -> str:
    """Return the help of every command, each under a heading."""
    return "".join(f"## {' '.join(('bench', *path))}\n\n{help_of(*path)}\n" for path in (*_paths(bench, ()),))


def _paths(command: click.Command, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    yield path
    if isinstance(command, click.Group):
        for name in command.list_commands(click.Context(command)):
            child = command.get_command(click.Context(command), name)
            if child is not None:
                yield from _paths(child, (*path, name))


Schema = Mapping[str, Any]


def suite_keys() -> str:
    """Return every key of a suite, by the block that it is in."""
    schema = suite_json_schema()
    tables = [_table("Top level", schema, schema["$defs"])]
    tables += [
        _table(title, schema["$defs"][name], schema["$defs"])
        for name, title in _blocks(schema, schema["$defs"]).items()
        if name not in _OF_TASKS
    ]
    tables += [
        _table(f"`tasks[]` as {title}", entry, schema["$defs"])
        for title, entry in zip(_ENTRIES, schema["properties"]["tasks"]["items"]["anyOf"][1:], strict=False)
    ]
    return "\n".join(tables)


_ENTRIES = ("a named task with changes", "a task of lm-evaluation-harness")


def task_keys() -> str:
    """Return every key of a task's document, by the block that it is in."""
    definitions = suite_json_schema()["$defs"]
    return "\n".join(
        _table(title, definitions[name], definitions, level=4)
        for name, title in _OF_TASKS.items()
        if name in definitions
    )


_OF_TASKS = {
    "TaskDocument": "Top level",
    "TurnDocument": "A turn under `prompt`",
    "ShotDocument": "An example under `few_shot`",
    "HuggingFaceData": "`data` on the Hugging Face hub",
    "GeneratedData": "`data` from a Python file",
    "ToolDocument": "A tool under `tools`",
    "AgentDocument": "`agent`",
    "McpDocument": "`agent.mcp`",
    "UserLineDocument": "A line under `agent.user`",
    "PlayedUserDocument": "`agent.user` played by a model",
    "EpisodeLimitsDocument": "`agent.limits`",
}


def _blocks(schema: Schema, definitions: Schema) -> dict[str, str]:
    """Return the definitions that a schema names, in reading order, each with the key that names it first."""
    found: dict[str, str] = {}

    def walk(value: object, key: str) -> None:
        if isinstance(value, Mapping):
            if "$ref" in value:
                name = value["$ref"].rpartition("/")[2]
                if name not in found:
                    found[name] = f"`{key}`" if "enum" not in definitions[name] else ""
                    for child, below in definitions[name].get("properties", {}).items():
                        walk(below, f"{key}.{child}")
            for part in ("anyOf", "items", "allOf"):
                walk(value.get(part), f"{key}[]" if part == "items" else key)
        elif isinstance(value, list):
            for one in value:
                walk(one, key)

    for key, value in schema["properties"].items():
        if key != "tasks":
            walk(value, key)
    seen: dict[str, str] = {}
    for name, title in found.items():
        twice = list(found.values()).count(title) > 1
        seen[name] = f"{title} ({definitions[name]['title'].removesuffix('Document')})" if twice else title
    return seen


def _table(title: str, schema: Schema, definitions: Schema, level: int = 2) -> str:
    required = schema.get("required", ())
    rows = "".join(
        f"| `{key}` | {_type(value, definitions)} | {_default(key, value, required)} | {_cell(value.get('description', ''))} |\n"
        for key, value in schema["properties"].items()
    )
    about = _cell(schema.get("description", "")).partition("\n")[0]
    return f"{'#' * level} {title}\n\n{about}\n\n| key | type | default | meaning |\n| --- | --- | --- | --- |\n{rows}"


def _default(key: str, value: Schema, required: Collection[str]) -> str:
    if key in required:
        return "required"
    default = value.get("default")
    return (
        ""
        if default in (None, "", {}, [])
        else f"`{default}`".replace("True", "true").replace("False", "false")
    )


def _type(value: Schema, definitions: Schema) -> str:
    if "$ref" in value:
        name = value["$ref"].rpartition("/")[2]
        return _type(definitions[name], definitions) if "enum" in definitions[name] else "mapping"
    if "anyOf" in value:
        kinds = [_type(one, definitions) for one in value["anyOf"] if one.get("type") != "null"]
        if "number" in kinds and "whole number" in kinds:
            kinds.remove("whole number")
        return " or ".join(dict.fromkeys(kinds))
    if "enum" in value or "const" in value:
        return ", ".join(f"`{word}`" for word in value.get("enum", [value.get("const")]))
    words = {
        "string": "text",
        "integer": "whole number",
        "array": "list",
        "object": "mapping",
        "boolean": "true or false",
    }
    kind = words.get(value.get("type", ""), str(value.get("type", "any")))
    if kind == "list" and "items" in value:
        item = _type(value["items"], definitions)
        return f"list of {item.replace('mapping', 'mappings').replace('whole number', 'whole numbers')}"
    return kind + _bounds(value)


def _bounds(value: Schema) -> str:
    words = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    shown = [f"{sign} {value[name]:g}" for name, sign in words.items() if abs(value.get(name, 1e18)) < 1e17]
    return f" ({', '.join(shown)})" if shown else ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("``", "`")


PARTS: Mapping[str, Callable[[], str]] = {
    "commands": commands,
    "suite-keys": suite_keys,
    "task-keys": task_keys,
    "runners": lambda: listed("runners"),
    "scorers": lambda: listed("scorers"),
    "scorer-options": scorer_options,
    "suites": lambda: listed("suites"),
    "tasks": lambda: listed("tasks"),
    "attempts": lambda: columns("attempts"),
    "payload": lambda: columns("payload"),
    "trajectories": lambda: columns("trajectories"),
    "scores": lambda: columns("scores"),
    "traffic": lambda: columns("traffic"),
    "traffic-forms": traffic_forms,
    "traffic-map": traffic_map,
}


def fresh(text: str) -> str:
    """Return a document with its generated parts replaced by what the code gives now."""
    return PART.sub(lambda match: f"{match[1]}{PARTS[match[2]]()}{match[4]}", text)


def main() -> None:
    """Write, or check."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when a part is stale")
    options = parser.parse_args()
    stale = False
    for document in DOCUMENTS:
        before = document.read_text(encoding="utf-8")
        after = fresh(before)
        if before == after:
            print(f"{document.name} is fresh")
        elif options.check:
            stale = True
            print(f"{document.name} is stale; run `make docs`")
        else:
            document.write_text(after, encoding="utf-8")
            print(f"{document.name} written")
    sys.exit(1 if stale else 0)


if __name__ == "__main__":
    main()

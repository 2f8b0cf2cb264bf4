"""A task as a suite names it, and the settings with which the suite overrides the task's own."""

from __future__ import annotations

from pydantic import Field

from gapbench.suite.documents import PATH_NAME_PATTERN, Document, KeyPath
from gapbench.suite.documents.json_text import JsonError, parse_json
from gapbench.suite.tasks.ladder_schema import LadderKeys
from gapbench.suite.tasks.schema import ParamsDocument, TaskDocument
from gapbench.suite.tasks.tool_declarations import ToolDeclarationError, read_tools
from gapbench.suite.tasks.tool_schema import ToolDocument, Tools, ToolsAs


class TaskEntry(LadderKeys):
    """A task that the suite names, with settings that override the task's."""

    task: str = Field(
        min_length=1, description="category/name of a built-in task, or the path of a task.yaml"
    )
    limit: int | None = Field(None, ge=1, description="N samples, spread over its tags and clusters")
    params: ParamsDocument | None = Field(None, description="parameters for this task alone")
    name: str | None = Field(
        None, pattern=PATH_NAME_PATTERN, description="another name, so that a suite may have the task twice"
    )
    tools: Tools | None = Field(
        None,
        description="tools in place of the task's own: a list, or a .json file of declarations in any vendor's form, relative to the suite",
    )
    tools_as: ToolsAs | None = Field(
        None, description="native, or prompt: how this task's tools are given; default: the task's own"
    )


def set_ladder_keys(task: TaskDocument, entry: TaskEntry, suite: Document, path: KeyPath) -> TaskDocument:
    """Return a task with what its entry says of its ladder.

    Args:
        task: The task's document.
        entry: The entry.
        suite: The suite's document.
        path: Place of the entry in it.

    Raises:
        DocumentError: The task is not a ladder.
    """
    given = entry.ladder_keys()
    for key in given:
        if task.ladder is None and (key in {"seed", "per_rung"} or task.rung is None):
            raise suite.error(
                (*path, key), f"task {task.name!r} is not a ladder; `bench list tasks` shows which are"
            )
    return task.model_copy(update=dict(given)) if given else task


def set_tools(
    task: TaskDocument, of_entry: Tools | None, of_suite: Tools | None, suite: Document, path: KeyPath
) -> TaskDocument:
    """Return a task with the tools of its entry, else its own, else the suite's.

    The suite's are for tasks of one reply that bring no tools themselves; episodes have those that run in them, and
    recorded conversations those of the recording.

    Args:
        task: The task's document.
        of_entry: What the entry says.
        of_suite: What the suite says.
        suite: The suite's document.
        path: Place of the entry in it.

    Raises:
        DocumentError: The file of tools cannot be read, or holds none, or the task's tools cannot be replaced.
    """
    if of_entry is not None:
        if task.agent is not None:
            raise suite.error(
                (*path, "tools"),
                f"task {task.name!r} is an episode, whose tools run in it; declare them in its own document",
            )
        return task.model_copy(update={"tools": read_suite_tools(of_entry, suite, (*path, "tools"))})
    if of_suite is None or task.tools is not None or task.agent is not None or task.messages is not None:
        return task
    return task.model_copy(update={"tools": read_suite_tools(of_suite, suite, ("tools",))})


def read_suite_tools(given: Tools, suite: Document, path: KeyPath) -> list[ToolDocument]:
    """Return the tools that a suite declares, those of a file by their content.

    Args:
        given: A list, or the name of a file.
        suite: The suite's document; the file's path is relative to it.
        path: Place of the declaration in it.

    Raises:
        DocumentError: The file cannot be read, or holds no tools.
    """
    if not isinstance(given, str):
        return list(given)
    file = suite.file.parent / given
    try:
        tools = read_tools(parse_json(file.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError) as exc:
        said = getattr(exc, "strerror", None) or str(exc)
        raise suite.error(path, f"cannot read {file}: {said}") from exc
    except (JsonError, ToolDeclarationError) as exc:
        raise suite.error(path, f"{given}: {exc}") from exc
    return [
        ToolDocument(
            name=tool.name, description=tool.description, parameters=dict(tool.parameters), strict=tool.strict
        )
        for tool in tools
    ]


def set_tools_as(
    task: TaskDocument, of_entry: ToolsAs | None, of_suite: ToolsAs | None, suite: Document, path: KeyPath
) -> TaskDocument:
    """Return a task that gives its tools as its entry says, else as it says itself, else as the suite does.

    Args:
        task: The task's document.
        of_entry: What the entry says.
        of_suite: What the suite says.
        suite: The suite's document.
        path: Place of the entry in it.

    Raises:
        DocumentError: The task has no tools, or is an episode, which runs native calls only.
    """
    has_tools = task.tools is not None or task.messages is not None
    if of_entry is not None and not has_tools:
        raise suite.error((*path, "tools_as"), f"task {task.name!r} has no tools")
    tools_as = of_entry or task.tools_as or of_suite
    if tools_as is None or not has_tools or tools_as == task.tools_as:
        return task
    if tools_as == "prompt" and task.is_episode:
        key = (*path, "tools_as") if of_entry else ("tools_as",)
        raise suite.error(
            key, f"task {task.name!r} is an episode, which runs native calls only; give it tools_as: native"
        )
    return task.model_copy(update={"tools_as": tools_as})

"""The tools, the response schema and the episode of a task's samples."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gapbench.errors import DocumentError
from gapbench.suite.documents.json_text import JsonError, parse_json
from gapbench.suite.tasks.json_schemas import find_schema_problem
from gapbench.suite.tasks.plain_values import Row
from gapbench.suite.tasks.row_templates import Key, RowTemplates
from gapbench.suite.tasks.template import columns_named
from gapbench.suite.tasks.tool_declarations import (
    CHOICES,
    ToolDeclarationError,
    check_tools,
    make_tool_set,
    read_tools,
)
from gapbench.suite.tasks.tool_files import check_tools_file
from gapbench.suite.tasks.tool_schema import AgentDocument, PlayedUserDocument, UserLineDocument
from gapbench.suite.tasks.user_code import ALLOW_CODE_HINT
from gapbench.values import (
    Episode,
    McpTools,
    PlayedUser,
    PythonTools,
    ResponseSchema,
    Tool,
    ToolSet,
    ToolSource,
    UserLine,
    canonical_json,
    sha256,
)

if TYPE_CHECKING:
    from gapbench.suite.tasks.schema import TaskDocument

MAX_FILE_BYTES = 32 * 2**20


class ToolRenderer:
    """Makes the tools and the episodes of one task.

    Args:
        task: The checked document.
        templates: Fills its templates.
        allow_code: Whether Python that the task names may run.

    Raises:
        DocumentError: A declaration, a file, or the choice of a tool is wrong, or code is named and not allowed.
    """

    def __init__(self, task: TaskDocument, templates: RowTemplates, *, allow_code: bool) -> None:
        """Read the files that the task names, and check all that no row can change."""
        self._task = task
        self._templates = templates
        self._folder = templates.source.file.parent
        self._digests: list[str] = []
        self._sets: dict[str, ToolSet] = {}
        self._fixed_set: ToolSet | None = None
        self._tools: tuple[Tool, ...] | None = self._fixed_tools()
        self._state = self._fixed_state()
        self._response_schema = self._fixed_response_schema()
        self._source = self._tool_source(allow_code=allow_code)
        if self._tools is not None:
            self._tool_set(self._tools)
        elif task.tools is None and task.messages is None:
            self._refuse_settings_without_tools()
        self._check_user()

    def file_digests(self) -> list[str]:
        """Return the hashes of the files that the task names, in the order in which they were read."""
        return self._digests

    def render_tools(self, row: Row, recorded: Sequence[Tool] = ()) -> ToolSet | None:
        """Return the tools of a row.

        Args:
            row: The row.
            recorded: Tools that its conversation declares, for a task that declares none itself.

        Raises:
            DocumentError: A declaration is wrong.
        """
        tools: Sequence[Tool] | None = self._tools
        if tools is None and isinstance(self._task.tools, str):
            value = self._templates.fill_value("tools", self._task.tools, row)
            try:
                tools = read_tools(value)
            except ToolDeclarationError as exc:
                raise self._templates.row_error("tools", _with_place(exc)) from exc
        return self._tool_set(recorded if tools is None else tools)

    def render_response_schema(self, row: Row) -> ResponseSchema | None:
        """Return the schema of the reply to a row. Raises ``DocumentError``."""
        given = self._task.response_schema
        if given is None or self._response_schema is not None:
            return self._response_schema
        assert isinstance(given, str)
        value = self._templates.fill_value("response_schema", given, row)
        schema = self._parsed("response_schema", value) if isinstance(value, str) else value
        if schema is None:
            return None
        return self._make_response_schema(schema, in_row=True)

    def render_episode(self, row: Row) -> Episode | None:
        """Return the episode of a row; None if the task is no agent's. Raises ``DocumentError``."""
        agent = self._task.agent
        if agent is None:
            return None
        return Episode(
            tools=self._source,
            state=self._render_state(agent, row),
            user=tuple(self._render_user(agent, row)),
            think_time_s=agent.think_time_s,
            limits=agent.limits.to_limits(),
            played_user=self._render_played_user(agent, row),
        )

    def _fixed_tools(self) -> tuple[Tool, ...] | None:
        """Return the tools that all rows share. None: there are none, or each row has its own."""
        given = self._task.tools
        if given is None:
            return None
        if isinstance(given, str):
            if columns_named(given):
                return None
            value = self._read_json_file("tools", given)
            try:
                return read_tools(value)
            except ToolDeclarationError as exc:
                raise self._templates.error("tools", f"{given}: {_with_place(exc)}") from exc
        tools = tuple(Tool(tool.name, tool.description, tool.parameters, tool.strict) for tool in given)
        try:
            check_tools(tools)
        except ToolDeclarationError as exc:
            raise self._templates.error(("tools", *exc.place), str(exc)) from exc
        return tools

    def _tool_set(self, tools: Sequence[Tool]) -> ToolSet | None:
        task = self._task
        choice = task.tool_choice
        if not tools:
            if choice not in {"auto", "none"}:
                raise self._templates.row_error("tool_choice", f"found {choice!r}, and no tools are declared")
            return None
        if tools is self._tools and self._fixed_set is not None:
            return self._fixed_set
        try:
            made = make_tool_set(tools, choice, parallel=task.parallel_tool_calls)
        except ToolDeclarationError as exc:
            raise self._templates.error("tool_choice", str(exc)) from exc
        # Equal sets are one object: runners and checks of calls prepare each set once.
        found = self._sets.setdefault(canonical_json(made.as_json()), made)
        if found is made and isinstance(self._source, PythonTools):
            check_tools_file(self._source.file, found.tools)
        if tools is self._tools:
            self._fixed_set = found
        return found

    def _refuse_settings_without_tools(self) -> None:
        task = self._task
        for key in ("tool_choice", "parallel_tool_calls"):
            if key in task.model_fields_set and getattr(task, key) not in (None, CHOICES[0]):
                raise self._templates.error(key, "there are no tools; declare them under tools")
        if task.agent is not None and self._source is not None:
            raise self._templates.error(
                "agent",
                "there are no tools; declare those of the tools_file or of the server under tools, with name, description "
                "and parameters, or name a .json file of them",
            )

    def _tool_source(self, *, allow_code: bool) -> ToolSource | None:
        agent = self._task.agent
        if agent is None or (agent.tools_file is None and agent.mcp is None):
            return None
        if agent.mcp is not None:
            if not allow_code:
                what = " ".join(agent.mcp.command) or str(agent.mcp.url)
                raise self._templates.error(("agent", "mcp"), f"{what} runs the tools; {ALLOW_CODE_HINT}")
            return McpTools(tuple(agent.mcp.command), agent.mcp.url)
        assert agent.tools_file is not None
        key = ("agent", "tools_file")
        file = self._folder / agent.tools_file
        if not allow_code:
            raise self._templates.error(key, f"{file} is code that runs the tools; {ALLOW_CODE_HINT}")
        self._digests.append(sha256(self._read_bytes(key, agent.tools_file)))
        return PythonTools(file.resolve())

    def _fixed_state(self) -> Any:
        agent = self._task.agent
        if agent is None or agent.state is None or isinstance(agent.state, dict):
            return None if agent is None else agent.state
        if columns_named(agent.state):
            return None
        return self._checked_state(self._read_json_file(("agent", "state"), agent.state), in_row=False)

    def _render_state(self, agent: AgentDocument, row: Row) -> Any:
        if agent.state is None or self._state is not None:
            return self._state
        assert isinstance(agent.state, str)
        key = ("agent", "state")
        value = self._templates.fill_value(key, agent.state, row)
        return self._checked_state(self._parsed(key, value) if isinstance(value, str) else value, in_row=True)

    def _checked_state(self, state: Any, *, in_row: bool) -> Any:
        if isinstance(state, Mapping):
            return state
        make = self._templates.row_error if in_row else self._templates.error
        raise make(("agent", "state"), f"the state is {type(state).__name__}; expected a JSON object")

    def _check_user(self) -> None:
        user = () if self._task.agent is None else self._task.agent.user
        for place, line in enumerate(user if isinstance(user, list) else ()):
            if isinstance(line, UserLineDocument):
                self._check_pattern(("agent", "user", place, "when"), line.when, in_row=False)

    def _check_pattern(self, key: Key, pattern: str | None, *, in_row: bool) -> None:
        try:
            re.compile(pattern or "")
        except (re.error, RecursionError, OverflowError) as exc:
            make = self._templates.row_error if in_row else self._templates.error
            raise make(key, f"{pattern!r} is not a regular expression: {exc}") from exc

    def _render_played_user(self, agent: AgentDocument, row: Row) -> PlayedUser | None:
        user = agent.user
        if not isinstance(user, PlayedUserDocument):
            return None
        key = ("agent", "user", "script")
        if isinstance(user.script, str):
            script = [line.text for line in self._lines_of_column(key, user.script, row)]
        else:
            script = [
                self._templates.fill_text((*key, place), line, row) for place, line in enumerate(user.script)
            ]
        instructions = self._templates.fill_text(("agent", "user", "instructions"), user.instructions, row)
        return PlayedUser(
            user.model,
            instructions,
            stops=(user.stop,) if isinstance(user.stop, str) else tuple(user.stop),
            max_lines=user.max_lines,
            script=tuple(script),
            opening=user.opening,
            has_guidelines=user.guidelines,
        )

    def _render_user(self, agent: AgentDocument, row: Row) -> list[UserLine]:
        if isinstance(agent.user, PlayedUserDocument):
            return []
        if isinstance(agent.user, str):
            return self._lines_of_column(("agent", "user"), agent.user, row)
        lines = []
        for place, line in enumerate(agent.user):
            given = UserLineDocument(text=line) if isinstance(line, str) else line
            text = self._templates.fill_text(("agent", "user", place), given.text, row)
            lines.append(UserLine(text, given.when))
        return lines

    def _lines_of_column(self, key: Key, template: str, row: Row) -> list[UserLine]:
        value = self._templates.fill_value(key, template, row)
        if isinstance(value, str) and value.lstrip().startswith("["):
            value = self._parsed(key, value)
        if value is None or isinstance(value, str):
            return [UserLine(value)] if value else []
        lines = []
        for line in value if isinstance(value, list) else [value]:
            given = line if isinstance(line, Mapping) else {"text": line}
            text, when = given.get("text"), given.get("when")
            if not isinstance(text, str) or not text or not isinstance(when, str | None):
                raise self._templates.row_error(
                    key, f"found the line {str(line)[:60]!r}; expected text, or {{text, when}}"
                )
            self._check_pattern(key, when, in_row=True)
            lines.append(UserLine(text, when))
        return lines

    def _fixed_response_schema(self) -> ResponseSchema | None:
        given = self._task.response_schema
        if given is None or (isinstance(given, str) and columns_named(given)):
            return None
        schema = self._read_json_file("response_schema", given) if isinstance(given, str) else given
        return self._make_response_schema(schema, in_row=False)

    def _make_response_schema(self, schema: Any, *, in_row: bool) -> ResponseSchema:
        problem = find_schema_problem(schema)
        if problem is not None:
            make = self._templates.row_error if in_row else self._templates.error
            raise make("response_schema", problem)
        name = re.sub(r"[^A-Za-z0-9_-]+", "_", str(schema.get("title") or ""))[:64].strip("_")
        return ResponseSchema(name or "reply", schema, self._task.response_strict)

    def _parsed(self, key: Key, text: str) -> Any:
        if not text.strip():
            return None
        try:
            return json.loads(text)
        except (ValueError, RecursionError) as exc:
            raise self._templates.row_error(key, f"found {text[:60]!r}; expected JSON") from exc

    def _read_json_file(self, key: Key, name: str) -> Any:
        data = self._read_bytes(key, name)
        self._digests.append(sha256(data))
        try:
            return parse_json(data.decode("utf-8"))
        except UnicodeDecodeError as exc:
            raise DocumentError("is not UTF-8; save it so", file=self._folder / name) from exc
        except JsonError as exc:
            raise DocumentError(exc.problem, file=self._folder / name, line=exc.line) from exc

    def _read_bytes(self, key: Key, name: str) -> bytes:
        file = self._folder / name
        try:
            with Path(file).open("rb") as opened:
                data = opened.read(MAX_FILE_BYTES + 1)
        except (OSError, ValueError) as exc:  # ValueError: a NUL in the name
            said = getattr(exc, "strerror", None) or str(exc)
            raise self._templates.error(
                key, f"{file} cannot be read: {said}; name a file next to this one, or a column as {{column}}"
            ) from exc
        if len(data) > MAX_FILE_BYTES:
            raise self._templates.error(key, f"{file} has more than {MAX_FILE_BYTES} bytes; make it smaller")
        return data


def _with_place(exc: ToolDeclarationError) -> str:
    """Return a problem with the place of the tool in its list."""
    number = next((step for step in exc.place if isinstance(step, int)), None)
    return str(exc) if number is None else f"tool {number + 1}: {exc}"

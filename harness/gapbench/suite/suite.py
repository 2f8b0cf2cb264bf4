"""The suite: the user's YAML as a validated model. ``bench schema suite`` prints its JSON Schema."""

from __future__ import annotations

import difflib
import os.path
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, PrivateAttr, field_validator

from gapbench.errors import DocumentError
from gapbench.suite.arena_fields import ArenaDocument
from gapbench.suite.documents import (
    NAME_PATTERN,
    Document,
    KeyPath,
    StrictModel,
    read_document,
    refuse_secrets,
    validate_document,
)
from gapbench.suite.documents.code_scan import refuse_programs
from gapbench.suite.loads.schema import LoadDocument
from gapbench.suite.model_schema import ModelDocument
from gapbench.suite.package_entries import is_package_entry, load_package_tasks, package_task_names
from gapbench.suite.run_policies import BreakerDocument, RetriesDocument, TimeoutsDocument
from gapbench.suite.task_entry import TaskEntry, set_ladder_keys, set_tools, set_tools_as
from gapbench.suite.tasks.builtin import builtin_folder
from gapbench.suite.tasks.dataset import FORMATS
from gapbench.suite.tasks.loader import find_builtin_task, load_task, read_task
from gapbench.suite.tasks.schema import ParamsDocument, TaskDocument
from gapbench.suite.tasks.task import Task
from gapbench.suite.tasks.task_places import TaskPlaces
from gapbench.suite.tasks.tool_schema import Tools, ToolsAs
from gapbench.suite.tco_fields import TcoDocument
from gapbench.values import Model, canonical_json, sha256
from gapbench.values.cache_place import CachePlace, parse_cache_place


class Suite(StrictModel):
    """Everything that a run needs: models, tasks and loads."""

    name: str = Field(pattern=NAME_PATTERN, description="name of the suite and of its runs")
    description: str = Field("", description="for readers")
    seed: int = Field(
        0, ge=-(2**63), lt=2**63, description="seed of the sample order and of the arrival times"
    )
    models: Annotated[list[ModelDocument], Field(min_length=1, description="the models to compare")]
    tasks: Annotated[
        list[str | dict[str, Any]],
        Field(
            default_factory=list,
            description="the tasks to run; none are needed if every load replays a traffic table, which brings its own requests",
        ),
    ]
    loads: Annotated[
        list[LoadDocument],
        Field(
            min_length=1, default_factory=lambda: [LoadDocument(concurrency=8)], description="when to send"
        ),
    ]
    looks: int | None = Field(
        None,
        ge=2,
        le=20,
        description="number of looks of `bench run --until-sure`, at equal parts of the plan; default: after each block of "
        "whole clusters, by an e-process. Give 5 for plans under 500 pairs",
    )
    repeats: int = Field(1, ge=1, le=1_000, description="number of times each sample is asked")
    params: ParamsDocument = Field(
        default_factory=ParamsDocument, description="parameters for all models and tasks"
    )
    tools: Tools | None = Field(
        None,
        description="tools that the model may call in all tasks of one reply that declare none: a list, or a .json file of "
        "declarations in any vendor's form; episodes and recorded conversations keep their own",
    )
    tools_as: ToolsAs | None = Field(
        None,
        description="how tools are given in all tasks that do not set it themselves: native, or prompt (described in the "
        "system prompt; the model writes its calls as JSON)",
    )
    retries: RetriesDocument = Field(default_factory=RetriesDocument, description="how often to retry")
    timeouts: TimeoutsDocument = Field(
        default_factory=TimeoutsDocument, description="deadlines of one attempt"
    )
    transport: Literal["lean", "httpx2"] = Field(
        "lean",
        description="HTTP transport: lean, gapbench's own, with kernel receive timestamps; or httpx2, without them",
    )
    tco: TcoDocument | None = Field(None, description="total cost of ownership, for `bench tco`")
    judges: list[ModelDocument] = Field(
        default_factory=list, description="models that judge answers and are not compared themselves"
    )
    users: list[ModelDocument] = Field(
        default_factory=list, description="models that play users of episodes and are not compared themselves"
    )
    arena: ArenaDocument | None = Field(None, description="how `bench arena` compares answers")
    cache: str | None = Field(
        None,
        min_length=1,
        description="folder of the response cache, or redis://HOST:PORT/DB for one that several runs share; for accuracy runs: "
        "cached answers have no timing, and nothing is paid for them",
    )
    breaker: BreakerDocument = Field(
        default_factory=BreakerDocument, description="when to give up on a model"
    )
    on_unparsed: Literal["ask", "stop", "continue"] = Field(
        "ask",
        description="what to do when at least 19 of the first 20 answers of a model to a task are unparsed, refused or truncated: "
        "ask (in a terminal; elsewhere stop), stop sending the task to the model, or continue",
    )
    margin_points: float = Field(
        1.7,
        gt=0,
        lt=100,
        description="largest gap that makes no practical difference to you, in percentage points",
    )

    _document: Document = PrivateAttr()

    @property
    def path(self) -> Path:
        """The file, as the user named it."""
        return self._document.file

    @property
    def sha256(self) -> str:
        """Hash of the content; comments and layout do not affect it."""
        return sha256(canonical_json(self._document.value))

    @property
    def content(self) -> dict[str, Any]:
        """The keys and values of the file."""
        return dict(self._document.value)

    @property
    def cache_place(self) -> CachePlace | None:
        """Where answers are kept. None: nowhere."""
        place = None if self.cache is None else parse_cache_place(self.cache)
        return self.path.parent / place if isinstance(place, Path) else place

    @field_validator("cache")
    @classmethod
    def _check_cache(cls, value: str | None) -> str | None:
        if value is not None:
            parse_cache_place(value)
        return value

    def model_location(self, model_id: str) -> str:
        """Return ``file:line`` of a model, or the file alone for one that is not in it."""
        for section, listed in (("models", self.models), ("users", self.users)):
            for at, model in enumerate(listed):
                if model.id == model_id:
                    return f"{self.path}:{self._document.line((section, at))}"
        return str(self.path)

    def models_by_id(self) -> dict[str, Model]:
        """Return the models to compare, by id."""
        return {document.id: document.to_model(self.transport) for document in self.models}

    def judges_by_id(self) -> dict[str, Model]:
        """Return the judges, by id."""
        return {document.id: document.to_model(self.transport) for document in self.judges}

    def users_by_id(self) -> dict[str, Model]:
        """Return the models that may play a user, by id: those to compare, and those of ``users``."""
        own = {document.id: document.to_model(self.transport) for document in self.users}
        return {**self.models_by_id(), **own}

    def refuse_programs(self) -> None:
        """Refuse programs that the suite starts for its models, unless the suite is built in. Raises ``DocumentError``."""
        if not self.path.resolve().is_relative_to((builtin_folder() / "suites").resolve()):
            refuse_programs(self._document)

    def task_names(self) -> list[str]:
        """Return the names of the suite's tasks without reading their data."""
        own = [document.name for _, (document, _, _, _) in self._task_documents()]
        return own + package_task_names(self._document)

    def load_tasks(
        self,
        only: Iterable[str] = (),
        limit: int | None = None,
        *,
        in_file_order: bool = False,
        allow_code: bool = False,
        closed_models: Sequence[str] = (),
    ) -> list[Task]:
        """Return the tasks with their samples.

        Args:
            only: Names to load; (): all.
            limit: N samples of each task, the first of its working order, on top of the suite's own limits. None: no further limit.
            in_file_order: Whether limits take the first rows of the file, as gapbench 0.1 did.
            allow_code: Whether Python that a task names may run.
            closed_models: Models with closed weights in the run; some lm-eval tasks cannot run on them.

        Raises:
            DocumentError: A task's document or data is wrong.
        """
        wanted = set(only)
        entries = self._task_documents()
        places = TaskPlaces(self._document)
        for index, (document, _, _, _) in entries:
            places.add(document.name, ("tasks", index))
        tasks: list[Task] = []
        for index, (document, source, own_limit, path) in entries:
            if wanted and document.name not in wanted:
                continue
            limits = [bound for bound in (own_limit, limit, document.limit) if bound is not None]
            tasks.append(
                load_task(
                    document,
                    source,
                    min(limits, default=None),
                    path,
                    seed=self.seed,
                    in_file_order=in_file_order,
                    allow_code=allow_code,
                    ladder_place=(self._document, ("tasks", index)),
                )
            )
        return tasks + load_package_tasks(
            self._document, wanted, limit, places, closed_models=closed_models, allow_code=allow_code
        )

    def _task_documents(self) -> list[tuple[int, tuple[TaskDocument, Document, int | None, KeyPath]]]:
        """Return each task's document, its file, its limit in this suite, and its place in that file."""
        return [
            (index, self._read_task_entry(index, entry))
            for index, entry in enumerate(self.tasks)
            if not is_package_entry(entry)
        ]

    def _read_task_entry(
        self, index: int, entry: str | dict[str, Any]
    ) -> tuple[TaskDocument, Document, int | None, KeyPath]:
        at: KeyPath = ("tasks", index)
        if isinstance(entry, dict) and "task" not in entry:
            document = validate_document(self._document, TaskDocument, entry, at)
            document = set_tools(document, None, self.tools, self._document, at)
            return set_tools_as(document, None, self.tools_as, self._document, at), self._document, None, at
        named = validate_document(
            self._document, TaskEntry, {"task": entry} if isinstance(entry, str) else entry, at
        )
        file = self._task_file(named.task, at)
        document, source = read_task(file)
        if named.params is not None:
            merged = {
                **document.params.model_dump(exclude_unset=True),
                **named.params.model_dump(exclude_unset=True),
            }
            document = document.model_copy(update={"params": ParamsDocument(**merged)})
        if named.name is not None:
            document = document.model_copy(update={"name": named.name})
        document = set_ladder_keys(document, named, self._document, at)
        document = set_tools(document, named.tools, self.tools, self._document, at)
        document = set_tools_as(document, named.tools_as, self.tools_as, self._document, at)
        return document, source, named.limit, ()

    def _task_file(self, name: str, at: KeyPath) -> Path:
        if name.endswith((".yaml", ".yml")):
            file = self.path.parent / name
            if not file.exists():
                raise self._document.error(at, f"no such file: {file}; paths are relative to the suite")
            return file
        try:
            return find_builtin_task(name)
        except DocumentError as exc:
            raise self._document.error(at, exc.problem) from exc


def load_suite(path: Path) -> Suite:
    """Return a suite from a file, or a built-in one by its name.

    Raises:
        DocumentError: The file is missing or wrong.
    """
    if not os.path.isfile(path):  # noqa: PTH113 - Path.is_file raises on a name that is too long
        builtin = (
            (builtin_folder() / "suites") / path.name
            if path.suffix
            else (builtin_folder() / "suites") / f"{path}.yaml"
        )
        # An installed gapbench has no checkout: the README's paths mean the packaged suites.
        if str(path.parent) in {".", "tasks/suites"} and os.path.isfile(builtin):  # noqa: PTH113 - as above
            path = builtin
        elif not os.path.exists(path) and (near := _closest_suite(path)):  # noqa: PTH110 - as above
            raise DocumentError(
                f"no such file; did you mean {near}? `bench list suites` names the built-in ones", file=path
            )
    if path.suffix.lower() in {*FORMATS} - {".json"}:  # JSON is YAML, too
        raise DocumentError(
            f"is data and no suite; `bench init my.yaml --from {path}` writes a suite for it", file=path
        )
    document = read_document(path)
    refuse_secrets(document)
    suite = validate_document(document, Suite)
    for section, listed in (("models", suite.models), ("judges", suite.judges), ("users", suite.users)):
        _refuse_duplicates(document, section, "id", [model.id for model in listed])
    for index, user in enumerate(suite.users):
        if user.id in {model.id for model in suite.models}:
            raise document.error(
                ("users", index, "id"), f"{user.id!r} is also one of the models; list it once"
            )
    if suite.arena and suite.arena.judge and suite.arena.judge not in {judge.id for judge in suite.judges}:
        there = ", ".join(judge.id for judge in suite.judges) or "none; list one under judges"
        raise document.error(
            ("arena", "judge"), f"no judge {suite.arena.judge!r} in this suite; there are: {there}"
        )
    _refuse_unused_tasks(document, suite)
    _refuse_duplicate_loads(document, suite.loads)
    _refuse_unquoted_booleans(document)
    suite._document = document  # noqa: SLF001 - pydantic sets private attributes only after validation
    return suite


def _closest_suite(path: Path) -> str | None:
    """Return the closest match to a name: a built-in suite, or a file in the same folder."""
    builtin = (
        [file.stem for file in (builtin_folder() / "suites").glob("*.yaml")]
        if str(path.parent) == "."
        else []
    )
    beside: dict[str, Path] = {}
    with suppress(OSError, ValueError):  # a name that is too long, or holds a NUL
        beside = {file.name: file for file in path.parent.glob("*.y*ml")}
    near = difflib.get_close_matches(path.name, [*builtin, *beside], 1)
    return str(beside.get(near[0], near[0])) if near else None


def _refuse_unused_tasks(document: Document, suite: Suite) -> None:
    """Refuse loads without tasks, and tasks without loads. A load that replays traffic has its own requests."""
    is_all_traffic = all(load.brings_requests for load in suite.loads)
    if suite.tasks and is_all_traffic:
        raise document.error(
            ("tasks",),
            "no load sends them: a replay of traffic brings its own requests; leave tasks out, or add a load such as "
            "{concurrency: 8}",
        )
    if not suite.tasks and not is_all_traffic:
        if "tasks" in document.value:
            raise document.error(("tasks",), "found an empty list; expected at least 1 of them")
        raise document.error(("tasks",), "missing; it must be given: the tasks to run")


def _refuse_duplicates(document: Document, section: str, noun: str, names: Sequence[str]) -> None:
    for index, name in enumerate(names):
        first = names.index(name)
        if first < index:
            at = (section, index, noun) if noun == "id" else (section, index)
            raise document.error(
                at, f"{noun} {name!r} is listed twice, also as {section}[{first}]; each must be unique"
            )


def _refuse_duplicate_loads(document: Document, loads: Sequence[LoadDocument]) -> None:
    """Refuse two loads with one name in tables: they would be one cell."""
    seen: dict[str, int] = {}
    for index, load in enumerate(loads):
        for label in load.labels():
            if label in seen:
                raise document.error(
                    ("loads", index),
                    f"load {label!r} is listed twice, also as loads[{seen[label]}]; give one of them a name",
                )
            seen[label] = index


def _refuse_unquoted_booleans(document: Document) -> None:
    """Refuse an unquoted `off` and similar where any value is accepted: it may mean the word or the boolean."""
    for path in document.unquoted_booleans:
        is_runner_setting = (
            path[0] in {"models", "users"}
            and len(path) > 2
            and (path[2] == "options" or path[2] not in ModelDocument.model_fields)
        )
        if is_runner_setting or "extra" in path[:-1]:
            found: Any = document.value
            for step in path:
                found = found[step]
            meant = str(found.lower() in {"yes", "on"}).lower()
            raise document.error(
                path, f"found {found} without quotes; write {meant}, or the word as '{found}'"
            )


def builtin_suites() -> dict[str, str]:
    """Return the built-in suites by name, with one line on each."""
    return {
        path.stem: load_suite(path).description
        for path in sorted((builtin_folder() / "suites").glob("*.yaml"))
    }

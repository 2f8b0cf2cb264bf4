"""The suite: what a user writes, checked at the door. ``bench schema suite`` prints its JSON Schema."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, field_validator, model_validator

from harness.document import Document, Path_, check, read_document
from harness.errors import DocumentError, SetupError
from harness.task import ParamsDocument, Task, TaskDocument, find_builtin, load_task, read_task
from harness.values import Model, canonical_json, sha256

_ID = r"[A-Za-z0-9][A-Za-z0-9._:/-]*"
_KEY_LIKE = re.compile(r"^(sk-|AIza|gsk_|hf_|xai-)|^(?=.*[a-z])(?=.*[0-9])[A-Za-z0-9_\-]{24,}$")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=False)


class ModelDocument(_Strict):
    """One model of the comparison."""

    id: str = Field(pattern=f"^{_ID}$", description="the name in tables; unique")
    runner: str = Field(description="vllm, openai, anthropic, google, sim, or an installed plug-in's name")
    model: str | None = Field(None, description="what the provider calls it; default: the id")
    weights: Literal["open", "closed"] = Field(description="open when the weights can be downloaded")
    released: date | None = Field(None, description="day of release, for the lag in months")
    base_url: str | None = Field(None, description="endpoint; default: the provider's own")
    key_env: str | None = Field(None, description="environment variable that holds the key")
    params: ParamsDocument = Field(
        default_factory=ParamsDocument, description="parameters for this model alone"
    )
    cost: dict[str, Any] | None = Field(
        None,
        description="gpu, gpus, usd_per_gpu_hour, source; or input_usd_per_mtok, output_usd_per_mtok, "
        "cached_input_usd_per_mtok, source; or provider, model of the price book",
    )
    serve: dict[str, Any] | None = Field(
        None, description="vllm: start and own a server (gpus, args, env, port)"
    )
    sim: dict[str, Any] | None = Field(None, description="sim: protocol and persona")
    api: Literal["chat", "responses"] | None = Field(None, description="openai: which API")
    engine: dict[str, Any] | None = Field(None, description="vllm: run the engine in this process")
    options: dict[str, Any] = Field(default_factory=dict, description="anything else the runner takes")

    @model_validator(mode="before")
    @classmethod
    def _no_key_in_yaml(cls, value: Any) -> Any:
        if isinstance(value, Mapping):
            held = [key for key in value if re.fullmatch(r"(?i)(api_?)?key|token|secret|password", str(key))]
            if held:
                raise ValueError(
                    f"{held[0]!r}: a key must not stand in a suite; export it and name the variable with key_env"
                )
        return value

    @field_validator("key_env")
    @classmethod
    def _names_a_variable(cls, value: str | None) -> str | None:
        if value is not None and (
            _KEY_LIKE.search(value) or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", value)
        ):
            raise ValueError(
                "this is no name of an environment variable (not shown, it may be a key); write such as OPENAI_API_KEY"
            )
        return value

    @field_validator("base_url")
    @classmethod
    def _is_an_address(cls, value: str | None) -> str | None:
        if value is None:
            return None
        url = urlsplit(value)
        if url.scheme not in {"http", "https"} or not url.hostname:
            raise ValueError(f"found {value!r}; expected an address such as http://127.0.0.1:8000/v1")
        if url.username or url.password:
            raise ValueError("an address must not hold a user or password; use key_env")
        return value

    @field_validator("cost")
    @classmethod
    def _has_one_form(cls, value: dict[str, Any] | None) -> dict[str, Any] | None:
        forms = (
            {"gpu", "gpus", "usd_per_gpu_hour", "source"},
            {"input_usd_per_mtok", "output_usd_per_mtok", "cached_input_usd_per_mtok", "source"},
            {"provider", "model"},
        )
        if value is not None and not any(set(value) <= form for form in forms):
            raise ValueError(
                f"found keys {', '.join(value)}; expected one of: "
                + "; or: ".join(", ".join(sorted(form)) for form in forms)
            )
        for key in (
            "usd_per_gpu_hour",
            "gpus",
            "input_usd_per_mtok",
            "output_usd_per_mtok",
            "cached_input_usd_per_mtok",
        ):
            number = (value or {}).get(key, 0)
            if isinstance(number, bool) or not isinstance(number, (int, float)) or number < 0:
                raise ValueError(f"{key}: found {number!r}; expected a number of at least 0")
        return value

    def value(self) -> Model:
        """Return the model as a runner gets it; the suite's defaults are laid under it by the plan."""
        named = {"serve": self.serve, "sim": self.sim, "api": self.api, "engine": self.engine}
        return Model(
            id=self.id,
            runner=self.runner,
            name=self.model or self.id,
            weights=self.weights,
            released=self.released,
            base_url=self.base_url,
            key_env=self.key_env,
            params=self.params.value(),
            options={**self.options, **{key: given for key, given in named.items() if given is not None}},
            cost=self.cost,
        )


class LoadDocument(_Strict):
    """When to send: a number in flight, or a rate."""

    concurrency: int | None = Field(None, ge=1, le=100_000, description="requests in flight")
    warmup_requests: int = Field(0, ge=0, description="extra requests first, left out of every figure")
    rate_rps: float | None = Field(None, gt=0, description="requests per second")
    arrivals: Literal["constant", "poisson"] = Field("poisson", description="spacing under a rate")
    duration_s: float | None = Field(None, gt=0, description="how long a rate lasts")
    warmup_s: float = Field(0.0, ge=0, description="start of a rate, left out of every figure")
    max_requests: int | None = Field(None, ge=1, description="cap on a rate's requests")

    @model_validator(mode="after")
    def _one_kind(self) -> LoadDocument:
        if (self.concurrency is None) == (self.rate_rps is None):
            raise ValueError("give exactly one of concurrency and rate_rps")
        if self.rate_rps is not None and self.duration_s is None:
            raise ValueError("rate_rps needs duration_s")
        if self.concurrency is not None and (self.duration_s or self.warmup_s or self.max_requests):
            raise ValueError("duration_s, warmup_s and max_requests go with rate_rps")
        if self.duration_s is not None and self.warmup_s >= self.duration_s:
            raise ValueError("warmup_s must be shorter than duration_s, or nothing is measured")
        return self

    @property
    def label(self) -> str:
        """Two loads with one label would be one cell."""
        return f"c{self.concurrency}" if self.concurrency is not None else f"r{self.rate_rps:g}"


class RetriesDocument(_Strict):
    """How often and how patiently to try again."""

    attempts: int = Field(3, ge=1, le=100, description="most attempts at one request, the first included")
    max_wait_s: float = Field(60.0, ge=0, description="longest wait before another attempt")


class TimeoutsDocument(_Strict):
    """Deadlines of one attempt."""

    connect_s: float = Field(10.0, gt=0, description="for a connection")
    read_s: float = Field(120.0, gt=0, description="longest silence on an open stream")
    total_s: float = Field(600.0, gt=0, description="for the whole reply")


class TaskEntry(_Strict):
    """A task named by the suite, with changes of its own."""

    task: str = Field(description="category/name of a built-in task, or the path of a task.yaml")
    limit: int | None = Field(None, ge=1, description="first N samples")
    params: ParamsDocument | None = Field(None, description="parameters for this task alone")


class LmEvalEntry(_Strict):
    """A task of lm-evaluation-harness."""

    lm_eval: str = Field(description="its name there")
    limit: int | None = Field(None, ge=1, description="first N samples")


class Suite(_Strict):
    """Models, tasks and loads: everything that a run needs."""

    name: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", description="name of the suite and of its runs"
    )
    description: str = Field("", description="for readers")
    seed: int = Field(0, description="of the order of samples and of arrivals")
    models: Annotated[list[ModelDocument], Field(min_length=1, description="the models to compare")]
    tasks: Annotated[list[str | dict[str, Any]], Field(min_length=1, description="what to ask them")]
    loads: Annotated[
        list[LoadDocument],
        Field(
            min_length=1, default_factory=lambda: [LoadDocument(concurrency=8)], description="when to send"
        ),
    ]
    repeats: int = Field(1, ge=1, le=1_000, description="times each sample is asked")
    params: ParamsDocument = Field(
        default_factory=ParamsDocument, description="parameters for all models and tasks"
    )
    retries: RetriesDocument = Field(default_factory=RetriesDocument, description="when to try again")
    timeouts: TimeoutsDocument = Field(
        default_factory=TimeoutsDocument, description="deadlines of one attempt"
    )
    margin_points: float = Field(
        1.7, gt=0, lt=100, description="gap that makes no difference to you, in points"
    )

    _document: Document = PrivateAttr()

    @field_validator("models")
    @classmethod
    def _ids_are_unique(cls, models: list[ModelDocument]) -> list[ModelDocument]:
        _refuse_twice((model.id for model in models), "id")
        return models

    @field_validator("loads")
    @classmethod
    def _loads_are_unique(cls, loads: list[LoadDocument]) -> list[LoadDocument]:
        _refuse_twice((load.label for load in loads), "load")
        return loads

    @property
    def path(self) -> Path:
        """The file, as the user named it."""
        return self._document.file

    @property
    def sha256(self) -> str:
        """Hash of the content: comments and layout do not count."""
        return sha256(canonical_json(self._document.value))

    def where(self, model_id: str) -> str:
        """Return ``file:line`` of a model, or the file alone for one that is not in it."""
        at = next((index for index, model in enumerate(self.models) if model.id == model_id), None)
        return str(self.path) if at is None else f"{self.path}:{self._document.line(('models', at))}"

    def task_names(self) -> list[str]:
        """Return the names of the suite's tasks without reading their data."""
        return [document.name for document, _, _, _ in self._task_documents()]

    def load_tasks(self, only: Iterable[str] = (), limit: int | None = None) -> list[Task]:
        """Return the tasks with their samples.

        Args:
            only: Names to load; (): all.
            limit: First N samples of each, on top of the suite's own limits. None: no further limit.

        Raises:
            DocumentError: A task's document or data is wrong.
        """
        wanted = set(only)
        entries = self._task_documents()
        seen: dict[str, int] = {}
        for index, (document, _, _, _) in enumerate(entries):
            if document.name in seen:
                raise self._document.error(
                    ("tasks", index),
                    f"task {document.name!r} is there twice, also as tasks[{seen[document.name]}]",
                )
            seen[document.name] = index
        tasks: list[Task] = []
        for document, source, own_limit, path in entries:
            if wanted and document.name not in wanted:
                continue
            limits = [bound for bound in (own_limit, limit, document.limit) if bound is not None]
            tasks.append(load_task(document, source, min(limits, default=None), path))
        return tasks

    def _task_documents(self) -> list[tuple[TaskDocument, Document, int | None, Path_]]:
        """Return each task's document, where it stands, its limit here, and its place in that file."""
        return [self._one_task(index, entry) for index, entry in enumerate(self.tasks)]

    def _one_task(
        self, index: int, entry: str | dict[str, Any]
    ) -> tuple[TaskDocument, Document, int | None, Path_]:
        at: Path_ = ("tasks", index)
        if isinstance(entry, dict) and "lm_eval" in entry:
            check(self._document, LmEvalEntry, entry, at)
            raise SetupError(
                f"{self.path}:{self._document.line(at)}: {entry['lm_eval']!r}: lm-eval tasks do not run in this version; "
                "bring the data as JSONL (`bench init --from`), or leave the task out"
            )
        if isinstance(entry, dict) and "task" not in entry:
            return check(self._document, TaskDocument, entry, at), self._document, None, at
        named = check(self._document, TaskEntry, {"task": entry} if isinstance(entry, str) else entry, at)
        file = self._named_file(named.task, at)
        document, source = read_task(file)
        if named.params is not None:
            merged = {
                **document.params.model_dump(exclude_unset=True),
                **named.params.model_dump(exclude_unset=True),
            }
            document = document.model_copy(update={"params": ParamsDocument(**merged)})
        return document, source, named.limit, ()

    def _named_file(self, name: str, at: Path_) -> Path:
        if name.endswith((".yaml", ".yml")):
            file = self.path.parent / name
            if not file.exists():
                raise self._document.error(at, f"no such file: {file}; paths are relative to the suite")
            return file
        try:
            return find_builtin(name)
        except DocumentError as exc:
            raise self._document.error(at, exc.problem) from exc


def _refuse_twice(names: Iterable[str], what: str) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise ValueError(f"{what} {name!r} is there twice; each must be unique")
        seen.add(name)


def load_suite(path: Path) -> Suite:
    """Return a suite from a file, or a built-in one by its name.

    Raises:
        DocumentError: The file is missing or wrong.
    """
    if not path.exists():
        builtin = _builtin_folder() / path.name if path.suffix else _builtin_folder() / f"{path}.yaml"
        # An installed gapbench has no checkout around it: the README's paths name the packaged suites too.
        if builtin.exists() and str(path.parent) in {".", "tasks/suites"}:
            path = builtin
    document = read_document(path)
    suite = check(document, Suite)
    suite._document = document  # noqa: SLF001 - pydantic sets private attributes only after validation
    return suite


def builtin_suites() -> dict[str, str]:
    """Return the built-in suites by name, with one line on each."""
    return {path.stem: load_suite(path).description for path in sorted(_builtin_folder().glob("*.yaml"))}


@lru_cache
def _builtin_folder() -> Path:
    return Path(str(files("tasks").joinpath("suites")))


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of the suite, for editors."""
    schema = Suite.model_json_schema()
    entry = {
        "anyOf": [
            {"type": "string", "description": "category/name of a built-in task, or the path of a task.yaml"},
            TaskEntry.model_json_schema(),
            LmEvalEntry.model_json_schema(),
            {"$ref": "#/$defs/TaskDocument"},
        ]
    }
    task = TaskDocument.model_json_schema()
    schema["$defs"].update(task.pop("$defs", {}))
    for member in entry["anyOf"]:
        schema["$defs"].update(member.pop("$defs", {}))
    schema["$defs"]["TaskDocument"] = task
    schema["properties"]["tasks"]["items"] = entry
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    return schema

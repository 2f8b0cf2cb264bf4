"""A task: a document that says how rows become samples, and the samples."""

from __future__ import annotations

import difflib
import os.path
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from harness.data import folder_problem, read_hugging_face, read_rows
from harness.document import PATH_NAME, WORD, Document, Path_, Strict, check, read_document, refuse_keys
from harness.errors import DocumentError, SetupError
from harness.generated import generate_rows
from harness.grader import Grader
from harness.named_code import ALLOW_CODE, code_digests, scorer_of
from harness.renderer import Renderer
from harness.values import Params, Role, Sample, canonical_json, sha256


class ParamsDocument(Strict):
    """Generation parameters; what is not given is not sent."""

    max_tokens: int | None = Field(None, ge=1, description="budget of output tokens, reasoning included")
    temperature: float | None = Field(None, ge=0, le=2, description="0 for the likeliest answer")
    top_p: float | None = Field(None, gt=0, le=1, description="nucleus sampling")
    stop: list[str] = Field(default_factory=list, max_length=16, description="stop strings")
    seed: int | None = Field(
        None, ge=-(2**63), lt=2**63, description="of the provider's draws, where it takes one"
    )
    reasoning: (
        Literal["off", "minimal", "low", "medium", "high", "max"] | Annotated[int, Field(ge=1)] | None
    ) = Field(None, description="effort, or a budget in tokens; default: the model's own")
    extra: dict[str, Any] = Field(
        default_factory=dict, description="provider parameters passed on as they are"
    )

    def value(self) -> Params:
        """Return the parameters as they travel."""
        return Params(
            max_tokens=self.max_tokens,
            temperature=self.temperature,
            top_p=self.top_p,
            stop=tuple(self.stop),
            seed=self.seed,
            reasoning=self.reasoning,
            extra=self.extra,
        )


class HuggingFaceData(Strict):
    """A data set on the Hugging Face hub."""

    hf: str = Field(min_length=1, description="organisation/name")
    config: str | None = Field(None, description="configuration")
    split: str = Field("test", description="split")
    revision: str | None = Field(None, description="commit; pin it, or results cannot be repeated")


class GeneratedData(Strict):
    """Rows that a Python file makes."""

    generator: str = Field(
        pattern=r"\.py$",
        description="a .py with a function rows(**arguments), relative to this file; needs --allow-code",
    )
    arguments: dict[str, Any] = Field(default_factory=dict, description="what rows() is called with")


class TurnDocument(Strict):
    """One turn of a prompt."""

    role: Role = Field(description="who says it")
    text: str = Field("", description="template")
    images: list[str] = Field(default_factory=list, description="templates of paths or data URIs")


class ShotDocument(Strict):
    """A worked example before the prompt."""

    user: str = Field(description="template of the question")
    assistant: str = Field(description="template of the answer")


class TaskDocument(Strict):
    """How rows become prompts, targets and scores."""

    name: str = Field(pattern=PATH_NAME, description="name of the task")
    category: str = Field(pattern=WORD, description="coding, reasoning, multimodal, or your own word")
    version: int | str = Field(1, description="raise it when results should no longer be compared")
    license: str | None = Field(None, description="of the data")
    description: str = Field("", description="for readers")
    data: str | HuggingFaceData | GeneratedData = Field(
        description="a .jsonl, .json, .csv, .tsv or .parquet beside this file, {hf: name}, or {generator: file.py}"
    )
    id: str | None = Field(None, description="template of the sample's id; default: the row number")
    system: str | None = Field(None, description="template of a system prompt")
    prompt: Annotated[str, Field(min_length=1)] | Annotated[list[TurnDocument], Field(min_length=1)] = Field(
        description="template, or a list of turns"
    )
    images: list[str] = Field(
        default_factory=list,
        description="templates of paths or data URIs, before the prompt's text; an empty one: no image",
    )
    image_detail: Literal["low", "high", "auto"] | None = Field(
        None, description="fidelity asked of the provider"
    )
    image_urls: bool = Field(
        False, description="images may be addresses, fetched when the suite is read; public ones only"
    )
    few_shot: list[ShotDocument] = Field(
        default_factory=list, description="worked examples before the prompt"
    )
    target: str | None = Field(None, description="template, or a column, that the scorer compares with")
    reference: str | None = Field(None, description="template of a reply that scores 1; default: the target")
    decoy: str | None = Field(None, description="template of a reply that scores 0")
    cluster: str | None = Field(None, description="template; samples of one source share it")
    tags: list[str] = Field(default_factory=list, description="templates of labels")
    scorer: str | dict[str, Any] | None = Field(
        None, description="a name, {name: …, options}, or {python: module:function}"
    )
    params: ParamsDocument = Field(default_factory=ParamsDocument, description="parameters for this task")
    limit: int | None = Field(None, ge=1, description="first N samples")
    data_policy: Literal["public", "private"] = Field(
        "public",
        description="private: never sent to somebody else's API, which is one that is paid by the token or serves closed weights",
    )

    @model_validator(mode="after")
    def _scorer_is_named(self) -> TaskDocument:
        if isinstance(self.scorer, dict) and not any(
            isinstance(self.scorer.get(key), str) for key in ("name", "python")
        ):
            raise ValueError("scorer: a mapping needs `name`; `bench list scorers` shows the names")
        return self

    @model_validator(mode="after")
    def _turns_are_whole(self) -> TaskDocument:
        if isinstance(self.prompt, list):
            if self.images:
                raise ValueError(
                    "images goes with a prompt that is one text; under turns give each its images"
                )
            if self.prompt[-1].role != "user":
                raise ValueError(f"prompt: the last turn is {self.prompt[-1].role}'s; it must be user's")
        return self


@dataclass(frozen=True)
class Task:
    """A task with its samples.

    Attributes:
        name: Unique in a suite.
        category: The row of the gap table that it counts to.
        version: As the document says.
        sha256: Hash of the document and of the data's bytes.
        samples: In file order.
        scorer_name: None: answers are not scored.
        scorer_options: The scorer's own settings.
        params: The task's parameters, over the suite's.
        data_policy: ``private`` is never sent to somebody else's API.
        license: Of the data. None: not said.
        source: The file that says it.
        scorer_place: Where in that file its scorer stands, with line and key.
        origin: The file or data set that its rows are from.
        repeats: Times each sample is asked, for each of the suite's own repeats.
        grader: Judges the replies in place of a scorer. None: the scorer does.
    """

    name: str
    category: str
    version: int | str
    sha256: str
    samples: tuple[Sample, ...]
    scorer_name: str | None
    scorer_options: Mapping[str, Any] = field(default_factory=dict)
    params: Params = field(default_factory=Params)
    data_policy: Literal["public", "private"] = "public"
    license: str | None = None
    source: str = ""
    scorer_place: str = ""
    origin: str = ""
    repeats: int = 1
    grader: Grader | None = None


def read_task(file: Path) -> tuple[TaskDocument, Document]:
    """Return a task's document without its data.

    Raises:
        DocumentError: The file is missing or wrong.
    """
    document = read_document(file)
    refuse_keys(document)
    return check(document, TaskDocument), document


def load_task(
    task: TaskDocument, source: Document, limit: int | None, path: Path_ = (), *, allow_code: bool = False
) -> Task:
    """Return a task with its first ``limit`` samples, in file order.

    Args:
        task: The checked document.
        source: The file it stands in; data paths are relative to it.
        limit: None: all.
        path: Where in the file it stands.
        allow_code: Whether Python that the task names may run; what gapbench ships always may.

    Raises:
        DocumentError: A template, an image or the data is wrong, or code is named and not allowed.
        SetupError: A Hugging Face data set cannot be had.
    """
    allow_code = allow_code or source.file.resolve().is_relative_to(_builtin_folder().resolve())
    scorer_name, scorer_options = scorer_of(task.scorer, source, path, allow_code=allow_code)
    if isinstance(task.data, GeneratedData):
        file = source.file.parent / task.data.generator
        if not allow_code:
            raise source.error((*path, "data"), f"{file} is code that makes the rows; {ALLOW_CODE}")
        if not os.path.isfile(file):  # noqa: PTH113 - Path.is_file raises on a name that is too long
            raise source.error((*path, "data"), f"no such file: {file}")
        rows, digest = generate_rows(file, task.data.arguments, limit)
        base, origin = file.parent, str(file)
    elif isinstance(task.data, str):
        file = source.file.parent / task.data
        if os.path.isdir(file):  # noqa: PTH112 - Path.is_dir raises on a name that is too long
            raise source.error((*path, "data"), f"{file} {folder_problem(file)}")
        if not os.path.isfile(file):  # noqa: PTH113 - as above
            raise source.error(
                (*path, "data"), f"no such file: {file}; the path is relative to {source.file.parent or '.'}"
            )
        rows, digest = read_rows(file, limit)
        base, origin = file.parent, str(file)
    else:
        try:
            rows, digest = read_hugging_face(task.data.model_dump(exclude_none=True), limit)
        except SetupError as exc:
            raise SetupError(f"{source.file}:{source.line((*path, 'data'))}: {exc}") from exc
        base, origin = source.file.parent, task.data.hf
    renderer = Renderer(task, source, path, base, origin)
    samples: list[Sample] = []
    seen: dict[str, int] = {}
    for number, row in enumerate(rows, 1):
        sample = renderer.sample(row, number)
        if sample.sample_id in seen:
            raise source.error(
                (*path, "id"),
                f"rows {seen[sample.sample_id]} and {number} of {origin} both have the id {sample.sample_id!r}; ids must be unique",
            )
        seen[sample.sample_id] = number
        samples.append(sample)
    return Task(
        name=task.name,
        category=task.category,
        version=task.version,
        sha256=sha256(
            canonical_json(
                [
                    task.model_dump(mode="json"),
                    digest,
                    renderer.image_digests(),
                    *code_digests(scorer_options),
                ]
            )
        ),
        samples=tuple(samples),
        scorer_name=scorer_name,
        scorer_options=scorer_options,
        params=task.params.value(),
        data_policy=task.data_policy,
        license=task.license,
        source=str(source.file),
        scorer_place=source.place((*path, "scorer")),
        origin=origin,
    )


@lru_cache
def _builtin_folder() -> Path:
    from importlib.resources import files  # noqa: PLC0415 - a tenth of the start-up time

    return Path(str(files("tasks")))


def builtin_tasks() -> list[str]:
    """Return the names of the built-in tasks: ``category/name``."""
    root = _builtin_folder()
    return sorted(file.parent.relative_to(root).as_posix() for file in root.glob("*/*/task.yaml"))


def find_builtin(name: str) -> Path:
    """Return the document of a built-in task.

    Raises:
        DocumentError: There is none of that name.
    """
    known = builtin_tasks()
    if name not in known:
        near = difflib.get_close_matches(name, known, 1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise DocumentError(
            f"no built-in task {name!r}; {hint}`bench list tasks` shows all {len(known)}. Your own is ./path/to/task.yaml",
            file=name,
        )
    return _builtin_folder() / name / "task.yaml"

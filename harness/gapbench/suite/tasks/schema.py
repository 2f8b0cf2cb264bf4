"""The task document: what a task's YAML may say."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from gapbench.suite.documents import (
    PATH_NAME_PATTERN,
    WORD_PATTERN,
    StrictModel,
)
from gapbench.values import Params, Role


class ParamsDocument(StrictModel):
    """Generation parameters; what is not given is not sent."""

    max_tokens: int | None = Field(None, ge=1, description="budget of output tokens, reasoning included")
    temperature: float | None = Field(
        None, ge=0, le=2, description="sampling temperature; 0: the most likely answer"
    )
    top_p: float | None = Field(None, gt=0, le=1, description="nucleus sampling")
    stop: list[str] = Field(default_factory=list, max_length=16, description="stop strings")
    seed: int | None = Field(
        None, ge=-(2**63), lt=2**63, description="seed of the provider's sampling, if it accepts one"
    )
    reasoning: (
        Literal["off", "minimal", "low", "medium", "high", "max"] | Annotated[int, Field(ge=1)] | None
    ) = Field(None, description="effort, or a budget in tokens; default: the model's own")
    extra: dict[str, Any] = Field(
        default_factory=dict, description="provider parameters passed on as they are"
    )

    def to_params(self) -> Params:
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


class HuggingFaceData(StrictModel):
    """A data set on the Hugging Face hub."""

    hf: str = Field(min_length=1, description="organisation/name")
    config: str | None = Field(None, description="configuration")
    split: str = Field("test", description="split")
    revision: str | None = Field(None, description="commit; without it, results cannot be reproduced")


class GeneratedData(StrictModel):
    """Rows that a Python file makes."""

    generator: str = Field(
        pattern=r"\.py$",
        description="a .py with a function rows(**arguments), relative to this file; needs --allow-code",
    )
    arguments: dict[str, Any] = Field(default_factory=dict, description="keyword arguments of rows()")


class TurnDocument(StrictModel):
    """One turn of a prompt."""

    role: Role = Field(description="role of the speaker")
    text: str = Field("", description="template")
    images: list[str] = Field(default_factory=list, description="templates of paths, base64 or data URIs")


class ShotDocument(StrictModel):
    """A worked example before the prompt."""

    user: str = Field(description="template of the question")
    assistant: str = Field(description="template of the answer")


class TaskDocument(StrictModel):
    """How rows become prompts, targets and scores."""

    name: str = Field(pattern=PATH_NAME_PATTERN, description="name of the task")
    category: str = Field(pattern=WORD_PATTERN, description="coding, reasoning, multimodal, or your own word")
    version: int | str = Field(1, description="raise it when results should no longer be compared")
    license: str | None = Field(None, description="license of the data")
    description: str = Field("", description="for readers")
    data: str | HuggingFaceData | GeneratedData = Field(
        description="a .jsonl, .json, .csv, .tsv or .parquet next to this file, {hf: name}, or {generator: file.py}"
    )
    id: str | None = Field(None, description="template of the sample's id; default: the row number")
    system: str | None = Field(None, description="template of a system prompt")
    prompt: Annotated[str, Field(min_length=1)] | Annotated[list[TurnDocument], Field(min_length=1)] = Field(
        description="template, or a list of turns"
    )
    images: list[str] = Field(
        default_factory=list,
        description="templates of paths, base64 or data URIs, or of lists of them, before the prompt's text; an empty one: no image",
    )
    image_detail: Literal["low", "high", "auto"] | None = Field(
        None, description="image detail to request from the provider"
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
    cluster: str | None = Field(
        None, description="template of the source; samples from one source are not independent"
    )
    tags: list[str] = Field(default_factory=list, description="templates of the sample's tags")
    scorer: str | dict[str, Any] | None = Field(
        None, description="a name, {name: …, options}, or {python: module:function}"
    )
    params: ParamsDocument = Field(default_factory=ParamsDocument, description="parameters for this task")
    limit: int | None = Field(None, ge=1, description="N samples, spread over its tags and clusters")
    data_policy: Literal["public", "private"] = Field(
        "public",
        description="private: never sent to an API that is paid by the token or serves closed weights",
    )

    @model_validator(mode="after")
    def _check_scorer_name(self) -> TaskDocument:
        if isinstance(self.scorer, dict) and not any(
            isinstance(self.scorer.get(key), str) for key in ("name", "python")
        ):
            raise ValueError("scorer: a mapping needs `name`; `bench list scorers` shows the names")
        return self

    @model_validator(mode="after")
    def _check_turns(self) -> TaskDocument:
        if isinstance(self.prompt, list):
            if self.images:
                raise ValueError(
                    "images goes with a prompt that is one text; under turns give each its images"
                )
            if self.prompt[-1].role != "user":
                raise ValueError(f"prompt: the last turn is {self.prompt[-1].role}'s; it must be user's")
        return self

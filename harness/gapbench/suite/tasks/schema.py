"""The task document: what a task's YAML may say."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from gapbench.suite.documents import (
    HUB_FILE_PATTERN,
    PATH_NAME_PATTERN,
    WORD_PATTERN,
    StrictModel,
)
from gapbench.suite.tasks.ladder_schema import LadderKeys
from gapbench.suite.tasks.tool_schema import AgentDocument, MessagesForm, MessagesMode, Tools, ToolsAs
from gapbench.values import Params


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
    files: list[Annotated[str, Field(pattern=HUB_FILE_PATTERN)]] | None = Field(
        None,
        min_length=1,
        description="files of the repository that have the rows, all .jsonl, .json, .csv or .parquet; for one that only a "
        "script of its own could load",
    )
    split: str = Field("test", description="split")
    revision: str | None = Field(None, description="commit; without it, results cannot be reproduced")

    @model_validator(mode="after")
    def _check_files(self) -> HuggingFaceData:
        if len({file.rpartition(".")[2] for file in self.files or ()}) > 1:
            raise ValueError("files: all files have the same ending")
        if self.files and self.config:
            raise ValueError("config: goes with a data set by its name; take out files or config")
        return self


class GeneratedData(StrictModel):
    """Rows that a Python file makes."""

    generator: str = Field(
        pattern=r"\.py$",
        description="a .py with a function rows(**arguments), relative to this file; needs --allow-code",
    )
    arguments: dict[str, Any] = Field(default_factory=dict, description="keyword arguments of rows()")


class TurnDocument(StrictModel):
    """One turn of a prompt."""

    role: Literal["system", "user", "assistant"] = Field(description="role of the speaker")
    text: str = Field("", description="template")
    images: list[str] = Field(default_factory=list, description="templates of paths, base64 or data URIs")


class ShotDocument(StrictModel):
    """A worked example before the prompt."""

    user: str = Field(description="template of the question")
    assistant: str = Field(description="template of the answer")


class TaskDocument(LadderKeys):
    """How rows become prompts, targets and scores."""

    name: str = Field(pattern=PATH_NAME_PATTERN, description="name of the task")
    category: str = Field(pattern=WORD_PATTERN, description="coding, reasoning, multimodal, or your own word")
    version: int | str = Field(1, description="raise it when results should no longer be compared")
    license: str | None = Field(None, description="license of the data")
    description: str = Field("", description="for readers")
    data: str | HuggingFaceData | GeneratedData | None = Field(
        None,
        description="a .jsonl, .json, .csv, .tsv or .parquet next to this file, {hf: name}, or {generator: file.py}; "
        "without it the rows are those of the ladder",
    )
    ladder: str | None = Field(
        None,
        pattern=r"\.py$",
        description="a .py with LADDER = gapbench.ladder.Ladder(…), relative to this file, that draws items by rung; needs --allow-code",
    )
    rung: str | None = Field(
        None,
        description="template of the item's difficulty, a whole number from 1 to 100; default with a ladder: {rung}",
    )
    complexity: str | None = Field(
        None,
        description="template of the difficulty on its own measure, a number; default with a ladder: {complexity}",
    )
    id: str | None = Field(None, description="template of the sample's id; default: the row number")
    system: str | None = Field(None, description="template of a system prompt")
    prompt: (
        Annotated[str, Field(min_length=1)] | Annotated[list[TurnDocument], Field(min_length=1)] | None
    ) = Field(None, description="template, or a list of turns; this or messages must be given")
    messages: str | None = Field(
        None,
        min_length=1,
        description="a column with a recorded conversation, as {messages}, in place of prompt",
    )
    messages_mode: MessagesMode = Field(
        "last",
        description="last: answer the user's last turn; forced: answer each turn after the recorded history; "
        "free: the model's own answers stay, and the user's recorded turns follow",
    )
    messages_form: MessagesForm | None = Field(
        None, description="whose form the conversation has; default: found by its shape"
    )
    tools: Tools | None = Field(
        None,
        description="tools that the model may call: a list, a .json file of declarations in any vendor's form, or a column, as {tools}",
    )
    tool_choice: str = Field(
        "auto", min_length=1, description="auto, none, required, or the name of the one tool to call"
    )
    parallel_tool_calls: bool | None = Field(
        None, description="whether one reply may hold several calls; default: the provider's own"
    )
    tools_as: ToolsAs | None = Field(
        None,
        description="native: declared in the request; prompt: described in the system prompt, and the model writes its calls "
        "as JSON; default: the suite's, else native",
    )
    response_schema: dict[str, Any] | str | None = Field(
        None,
        description="JSON Schema to which the provider is to hold the reply: a mapping, a .json file, or a column, as {schema}",
    )
    response_strict: bool | None = Field(
        None,
        description="whether the provider is to hold the reply to response_schema exactly; default: the provider's own",
    )
    agent: AgentDocument | None = Field(
        None,
        description="makes each sample an episode of several turns, with tools that run and a user",
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
    reference_turns: str | None = Field(
        None,
        description="a column with the turns of an assistant that scores 1: [{text, tool_calls: [{name, arguments}]}]",
    )
    decoy_turns: str | None = Field(
        None, description="a column with the turns of an assistant that scores 0, as reference_turns"
    )
    cluster: str | None = Field(
        None, description="template of the source; samples from one source are not independent"
    )
    weight: str | None = Field(
        None,
        description="template of how many requests of your traffic the item stands for, a number above 0; "
        "the results then count your traffic instead of your file",
    )
    stratum: str | None = Field(
        None,
        description="template of the part of your traffic that the item was drawn from; goes with weight",
    )
    tags: list[str] = Field(default_factory=list, description="templates of the sample's tags")
    scorer: str | dict[str, Any] | None = Field(
        None, description="a name, {name: …, options}, {all: [scorers]}, or {python: module:function}"
    )
    params: ParamsDocument = Field(default_factory=ParamsDocument, description="parameters for this task")
    limit: int | None = Field(None, ge=1, description="N samples, spread over its tags and clusters")
    data_policy: Literal["public", "private"] = Field(
        "public",
        description="private: never sent to an API that is paid by the token or serves closed weights",
    )

    @model_validator(mode="after")
    def _check_scorer_name(self) -> TaskDocument:
        if (
            isinstance(self.scorer, dict)
            and not any(isinstance(self.scorer.get(key), str) for key in ("name", "python"))
            and not isinstance(self.scorer.get("all"), list)
        ):
            raise ValueError("scorer: a mapping needs `name`; `bench list scorers` shows the names")
        return self

    @model_validator(mode="after")
    def _check_ladder(self) -> TaskDocument:
        if self.data is None and self.ladder is None:
            raise ValueError("data: missing; name a file, a data set or a ladder")
        if self.ladder is None:
            for key in ("seed", "per_rung"):
                if getattr(self, key) is not None:
                    raise ValueError(f"{key}: goes with a ladder, which draws items; this task has none")
            if self.rung is None and (self.rungs is not None or self.adaptive):
                key = "rungs" if self.rungs is not None else "adaptive"
                raise ValueError(f"{key}: the items have no rungs; name their column under rung")
        return self

    @model_validator(mode="after")
    def _check_stratum(self) -> TaskDocument:
        if self.stratum is not None and self.weight is None:
            raise ValueError("stratum: goes with weight, which says how many requests each item stands for")
        if self.weight is not None and self.adaptive:
            raise ValueError("weight: an adaptive run picks its items; take out weight or adaptive")
        return self

    @model_validator(mode="after")
    def _check_turns(self) -> TaskDocument:
        if self.prompt is None and self.messages is None:
            raise ValueError(
                "prompt: missing; give a template, or a column with conversations under messages"
            )
        if isinstance(self.prompt, list):
            if self.images:
                raise ValueError(
                    "images goes with a prompt that is one text; under turns give each its images"
                )
            if self.prompt[-1].role != "user":
                raise ValueError(f"prompt: the last turn is {self.prompt[-1].role}'s; it must be user's")
        return self

    @model_validator(mode="after")
    def _check_messages(self) -> TaskDocument:
        if self.messages is None:
            for key in ("messages_mode", "messages_form"):
                if key in self.model_fields_set:
                    raise ValueError(f"{key}: goes with messages, a column with conversations")
            return self
        for key in ("prompt", "images", "few_shot"):
            if key in self.model_fields_set and getattr(self, key):
                raise ValueError(
                    f"{key}: goes with a prompt, and this task has messages; take one of them out"
                )
        if self.agent is not None and self.messages_mode != "last":
            raise ValueError(
                f"agent: goes with messages_mode: last, not {self.messages_mode}; free brings the recorded user and results itself"
            )
        return self

    @model_validator(mode="after")
    def _check_tools(self) -> TaskDocument:
        if self.tools_as == "prompt" and self.is_episode:
            raise ValueError(
                "tools_as: an episode runs native calls only; take out tools_as: prompt, or ask for one reply"
            )
        if self.response_strict is not None and self.response_schema is None:
            raise ValueError("response_strict: there is no response_schema that it could be about")
        return self

    @property
    def is_episode(self) -> bool:
        """Whether a sample goes on after the first reply."""
        return self.agent is not None or (self.messages is not None and self.messages_mode == "free")

    def fingerprint(self) -> dict[str, Any]:
        """Return the document for its hash, without the later keys that are not set, so that old hashes stay."""
        # Adaptive or not, the items are the same.
        content = self.model_dump(mode="json", exclude={"adaptive"})
        return {
            key: value
            for key, value in content.items()
            if key not in _LATER_KEYS or value != type(self).model_fields[key].default
        }


_LATER_KEYS = frozenset(
    {
        "messages", "messages_mode", "messages_form", "tools", "tool_choice", "parallel_tool_calls", "tools_as",
        "response_schema", "response_strict", "agent", "reference_turns", "decoy_turns", "ladder", "rung", "complexity",
        "seed", "rungs", "per_rung", "weight", "stratum",
    }
)  # fmt: skip
"""Keys that came after version 0.1 of the documents."""

"""The parts of a task document about tools and agents: what its YAML may say."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from gapbench.suite.documents import StrictModel
from gapbench.values import EpisodeLimits
from gapbench.values.played_user import OPENING, STOP_WORD

ToolsAs = Literal["native", "prompt"]
MessagesMode = Literal["last", "forced", "free"]
MessagesForm = Literal["openai", "responses", "anthropic", "sharegpt"]
Word = Annotated[str, Field(min_length=1)]
LOOPBACK_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})


class ToolDocument(StrictModel):
    """A tool that the model may call."""

    name: str = Field(
        min_length=1, description="name as the model sees it: letters, digits, _ and -, at most 64"
    )
    description: str = Field("", description="what it does and when to use it")
    parameters: dict[str, Any] = Field(
        description="JSON Schema of the arguments, an object; `{type: object, properties: {}}` for a tool without any"
    )
    strict: bool | None = Field(
        None,
        description="whether the provider is to hold the arguments to the schema; default: the provider's own",
    )


class UserLineDocument(StrictModel):
    """One line of a scripted user."""

    text: str = Field(min_length=1, description="template of what the user says")
    when: str | None = Field(
        None,
        min_length=1,
        description="regular expression that must match in the model's last text, whatever the case; default: the line needs none",
    )


class PlayedUserDocument(StrictModel):
    """A user that a model plays."""

    model: str = Field(
        min_length=1,
        description="id of one of the suite's users or models, or runner:model[@url]; its dollars and errors are kept apart",
    )
    instructions: str = Field(
        min_length=1, description="template of who the user is, what it wants, and what it may say"
    )
    stop: Word | Annotated[list[Word], Field(min_length=1)] = Field(
        STOP_WORD, description="word by which the user ends the conversation, or a list of such words"
    )
    opening: str = Field(
        OPENING,
        min_length=1,
        description="first message to the model that plays the user, before its first line",
    )
    guidelines: bool = Field(
        True,
        description="whether our words on how to play a user come before the instructions; false: the instructions alone, which must name the stop word",
    )
    max_lines: int = Field(
        40, ge=1, le=1_000, description="most lines of the user; after them it has nothing to add"
    )
    script: str | list[str] = Field(
        default_factory=list,
        description="what a simulated provider says as the user before the stop word: templates, or a column with a list of them",
    )


class McpDocument(StrictModel):
    """A server that speaks the Model Context Protocol; it needs --allow-code."""

    command: list[str] = Field(
        default_factory=list, description="program and arguments of the server; it runs with your permissions"
    )
    url: str | None = Field(None, description="address of a running server on this machine")

    @model_validator(mode="after")
    def _check_one_of_both(self) -> McpDocument:
        if bool(self.command) == (self.url is not None):
            raise ValueError("give either command or url, such as `mcp: {command: [my-server, --stdio]}`")
        if self.url is not None:
            parts = urlsplit(self.url)
            if parts.scheme not in {"http", "https"} or parts.hostname not in LOOPBACK_HOSTS:
                raise ValueError(
                    f"url: {self.url!r} is not an address on this machine; write http://127.0.0.1:PORT/mcp"
                )
        return self


class EpisodeLimitsDocument(StrictModel):
    """The limits of one episode."""

    turns: int = Field(40, ge=1, le=1_000, description="most replies of the model")
    tokens: int | None = Field(
        None, ge=1, description="most tokens, input and output of all turns together; default: no limit"
    )
    usd: float | None = Field(None, gt=0, description="most dollars for the model; default: no limit")
    tool_s: float = Field(30.0, gt=0, le=3_600, description="seconds that one tool call may take")
    result_chars: int = Field(
        20_000, ge=100, description="characters of a tool's result that the model sees; the rest is cut"
    )

    def to_limits(self) -> EpisodeLimits:
        """Return the limits as they travel."""
        return EpisodeLimits(self.turns, self.tokens, self.usd, self.tool_s, self.result_chars)


class AgentDocument(StrictModel):
    """What makes a sample an episode of several turns: tools that run, and a user, scripted or played by a model."""

    tools_file: str | None = Field(
        None,
        pattern=r"\.py$",
        description="a .py with a function for each tool, relative to this file; it runs in the sandbox and needs --allow-code",
    )
    mcp: McpDocument | None = Field(None, description="your own server, which runs the tools")
    state: dict[str, Any] | str | None = Field(
        None,
        description="the JSON state at the start of an episode: a mapping, a .json next to this file, or a column, as {state}",
    )
    user: str | list[str | UserLineDocument] | PlayedUserDocument = Field(
        default_factory=list,
        description="what the user says after the prompt, each line once: templates, {text, when}, or a column with a list of "
        "them; or {model, instructions}, a model that plays the user",
    )
    think_time_s: float = Field(0.0, ge=0, le=3_600, description="seconds that the user waits before a line")
    limits: EpisodeLimitsDocument = Field(
        default_factory=EpisodeLimitsDocument, description="limits of one episode"
    )

    @model_validator(mode="after")
    def _check_tools(self) -> AgentDocument:
        if self.tools_file is not None and self.mcp is not None:
            raise ValueError("give tools_file or mcp, not both: a tool runs in one place")
        if self.state is not None and self.tools_file is None:
            raise ValueError("state: there is no tools_file whose functions could use it")
        return self


Tools = str | Annotated[list[ToolDocument], Field(min_length=1)]

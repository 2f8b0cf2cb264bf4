"""Tools that a model may call, and the schema that its reply must follow, as every provider is given them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool that a model may call.

    Attributes:
        name: As the model sees it.
        description: What it does and when to use it; "" for none.
        parameters: JSON Schema of its arguments: an object.
        strict: Whether the provider is to hold the arguments to the schema. None: the provider's default.
    """

    name: str
    description: str
    parameters: Mapping[str, Any]
    strict: bool | None = None


@dataclass(frozen=True, slots=True)
class ToolSet:
    """The tools of a request and how the model may use them.

    Attributes:
        tools: In order.
        choice: ``auto``, ``none``, ``required``, or the name of the one tool to call.
        parallel: Whether one reply may hold several calls. None: the provider's default.
    """

    tools: tuple[Tool, ...]
    choice: str = "auto"
    parallel: bool | None = None

    def tool(self, name: str) -> Tool | None:
        """Return the tool of a name. None: there is none."""
        return next((tool for tool in self.tools if tool.name == name), None)

    def as_json(self) -> dict[str, Any]:
        """Return the declaration as plain JSON values, without what is not set."""
        tools = [
            {
                "name": tool.name,
                "description": tool.description,
                "parameters": dict(tool.parameters),
                **({} if tool.strict is None else {"strict": tool.strict}),
            }
            for tool in self.tools
        ]
        parallel = {} if self.parallel is None else {"parallel": self.parallel}
        return {"tools": tools, "choice": self.choice, **parallel}


@dataclass(frozen=True, slots=True)
class ResponseSchema:
    """The JSON Schema that a provider is to hold a reply to (structured output).

    Attributes:
        name: Its name; OpenAI asks for one.
        schema: The JSON Schema.
        strict: Whether the provider is to hold the reply to it exactly. None: the provider's default.
    """

    name: str
    schema: Mapping[str, Any]
    strict: bool | None = None

"""The tools of a tau2 domain as a model sees them, made from the package's functions as ``inspect_ai`` makes them."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Mapping
from typing import Any

from gapbench.errors import SetupError
from gapbench.suite.tau2.package import INSTALL_HINT, Tau2Domain
from gapbench.values import Tool, ToolSet

_PLAIN_TYPES = {"str": "string", "int": "integer", "float": "number", "bool": "boolean"}
_SECTION = re.compile(r"^(Args|Returns|Raises):$", re.MULTILINE)
_PARAMETER = re.compile(r"^(\w+): (.*)$", re.DOTALL)


def declare_tools(domain: Tau2Domain) -> ToolSet:
    """Return the tools of a domain, in the package's order.

    Raises:
        SetupError: The package's files are not as expected.
    """
    try:
        functions = {
            node.name: node
            for file in ("common_tools", "tools")
            for node in domain.sources[file].body
            if isinstance(node, ast.FunctionDef)
        }
        types = _TypeReader(domain.sources["data_model"])
        names = _listed_tools(domain.sources["tools"])
        return ToolSet(tuple(_declare(functions[name], types) for name in names))
    except (KeyError, StopIteration, AssertionError) as exc:
        raise SetupError(
            f"the tools of tau2's domain {domain.name} cannot be read from inspect-evals {domain.version} ({exc!r}); "
            f"install the version that fits: {INSTALL_HINT}"
        ) from exc


def _listed_tools(module: ast.Module) -> list[str]:
    """Return the names in the list of all tools at the end of the module."""
    listed = next(
        node.value
        for node in module.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.List)
    )
    return [name.id for name in listed.elts if isinstance(name, ast.Name)]


def _declare(make: ast.FunctionDef, types: _TypeReader) -> Tool:
    execute = next(node for node in make.body if isinstance(node, ast.AsyncFunctionDef))
    description, parameters = _split_docstring(ast.get_docstring(execute) or "")
    properties: dict[str, Any] = {}
    for argument in execute.args.args:
        assert argument.annotation is not None, f"{make.name}: {argument.arg} has a type"
        properties[argument.arg] = {
            **types.schema(argument.annotation),
            "description": parameters[argument.arg],
        }
    return Tool(
        make.name,
        description,
        {
            "type": "object",
            "properties": properties,
            "required": list(properties),
            "additionalProperties": False,
        },
    )


def _split_docstring(text: str) -> tuple[str, dict[str, str]]:
    """Return the description and that of each parameter of a docstring in Google style."""
    parts = _SECTION.split(text)
    sections = dict(zip(parts[1::2], parts[2::2], strict=True))
    parameters: dict[str, str] = {}
    # A parameter starts at the lowest indentation; deeper lines belong to the one before.
    for block in re.split(r"\n(?=\S)", inspect.cleandoc(sections.get("Args", ""))):
        if found := _PARAMETER.match(block):
            first, *rest = found[2].split("\n", 1)
            parameters[found[1]] = "\n".join([first, *(inspect.cleandoc(more) for more in rest)]).strip()
    return parts[0].strip(), parameters


class _TypeReader:
    """Turns annotations into JSON Schema; names are those of the domain's data model.

    Args:
        data_model: The module with them.
    """

    def __init__(self, data_model: ast.Module) -> None:
        self._classes = {node.name: node for node in data_model.body if isinstance(node, ast.ClassDef)}
        self._aliases: Mapping[str, ast.expr] = {
            target.id: node.value
            for node in data_model.body
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }

    def schema(self, annotation: ast.expr) -> dict[str, Any]:
        """Return the schema of one annotation.

        Raises:
            KeyError: It has a name that the data model lacks, or a form that the domains do not use.
        """
        match annotation:
            case ast.Name(id=name) if name in _PLAIN_TYPES:
                return {"type": _PLAIN_TYPES[name]}
            case ast.Name(id="Any"):
                return {}
            case ast.Name(id=name) if name in self._classes:
                return self._class_schema(self._classes[name])
            case ast.Name(id=name):
                return self.schema(self._aliases[name])
            case ast.Subscript(value=ast.Name(id="list"), slice=item):
                return {"type": "array", "items": self.schema(item)}
            case ast.Subscript(value=ast.Name(id="dict"), slice=ast.Tuple(elts=[_, value])):
                return {"type": "object", "additionalProperties": self.schema(value)}
            case ast.Subscript(value=ast.Name(id="Literal"), slice=ast.Tuple(elts=values)):
                words = [value.value for value in values if isinstance(value, ast.Constant)]
                return {"type": "string", "enum": words}
            case ast.BinOp(left=left, op=ast.BitOr(), right=right):
                return {"anyOf": [self.schema(left), self.schema(right)]}
        raise KeyError(ast.unparse(annotation))

    def _class_schema(self, node: ast.ClassDef) -> dict[str, Any]:
        properties = {
            field.target.id: {**self.schema(field.annotation), **_field_description(field.value)}
            for field in node.body
            if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
        }
        return {
            "type": "object",
            "properties": properties,
            "additionalProperties": False,
            "required": list(properties),
        }


def _field_description(value: ast.expr | None) -> dict[str, Any]:
    if not isinstance(value, ast.Call):
        return {}
    return {
        keyword.arg: ast.literal_eval(keyword.value)
        for keyword in value.keywords
        if keyword.arg == "description"
    }

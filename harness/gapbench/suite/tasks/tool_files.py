"""Check a file of Python tools without running it: it is code of the user's, and runs only in the sandbox."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from pathlib import Path

from gapbench.errors import DocumentError
from gapbench.values import Tool

MAX_TOOLS_FILE_BYTES = 4 * 2**20


def check_tools_file(file: Path, tools: Iterable[Tool]) -> None:
    """Refuse a file that lacks a function for a declared tool, or whose function cannot take the declared arguments.

    A tool is a function at the top level of the module, ``def name(state, *, argument, …)``.

    Args:
        file: The module.
        tools: The declared tools.

    Raises:
        DocumentError: With the line in the module, where there is one.
    """
    try:
        source = file.read_bytes()[: MAX_TOOLS_FILE_BYTES + 1]
        if len(source) > MAX_TOOLS_FILE_BYTES:
            raise DocumentError(f"more than {MAX_TOOLS_FILE_BYTES} bytes; keep data in the state", file=file)
        module = ast.parse(source)
    except OSError as exc:
        raise DocumentError(f"cannot be read: {exc.strerror or exc}; check the path", file=file) from exc
    except SyntaxError as exc:
        raise DocumentError(f"is not Python: {exc.msg}", file=file, line=exc.lineno) from exc
    except (ValueError, RecursionError) as exc:
        raise DocumentError(f"is not Python: {exc}", file=file) from exc
    functions = {node.name: node for node in module.body if isinstance(node, ast.FunctionDef)}
    coroutines = {node.name: node for node in module.body if isinstance(node, ast.AsyncFunctionDef)}
    for tool in tools:
        if tool.name in coroutines:
            raise DocumentError(
                f"tool {tool.name!r} is an async function; write a plain one, def {tool.name}(state, …)",
                file=file,
                line=coroutines[tool.name].lineno,
            )
        if tool.name not in functions:
            there = ", ".join(sorted(name for name in functions if not name.startswith("_"))) or "none"
            raise DocumentError(
                f"no function for the declared tool {tool.name!r}; write def {tool.name}(state, …): …; its functions: {there}",
                file=file,
            )
        problem = _find_argument_problem(functions[tool.name], tool)
        if problem is not None:
            raise DocumentError(f"tool {tool.name!r}: {problem}", file=file, line=functions[tool.name].lineno)


def _find_argument_problem(function: ast.FunctionDef, tool: Tool) -> str | None:
    """Return why a function cannot be called as ``function(state, **arguments)`` with the declared arguments, or None."""
    given = function.args
    positional = [*given.posonlyargs, *given.args]
    if not positional and given.vararg is None:
        return f"its function takes no state; write def {tool.name}(state, …)"
    by_name = [*given.args[0 if given.posonlyargs else 1 :], *given.kwonlyargs]
    names = {argument.arg for argument in by_name}
    declared = set(tool.parameters.get("properties") or {})
    missing = sorted(declared - names)
    if missing and given.kwarg is None:
        return f"the schema declares {', '.join(missing)}, which its function does not take"
    with_default = {argument.arg for argument in positional[len(positional) - len(given.defaults) :]}
    with_default |= {
        argument.arg
        for argument, default in zip(given.kwonlyargs, given.kw_defaults, strict=True)
        if default is not None
    }
    required = set(tool.parameters.get("required") or ())
    unfilled = sorted(names - with_default - declared)
    if unfilled:
        return f"its function needs {', '.join(unfilled)}, which the schema does not declare"
    optional = sorted((names & declared) - with_default - required)
    if optional:
        return f"its function needs {', '.join(optional)}, which the schema does not require; give a default, or list them under required"
    return None

"""The commands that start vLLM: its server, and its offline run of a file."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gapbench.errors import InputError

ENVIRONMENT: Mapping[str, str] = {"VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1"}
"""What every vLLM that we start gets."""
NOT_INSTALLED = "vllm is not installed; pip install 'gapbench[vllm]', or name its python with {option}.python"


def check_keys(option: str, settings: Mapping[str, Any], known: set[str]) -> None:
    """Check the settings of an option that starts vLLM.

    Raises:
        InputError: A key is not known, or its arguments are no list.
    """
    for key in settings:
        if key not in known:
            raise InputError(f"{option}.{key}: unknown key; known keys: {', '.join(sorted(known))}")
    args = settings.get("args", [])
    if not isinstance(args, list) or not all(isinstance(arg, (str, int, float)) for arg in args):
        raise InputError(f'{option}.args: found {args!r}; expected a list such as [--max-model-len, "8192"]')


def flag_in(settings: Mapping[str, Any], name: str) -> str | None:
    """Return the value of one of vLLM's arguments, or None if it is not given."""
    words = [word for arg in settings.get("args", []) for word in str(arg).split("=", 1)]
    return words[words.index(name) + 1] if name in words[:-1] else None


def served_name(settings: Mapping[str, Any] | None) -> str | None:
    """Return the served model name from the arguments, or None if it is the model's name."""
    return flag_in(settings or {}, "--served-model-name")


def tool_parser_in(option: str, settings: Mapping[str, Any], asked: str | None) -> str | None:
    """Return the parser of tool calls that vLLM is started with. None: it gets none.

    Raises:
        InputError: Two different ones are asked for.
    """
    given = flag_in(settings, "--tool-call-parser")
    if asked is not None and given is not None and asked != given:
        raise InputError(
            f"tool_parser: found {asked!r}, and --tool-call-parser {given} in {option}.args; remove one of the two"
        )
    return asked or given


def environment_of(settings: Mapping[str, Any]) -> dict[str, str]:
    """Return the variables that vLLM gets besides those of this process."""
    return {**ENVIRONMENT, **{str(key): str(value) for key, value in settings.get("env", {}).items()}}


def serve_command(model: str, settings: Mapping[str, Any], port: int, tool_parser: str | None) -> list[str]:
    """Return the command that starts the server, or [] if vLLM is not installed."""
    start = _start(settings, ["-m", "vllm.entrypoints.openai.api_server", "--model"], "serve")
    if not start:
        return []
    return [*start, model, "--host", "127.0.0.1", "--port", str(port), *_arguments(settings, tool_parser)]


def run_batch_command(
    model: str, settings: Mapping[str, Any], requests: str, replies: str, tool_parser: str | None
) -> list[str]:
    """Return the command that answers a file of requests, or [] if vLLM is not installed."""
    start = _start(settings, ["-m", "vllm.entrypoints.cli.main", "run-batch"], "run-batch")
    if not start:
        return []
    return [*start, "-i", requests, "-o", replies, "--model", model, *_arguments(settings, tool_parser)]


def _start(settings: Mapping[str, Any], module: Sequence[str], subcommand: str) -> list[str]:
    """Return the beginning of a command: the user's own, a python with a module, or the program ``vllm``."""
    if settings.get("command"):
        return [str(part) for part in settings["command"]]
    if settings.get("python"):
        # `./python` alone would be looked for on the PATH, and a symlink must stay one: it is how venvs are found.
        python = Path(settings["python"]).absolute()
        return [str(python), *module] if python.exists() else []
    program_here = Path(sys.executable).with_name("vllm")
    program = str(program_here) if program_here.exists() else shutil.which("vllm")
    return [] if program is None else [program, subcommand]


def _arguments(settings: Mapping[str, Any], tool_parser: str | None) -> list[str]:
    gpus = int(settings.get("gpus", 1))
    parallel = ["--tensor-parallel-size", str(gpus)] if gpus > 1 else []
    given = [str(arg) for arg in settings.get("args", [])]
    if tool_parser is not None:
        # vLLM 0.32 reads no calls without both.
        given += [] if "--enable-auto-tool-choice" in given else ["--enable-auto-tool-choice"]
        given += [] if flag_in(settings, "--tool-call-parser") else ["--tool-call-parser", tool_parser]
    return [*parallel, *given]

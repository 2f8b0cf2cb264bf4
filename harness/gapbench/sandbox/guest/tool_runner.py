"""Runs the tools of one episode: a module of functions over a JSON state, inside the isolation.

The harness sends ``["start", source, state, result_chars]`` and then one ``["call", number, name, arguments]`` after
another. It gets ``["ready", names]`` or ``["broken", reason]``, and for each call ``["result", number, content, is_error,
state]``: the state as JSON text, or null if the call did not change it.

A tool changes the state in place; what it raises becomes a result with ``is_error``, and what it had changed until then
stays changed. Processes that a tool leaves behind end with its call.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import signal
import socket
import sys
import types
from typing import Any, NoReturn

from gapbench.sandbox.guest import namespaces
from gapbench.sandbox.guest.frames import MAX_FRAME_BYTES, ClosedChannelError, receive_frame, send_frame
from gapbench.sandbox.guest.seccomp import install_filter

CHANNEL_FD = 3
PACKAGES_FOLDER = "/packages"  # as in gapbench/sandbox/command_line.py
MODULE_NAME = "tools"
LIBRARY_NAME, LIBRARY_MODULE = "gapbench_tools", "gapbench.sandbox.guest.tools_library"
MAX_ERROR_CHARS = 2000
# Both texts travel in one frame, where JSON may need more bytes than characters.
MAX_STATE_CHARS = MAX_FRAME_BYTES // 2


class StateError(ValueError):
    """A tool left a state that JSON does not have."""


def run_tools(channel: socket.socket, limits: dict[str, int], uid: int | None) -> NoReturn:
    """Give up every right, load the module and answer calls until the channel is closed."""
    fd = channel.detach()
    if fd != CHANNEL_FD:
        os.dup2(fd, CHANNEL_FD)
    os.set_inheritable(CHANNEL_FD, False)
    os.closerange(CHANNEL_FD + 1, 1024)
    null = os.open("/dev/null", os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    os.close(null)
    namespaces.drop_privileges(uid)
    namespaces.die_with_parent()  # changing the user cleared it
    namespaces.hide_from_ptrace()
    namespaces.adopt_orphans()
    namespaces.set_limits(limits)
    install_filter()
    sys.argv = [MODULE_NAME]
    own_path = sys.modules["gapbench"].__path__[0].removesuffix("/gapbench")
    paths = [*sys.path, PACKAGES_FOLDER]  # last, so that no package hides a module of Python
    sys.path[:] = [path for path in paths if path != own_path and os.path.isdir(path)]  # noqa: PTH112 - pathlib would be a tenth of the start
    with contextlib.suppress(ClosedChannelError, OSError):
        answer_calls(socket.socket(fileno=CHANNEL_FD))
    os._exit(0)


def answer_calls(channel: socket.socket) -> None:
    """Load the module, then run one call after another."""
    _, source, state_json, result_chars = receive_frame(channel)
    module = types.ModuleType(MODULE_NAME)
    sys.modules[MODULE_NAME] = module
    if LIBRARY_NAME in source:  # it imports much, which a module that does not use it need not wait for
        sys.modules[LIBRARY_NAME] = importlib.import_module(LIBRARY_MODULE)
    try:
        exec(compile(source, MODULE_NAME, "exec", dont_inherit=True), module.__dict__)  # noqa: S102 - the sandbox is for this
    except BaseException as exc:  # noqa: BLE001 - any exception is a failure of the module
        send_frame(channel, ["broken", f"{_line_of(exc)}{describe_error(exc)}"])
        return
    tools = {
        name: value
        for name, value in vars(module).items()
        if isinstance(value, types.FunctionType) and not name.startswith("_")
    }
    session = ToolState(state_json, result_chars)
    send_frame(channel, ["ready", sorted(tools)])
    while True:
        _, number, name, arguments = receive_frame(channel)
        send_frame(channel, ["result", number, *session.call(tools.get(name), name, arguments)])


class ToolState:
    """The state that the tools share, and its last JSON text.

    Args:
        state_json: The state at the start. None: there is none; each call then gets a new empty one.
        result_chars: Characters of a result that are sent, and one more, which shows that there are more.
    """

    def __init__(self, state_json: str | None, result_chars: int) -> None:
        self._json = state_json
        self._state = {} if state_json is None else json.loads(state_json)
        # As this process writes it, so that a call that changes nothing sends nothing.
        self._sent = None if state_json is None else self._dump()
        self._result_chars = result_chars

    def call(self, tool: Any, name: str, arguments: dict[str, Any]) -> tuple[str, bool, str | None]:
        """Run one call and return its content, whether it is an error, and the state as JSON if it changed."""
        if tool is None:
            return f"there is no tool {name!r} in the module", True, None
        is_error = False
        try:
            value = tool(self._state if self._sent is not None else {}, **arguments)
            content = value if type(value) is str else dump_json(value)
        except BaseException as exc:  # noqa: BLE001 - also SystemExit: the result says what was raised
            content, is_error = describe_error(exc), True
        end_other_processes()
        changed = None
        if self._sent is not None:
            try:
                text = self._dump()
            except BaseException as exc:  # noqa: BLE001 - a subclass of dict may raise anything
                self._state = json.loads(self._sent)
                return f"{describe_error(exc)}; the state is as before the call", True, None
            if text != self._sent:
                self._sent = changed = text
        return content[: self._result_chars + 1], is_error, changed

    def _dump(self) -> str:
        text = dump_json(self._state)
        if len(text) > MAX_STATE_CHARS:
            raise StateError(
                f"the state has {len(text)} characters of JSON; expected {MAX_STATE_CHARS} at most"
            )
        return text


def dump_json(value: Any) -> str:
    """Return a value as JSON text.

    Raises:
        StateError: JSON does not have it.
    """
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as exc:
        # A model reads this: from Python 3.13 on, the words go on with the value.
        why = "it is nested too deeply" if isinstance(exc, RecursionError) else str(exc).partition(":")[0]
        raise StateError(f"the tool gave a value that JSON does not have: {why}") from None


def describe_error(exc: BaseException) -> str:
    """Return the type and the message of an exception, without paths of this machine's Python."""
    try:
        message = str(exc)[:MAX_ERROR_CHARS]
    except BaseException:  # noqa: BLE001 - its own __str__ raises
        message = ""
    for path in sorted({*sys.path, sys.prefix, sys.base_prefix}, key=len, reverse=True):
        if len(path) > 1:
            message = message.replace(path, "<python>")
    name = "StateError" if isinstance(exc, StateError) else type(exc).__name__[:100]
    return message if isinstance(exc, StateError) else f"{name}: {message}" if message else name


def _line_of(exc: BaseException) -> str:
    """Return the place of an exception in the module, such as "line 3: "; "" if it is not there."""
    line = exc.lineno if isinstance(exc, SyntaxError) and exc.filename == MODULE_NAME else None
    trace = exc.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == MODULE_NAME:
            line = trace.tb_lineno
        trace = trace.tb_next
    return "" if line is None else f"line {line}: "


def end_other_processes() -> None:
    """End the processes that a tool left behind; all of them are below this one, since it adopts orphans."""
    try:
        os.waitpid(-1, os.WNOHANG)
    except (
        ChildProcessError
    ):  # as after most calls: there is none, and nothing to look for in the whole machine
        return
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(-1, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):
        while True:
            os.waitpid(-1, 0)

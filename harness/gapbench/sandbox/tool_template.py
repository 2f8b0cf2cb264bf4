"""The template process from which the supervisors of level ``unshare`` are forked: one for each process of the harness."""

from __future__ import annotations

import atexit
import os
import socket
import subprocess
import threading
from collections.abc import Sequence

from gapbench.sandbox.command_line import GUEST_ENVIRONMENT, tool_template_command

END_GRACE_S = 10.0


class ToolTemplate:
    """A running template. It ends when this process does, and every supervisor ends with it."""

    def __init__(self) -> None:
        self._control, there = socket.socketpair()
        self._control.setblocking(False)
        with there:
            self._process = subprocess.Popen(
                tool_template_command(),
                stdin=there.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=GUEST_ENVIRONMENT,
                cwd="/",
                start_new_session=True,
            )

    def start_supervisor(self, fds: Sequence[int]) -> None:
        """Fork a supervisor that gets copies of two descriptors.

        Raises:
            BlockingIOError: Too many are waiting.
            OSError: The template has ended.
        """
        socket.send_fds(self._control, [b"s"], fds)

    def close(self) -> None:
        """End it and all its supervisors."""
        self._control.close()
        try:
            self._process.wait(END_GRACE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


_lock = threading.Lock()
_template: tuple[int, ToolTemplate] | None = None


def running_template() -> ToolTemplate:
    """Return this process's template; the first call starts it.

    Raises:
        OSError: It cannot be started.
    """
    global _template  # noqa: PLW0603 - one for each process
    with _lock:
        if _template is None or _template[0] != os.getpid():  # a fork must not share its parent's
            _template = (os.getpid(), ToolTemplate())
        return _template[1]


def drop_template(template: ToolTemplate) -> None:
    """End a template that does not answer, so that the next use starts another."""
    global _template  # noqa: PLW0603
    with _lock:
        if _template is not None and _template[1] is template:
            _template = None
    template.close()


@atexit.register
def close_template() -> None:
    """End this process's template, if it has one."""
    if _template is not None and _template[0] == os.getpid():
        drop_template(_template[1])

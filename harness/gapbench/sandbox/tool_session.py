"""The tools of one episode in the sandbox: started with a state, called one after another, and closed.

Each session is isolated separately: files, processes, network, shared memory and user (under root) are no other
session's. At level ``unshare`` it is forked from :mod:`gapbench.sandbox.tool_template`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import subprocess
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

from gapbench.sandbox import tool_template
from gapbench.sandbox.command_line import GUEST_ENVIRONMENT, guest_readable_paths, tool_supervisor_command
from gapbench.sandbox.guest.frames import LENGTH, MAX_FRAME_BYTES, encode_frame
from gapbench.sandbox.job import SandboxLimits
from gapbench.sandbox.packages import find_packages
from gapbench.sandbox.sandbox import (
    EXIT_OUT_OF_MEMORY,
    EXIT_TOO_MANY_FILES,
    Sandbox,
    open_host_proc,
    random_uid,
    replace_unprintable,
)

TOOL_LIMITS = SandboxLimits(cpu_s=600)
"""A session lives as long as its episode, so its CPU time is large; the harness limits the time of each call."""
START_TIMEOUT_S = 60.0
END_TIMEOUT_S = 10.0
# In this time a program can fill about as much memory as it may have; most calls take a hundredth of it.
BUSY_AFTER_S = 0.25
FULL_QUEUE_WAIT_S = 0.005
NOT_A_RESULT = "its process sent something else than a result"
BUSY, IDLE = b"b", b"i"  # as in guest/tool_supervisor.py


class EndedSessionError(Exception):
    """The process of the tools ended or was ended; the message says why. The session can only be closed."""


class BrokenToolsError(Exception):
    """The module of tools cannot be loaded; the message has line, type and message of the exception."""


@dataclass(frozen=True, slots=True)
class ToolReply:
    """What one call returned.

    Attributes:
        content: The result as text, cut after ``result_chars`` and one more characters.
        is_error: Whether the tool raised, or left a state that is not JSON.
        state_json: The state after the call, as the guest wrote it. None: the call did not change it.
    """

    content: str
    is_error: bool
    state_json: str | None


class ToolSession:
    """Running tools; :meth:`start` makes one."""

    def __init__(self, channel: socket.socket, lifeline: socket.socket, limits: SandboxLimits) -> None:
        self.names: tuple[str, ...] = ()
        self._channel = channel
        self._lifeline = lifeline
        self._limits = limits
        self._call_number = 0
        self._is_busy = True
        self._process: subprocess.Popen[bytes] | None = None

    @classmethod
    async def start(
        cls,
        sandbox: Sandbox,
        source: str,
        state_json: str | None,
        *,
        result_chars: int,
        packages: Sequence[str] = (),
        limits: SandboxLimits = TOOL_LIMITS,
    ) -> ToolSession:
        """Start the tools and wait until their module is loaded.

        Args:
            sandbox: Says how they are isolated.
            source: The module.
            state_json: The state, a JSON text. None: there is none.
            result_chars: See :class:`ToolReply`.
            packages: Names of installed packages that the module may import, besides the standard library.
            limits: ``wall_s`` is not used.

        Raises:
            BrokenToolsError: The module raises.
            EndedSessionError: It does not start.
            SetupError: A package is not installed.
        """
        session = await cls._start_process(sandbox, limits, find_packages(packages))
        try:
            await session._load(["start", source, state_json, result_chars])  # noqa: SLF001 - made by this class
        except BaseException:
            await session.close()
            raise
        return session

    async def _load(self, start: list[Any]) -> None:
        async with _deadline(START_TIMEOUT_S, "the tools did not start"):
            await self._send(start)
            kind, value = _checked(await self._receive(), 2)
        if kind == "broken":
            raise BrokenToolsError(replace_unprintable(str(value)[:2000]))
        if kind != "ready" or not isinstance(value, list):
            raise EndedSessionError(NOT_A_RESULT)
        self.names = tuple(map(str, value))
        self._tell_supervisor(IDLE)

    @classmethod
    async def _start_process(
        cls, sandbox: Sandbox, limits: SandboxLimits, packages: Mapping[str, str]
    ) -> ToolSession:
        (channel, guest_channel), (lifeline, guest_lifeline) = socket.socketpair(), socket.socketpair()
        session = cls(channel, lifeline, limits)
        proc_fd = open_host_proc() if sandbox.level == "bubblewrap" else None
        try:
            with guest_channel, guest_lifeline:
                plan = {
                    "level": sandbox.level,
                    "limits": asdict(limits),
                    "readable": _readable_paths(),
                    "packages": packages,
                    "user": random_uid(),
                    "proc_fd": proc_fd,
                }
                lifeline.sendall(encode_frame(plan))
                channel.setblocking(False)
                lifeline.setblocking(False)
                fds = (guest_channel.fileno(), guest_lifeline.fileno())
                if sandbox.level == "unshare":
                    await _fork_supervisor(fds)
                else:
                    session._process = _start_bubblewrap(sandbox, limits, packages, fds, proc_fd)
        except OSError as exc:
            await session.close()
            raise EndedSessionError(f"the sandbox cannot be started: {exc.strerror}") from exc
        except BaseException:
            await session.close()
            raise
        finally:
            if proc_fd is not None:
                os.close(proc_fd)
        return session

    async def call(self, name: str, arguments: Mapping[str, Any], *, timeout_s: float) -> ToolReply:
        """Call one tool.

        Args:
            name: A function of the module.
            arguments: Its arguments, JSON values.
            timeout_s: Seconds until the session is ended.

        Raises:
            EndedSessionError: The session ended: the time is up, a limit was exceeded, or the process ended.
        """
        # Nearly all calls are over by then, and the supervisor does not wake up.
        alarm = asyncio.get_running_loop().call_later(BUSY_AFTER_S, self._tell_supervisor, BUSY)
        try:
            async with _deadline(timeout_s, f"the tool took longer than {timeout_s:g} s and was ended"):
                self._call_number += 1
                await self._send(["call", self._call_number, name, arguments])
                reply = _checked(await self._receive(), 5)
        except BaseException:
            self._end_processes()  # whatever comes now belongs to no call
            raise
        finally:
            alarm.cancel()
        kind, number, content, is_error, state_json = reply
        # A tool could have sent a result itself before: then the numbers do not agree.
        if (kind, number) != ("result", self._call_number) or not (
            isinstance(content, str)
            and isinstance(is_error, bool)
            and (state_json is None or isinstance(state_json, str))
        ):
            raise EndedSessionError(NOT_A_RESULT)
        if self._is_busy:
            self._tell_supervisor(IDLE)
        return ToolReply(content, is_error, state_json)

    async def close(self) -> None:
        """End all processes of the session and wait for their end; a second call does nothing."""
        if self._lifeline.fileno() < 0:
            return
        with contextlib.suppress(OSError):
            self._channel.shutdown(socket.SHUT_WR)  # tools that wait for a call end by themselves
        try:
            await self._last_words()
            if self._process is not None:
                await asyncio.to_thread(self._process.wait, END_TIMEOUT_S)
        except (TimeoutError, subprocess.TimeoutExpired):  # the kernel ends them once it can
            pass
        finally:
            self._channel.close()
            self._lifeline.close()

    def _end_processes(self) -> None:
        with contextlib.suppress(OSError):
            self._lifeline.shutdown(socket.SHUT_WR)

    def _tell_supervisor(self, what: bytes) -> None:
        self._is_busy = what == BUSY
        with contextlib.suppress(OSError):  # full or closed: the supervisor has ended or soon will
            self._lifeline.send(what)

    async def _last_words(self) -> str:
        """End the processes, and return how they ended as the supervisor puts it; "" if it says nothing."""
        self._end_processes()
        data = bytearray()
        async with asyncio.timeout(END_TIMEOUT_S):
            with contextlib.suppress(ConnectionError):
                while piece := await asyncio.get_running_loop().sock_recv(self._lifeline, 4096):
                    data += piece
        try:
            code, reason = json.loads(bytes(data[LENGTH.size :]))
        except ValueError:
            return ""
        if code == EXIT_OUT_OF_MEMORY:
            return f"its processes took more than {self._limits.total_bytes} bytes together"
        if code == EXIT_TOO_MANY_FILES:
            return f"it made more than {self._limits.tmp_files} files in /tmp"
        return replace_unprintable(str(reason))

    async def _send(self, value: Any) -> None:
        with contextlib.suppress(ConnectionError):  # the read that follows says why
            await asyncio.get_running_loop().sock_sendall(self._channel, encode_frame(value))

    async def _receive(self) -> Any:
        """Return the next value from the tools' process, which is not trusted."""
        (size,) = LENGTH.unpack(await self._receive_exactly(LENGTH.size))
        if size > MAX_FRAME_BYTES:
            raise EndedSessionError(NOT_A_RESULT)
        try:
            return json.loads(await self._receive_exactly(size))
        except (ValueError, RecursionError):
            raise EndedSessionError(NOT_A_RESULT) from None

    async def _receive_exactly(self, size: int) -> bytes:
        loop = asyncio.get_running_loop()
        data = bytearray()
        with contextlib.suppress(ConnectionError):
            while len(data) < size:
                piece = await loop.sock_recv(self._channel, min(size - len(data), 2**18))
                if not piece:
                    break
                data += piece
        if len(data) < size:
            raise EndedSessionError(await self._last_words() or "its process ended")
        return bytes(data)


@cache
def _readable_paths() -> tuple[str, ...]:
    return tuple(guest_readable_paths())


async def _fork_supervisor(fds: tuple[int, int]) -> None:
    """Have the template fork a supervisor; a template that was killed is started again."""
    for is_last in (False, True):
        template = await asyncio.to_thread(tool_template.running_template)
        while True:
            try:
                template.start_supervisor(fds)
            except BlockingIOError:
                await asyncio.sleep(FULL_QUEUE_WAIT_S)
                continue
            except OSError:
                tool_template.drop_template(template)
                if is_last:
                    raise
                break
            return


def _start_bubblewrap(
    sandbox: Sandbox,
    limits: SandboxLimits,
    packages: Mapping[str, str],
    fds: tuple[int, int],
    proc_fd: int | None,
) -> subprocess.Popen[bytes]:
    """Start bubblewrap with a supervisor; from the loop's own thread, as it ends with the thread that started it."""
    return subprocess.Popen(
        tool_supervisor_command(sandbox.program, limits, packages, channel_fd=fds[0], lifeline_fd=fds[1]),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=GUEST_ENVIRONMENT,
        cwd="/",
        start_new_session=True,
        pass_fds=fds if proc_fd is None else (*fds, proc_fd),
    )


@contextlib.asynccontextmanager
async def _deadline(timeout_s: float, reason: str) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(timeout_s):
            yield
    except TimeoutError:
        raise EndedSessionError(reason) from None


def _checked(value: Any, size: int) -> Sequence[Any]:
    if not isinstance(value, list) or len(value) != size:
        raise EndedSessionError(NOT_A_RESULT)
    return value

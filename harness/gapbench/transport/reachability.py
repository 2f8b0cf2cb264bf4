"""Check once, before a model's first request, whether a server accepts connections."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from urllib.parse import urlsplit

from gapbench.errors import SetupError
from gapbench.transport.client import proxy_for
from gapbench.values import Session

PAUSE_S = 1.0
"""Pause before the second try: enough for a server that is just starting."""
_PORTS = {"http": 80, "https": 443}


async def check_reachable(base_url: str, session: Session) -> None:
    """Connect to an endpoint, or to its proxy, and close the connection.

    A server that was never reachable is not started or misspelt; this reports it at once instead of after the retries
    of a circuit breaker.

    Args:
        base_url: The endpoint.
        session: Has the deadline for a connection, and takes messages.

    Raises:
        SetupError: The name cannot be resolved, or nothing accepts a connection; names host, port and reason.
    """
    proxy = proxy_for(base_url)
    url = urlsplit(proxy or base_url)
    host, port = url.hostname or "", url.port or _PORTS.get(url.scheme, 80)
    # Only host and port of a proxy are shown, because its address may contain a password.
    place = f"{host}:{port}, the proxy for {base_url}," if proxy else f"{host}:{port}"
    remedy = "start the server, or correct base_url"
    for is_last in (False, True):
        try:
            async with asyncio.timeout(session.connect_timeout_s):
                await _connect(host, port)
        except TimeoutError:
            reason = f"no connection within {session.connect_timeout_s:g} s"
        except socket.gaierror as exc:
            reason = f"cannot resolve {host!r}: {exc.strerror}"
            remedy = "check the name, the network and HTTPS_PROXY"
        except OSError as exc:
            reason = _describe_os_error(exc)
            if not is_last:
                session.notify(f"{place} cannot be reached ({reason}); trying again in {PAUSE_S:g} s")
                await asyncio.sleep(PAUSE_S)
                continue
        else:
            return
        raise SetupError(f"{place} cannot be reached: {reason}; {remedy}")


async def _connect(host: str, port: int) -> None:
    """Connect to one of a host's addresses; raises the error of the last one."""
    loop = asyncio.get_running_loop()
    failure: OSError | None = None
    for family, kind, protocol, _, address in await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        try:
            with socket.socket(family, kind, protocol) as made:
                made.setblocking(False)
                await loop.sock_connect(made, address)
        except OSError as exc:
            failure = exc
        else:
            return
    if failure is not None:
        raise failure


def _describe_os_error(exc: OSError) -> str:
    """Return the error's message and its name, such as ``Connection refused (ECONNREFUSED)``."""
    number = exc.errno or 0
    return f"{os.strerror(number)} ({errno.errorcode[number]})" if number in errno.errorcode else str(exc)

"""Whether anybody listens at an address, asked once before a model's first request."""

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
"""Before the second try: long enough for a server that is just starting, short enough to wait for."""
_PORTS = {"http": 80, "https": 443}


async def check_reachable(base_url: str, session: Session) -> None:
    """Connect to an endpoint, or to the proxy before it, and hang up.

    A server that has never answered is not worth a circuit breaker's patience: it is started late, or misspelt.

    Args:
        base_url: The endpoint.
        session: Its deadline for a connection.

    Raises:
        SetupError: The name has no address, or nothing takes a connection there; names host, port and reason.
    """
    proxy = proxy_for(base_url)
    url = urlsplit(proxy or base_url)
    host, port = url.hostname or "", url.port or _PORTS.get(url.scheme, 80)
    # Of a proxy only host and port are said: its address may hold a password.
    place = f"{host}:{port}, the proxy for {base_url}," if proxy else f"{host}:{port}"
    cure = "start the server, or mend base_url"
    for is_last in (False, True):
        try:
            async with asyncio.timeout(session.connect_timeout_s):
                await _connect(host, port)
        except TimeoutError:
            why = f"no connection within {session.connect_timeout_s:g} s"
        except socket.gaierror as exc:
            why = f"no address is known of {host!r}: {exc.strerror}"
            cure = "check the name, the network and HTTPS_PROXY"
        except OSError as exc:
            why = _describe_os_error(exc)
            if not is_last:
                session.notify(f"{place} cannot be reached ({why}); once more in {PAUSE_S:g} s")
                await asyncio.sleep(PAUSE_S)
                continue
        else:
            return
        raise SetupError(f"{place} cannot be reached: {why}; {cure}")


async def _connect(host: str, port: int) -> None:
    """Connect to any of a host's addresses; raises the last one's error."""
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
    """Return the error's words and its name, such as ``Connection refused (ECONNREFUSED)``."""
    number = exc.errno or 0
    return f"{os.strerror(number)} ({errno.errorcode[number]})" if number in errno.errorcode else str(exc)

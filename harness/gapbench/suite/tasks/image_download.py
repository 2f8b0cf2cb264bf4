"""An image from an address, once, when a suite is read: public addresses only, so that no suite can ask around in a private network."""

from __future__ import annotations

import contextlib
import http.client
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self
from urllib.parse import urljoin, urlsplit

SOCKET_TIMEOUT_S = 20.0
"""Of one wait for the other side."""
TOTAL_TIMEOUT_S = 60.0
"""Of all of it, redirects too: one byte every few seconds keeps each single wait short."""
MAX_REDIRECTS = 3

_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
"""All that the internet of IPv6 is; what lies outside is local, or stands for an IPv4 address."""
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
"""Where an IPv4 address is reached in a network that has IPv6 alone (RFC 6052)."""
_NON_PUBLIC_NETWORKS = (
    ipaddress.IPv4Network("192.0.0.0/24"),  # protocols' own
    ipaddress.IPv4Network("192.88.99.0/24"),  # 6to4 relays
    ipaddress.IPv6Network("2001::/23"),  # Teredo and other protocols' own
    ipaddress.IPv6Network("2002::/16"),  # 6to4: an IPv4 address, and whose network is behind it
    ipaddress.IPv6Network("3fff::/20"),  # documentation
)
"""What some versions of Python call global."""


class ImageDownloadError(ValueError):
    """An address is not allowed, or gave nothing."""


def is_public_address(address: str) -> bool:
    """Return whether an IP address belongs to the public internet; an IPv4 address within IPv6 is looked at itself."""
    found = ipaddress.ip_address(address)
    if isinstance(found, ipaddress.IPv6Address):
        if found in _NAT64:
            found = ipaddress.IPv4Address(found.packed[-4:])
        elif found.ipv4_mapped:
            found = found.ipv4_mapped
        elif found not in _GLOBAL_UNICAST:
            return False
    return (
        found.is_global and not found.is_multicast and not any(found in part for part in _NON_PUBLIC_NETWORKS)
    )


def download_image(
    url: str,
    max_bytes: int,
    is_allowed: Callable[[str], bool] = is_public_address,
    total_timeout_s: float = TOTAL_TIMEOUT_S,
) -> bytes:
    """Return the content at an address.

    The name is looked up once and the connection goes to the very address that was checked; each
    redirect is checked again.

    Args:
        url: ``http`` or ``https``.
        max_bytes: Nothing longer is read.
        is_allowed: Says of an IP address whether it may be asked.
        total_timeout_s: Deadline of the whole.

    Raises:
        FetchError: No address, not allowed, too large, too slow, or not there.
    """
    with _Deadline(total_timeout_s) as deadline:
        try:
            return _follow_redirects(url, max_bytes, is_allowed, deadline)
        except ImageDownloadError:
            raise
        except (OSError, http.client.HTTPException, ValueError) as exc:  # ValueError: what is no address
            why = f"timed out after {total_timeout_s:g} s" if deadline.is_over else str(exc)
            raise ImageDownloadError(f"{url[:200]!r} cannot be downloaded: {why}") from exc


class _Deadline:
    """Ends the connections that it holds once their time is up, whatever they wait for."""

    def __init__(self, total_s: float) -> None:
        """Begin to count."""
        self._deadline_s = time.monotonic() + total_s
        self._connections: list[socket.socket] = []
        self._timer = threading.Timer(total_s, self._shut_connections)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        self._timer.join()
        for connection in self._connections:
            connection.close()

    @property
    def is_over(self) -> bool:
        """Whether the time is up."""
        return time.monotonic() >= self._deadline_s

    def raise_if_over(self) -> None:
        """Raise ``TimeoutError`` when the time is up."""
        if self.is_over:
            raise TimeoutError

    def register(self, connection: socket.socket) -> socket.socket:
        """Return a connection that ends with the deadline; TLS takes its socket over, so a second handle is kept."""
        self._connections.append(connection.dup())
        self.raise_if_over()
        return connection

    def _shut_connections(self) -> None:
        for connection in self._connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


def _follow_redirects(
    url: str, max_bytes: int, is_allowed: Callable[[str], bool], deadline: _Deadline
) -> bytes:
    for _ in range(MAX_REDIRECTS + 1):
        parts = urlsplit(url)
        if "@" in parts.netloc:
            raise ImageDownloadError("the address holds a user or a password (not shown)")
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ImageDownloadError(f"{url[:200]!r} is not an http or https address")
        connection = _open_connection(parts.scheme, parts.hostname, parts.port, is_allowed, deadline)
        try:
            target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            connection.request("GET", target, headers={"User-Agent": "gapbench", "Accept": "image/*"})
            response = connection.getresponse()
            if response.status in {301, 302, 303, 307, 308}:
                url = urljoin(url, response.getheader("Location", ""))
                continue
            if response.status != 200:
                raise ImageDownloadError(f"{url[:200]!r} returned HTTP {response.status}")
            data = response.read(max_bytes + 1)
            # An ended connection looks like the end of a body without a length, or like a short one.
            deadline.raise_if_over()
            missing = len(data) <= max_bytes and response.length
        finally:
            connection.close()
        if len(data) > max_bytes:
            raise ImageDownloadError(f"{url[:200]!r} is larger than {max_bytes} bytes")
        if missing:
            raise ImageDownloadError(f"{url[:200]!r} was cut short: {missing} bytes are missing")
        return data
    raise ImageDownloadError(f"{url[:200]!r} redirects more than {MAX_REDIRECTS} times")


def _open_connection(
    scheme: str, host: str, port: int | None, is_allowed: Callable[[str], bool], deadline: _Deadline
) -> http.client.HTTPConnection:
    port = port or {"http": 80, "https": 443}[scheme]
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as exc:
        raise ImageDownloadError(f"cannot resolve {host[:200]!r}: {exc}") from exc
    addresses = [str(entry[4][0]) for entry in found]
    refused = next((address for address in addresses if not is_allowed(address)), None)
    if refused is not None:
        raise ImageDownloadError(
            f"{host[:200]!r} is {refused}, which is not on the public internet; save the image next to the data"
        )
    connection: http.client.HTTPConnection
    if scheme == "https":
        connection = http.client.HTTPSConnection(
            host, port, timeout=SOCKET_TIMEOUT_S, context=ssl.create_default_context()
        )
    else:
        connection = http.client.HTTPConnection(host, port, timeout=SOCKET_TIMEOUT_S)

    def to_checked(_: object, timeout: float, source: object = None) -> socket.socket:  # noqa: ARG001 - http.client's call
        deadline.raise_if_over()
        return deadline.register(socket.create_connection((addresses[0], port), timeout))

    connection._create_connection = to_checked  # type: ignore[attr-defined] # noqa: SLF001 - its only way to a checked address
    return connection

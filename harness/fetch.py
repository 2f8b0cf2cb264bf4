"""An image from an address, once, when a suite is read: public addresses only, so that no suite can ask around in a private network."""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
from collections.abc import Callable
from urllib.parse import urljoin, urlsplit

DEADLINE_S = 20.0
MOST_REDIRECTS = 3


class FetchError(ValueError):
    """An address is not allowed, or gave nothing."""


def is_public(address: str) -> bool:
    """Say whether an IP address is one of the public internet."""
    found = ipaddress.ip_address(address)
    mapped = getattr(found, "ipv4_mapped", None)
    return (mapped or found).is_global and not (mapped or found).is_multicast


def fetch(url: str, most_bytes: int, is_allowed: Callable[[str], bool] = is_public) -> bytes:
    """Return what stands at an address.

    The name is looked up once and the connection goes to the very address that was checked; each
    redirect is checked again.

    Args:
        url: ``http`` or ``https``.
        most_bytes: Nothing longer is read.
        is_allowed: Says of an IP address whether it may be asked.

    Raises:
        FetchError: Not allowed, too large, too slow, or not there.
    """
    for _ in range(MOST_REDIRECTS + 1):
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username:
            raise FetchError(f"{url[:200]!r} is no http or https address without a user")
        connection = _connection(parts.scheme, parts.hostname, parts.port, is_allowed)
        try:
            target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            connection.request("GET", target, headers={"User-Agent": "gapbench", "Accept": "image/*"})
            response = connection.getresponse()
            if response.status in {301, 302, 303, 307, 308}:
                url = urljoin(url, response.getheader("Location", ""))
                continue
            if response.status != 200:
                raise FetchError(f"{url[:200]!r} answers {response.status}")
            data = response.read(most_bytes + 1)
        except (OSError, http.client.HTTPException) as exc:
            raise FetchError(f"{url[:200]!r} cannot be had: {exc}") from exc
        finally:
            connection.close()
        if len(data) > most_bytes:
            raise FetchError(f"{url[:200]!r} is larger than {most_bytes} bytes")
        return data
    raise FetchError(f"{url[:200]!r} redirects more than {MOST_REDIRECTS} times")


def _connection(
    scheme: str, host: str, port: int | None, is_allowed: Callable[[str], bool]
) -> http.client.HTTPConnection:
    port = port or {"http": 80, "https": 443}[scheme]
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as exc:
        raise FetchError(f"{host!r} is not known: {exc}") from exc
    addresses = [str(entry[4][0]) for entry in found]
    refused = next((address for address in addresses if not is_allowed(address)), None)
    if refused is not None:
        raise FetchError(
            f"{host!r} is {refused}, which is not on the public internet; save the image beside the data"
        )
    connection: http.client.HTTPConnection
    if scheme == "https":
        connection = http.client.HTTPSConnection(
            host, port, timeout=DEADLINE_S, context=ssl.create_default_context()
        )
    else:
        connection = http.client.HTTPConnection(host, port, timeout=DEADLINE_S)

    def to_checked(_: object, timeout: float, source: object = None) -> socket.socket:  # noqa: ARG001 - http.client's call
        return socket.create_connection((addresses[0], port), timeout)

    connection._create_connection = to_checked  # type: ignore[attr-defined] # noqa: SLF001 - its only way to a checked address
    return connection

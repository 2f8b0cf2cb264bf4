"""Who may use the app: requests to a loopback name, with the token in the path, from the app's own pages.

A page of another site can send requests to loopback, also under its own name (DNS rebinding). So the ``Host`` header must
name loopback, the path must start with the token, and a request that changes something must come from the same origin.
"""

from __future__ import annotations

import secrets
from collections.abc import MutableMapping
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK_NAMES = frozenset(("127.0.0.1", "localhost", "[::1]"))
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""The page loads its own files and nothing else."""
_HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class AccessControl:
    """ASGI middleware that answers 403 to every other request, and adds the security headers to every answer.

    Args:
        app: The app; it sees paths without the token.
        token: The token.
    """

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        inner = self._admit(scope)
        app: ASGIApp = (
            self._app
            if inner is not None
            else PlainTextResponse("403: open the address that `bench view` printed", 403)
        )
        await app(scope if inner is None else inner, receive, send_with_headers)

    def _admit(self, scope: Scope) -> MutableMapping[str, Any] | None:
        """Return the scope without the token in its path, or None if the request is refused."""
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        name, _, port = host.rpartition(":") if not host.endswith("]") else (host, "", "")
        server_port = (scope.get("server") or ("", None))[1]
        if name not in LOOPBACK_NAMES or port != str(server_port):
            return None
        _, given, rest = [*scope["path"].split("/", 2), "", ""][:3]
        if not secrets.compare_digest(given.encode(), self._token.encode()) or scope["path"].count("/") < 2:
            return None
        origin, site = headers.get("origin"), headers.get("sec-fetch-site")
        if origin is not None and origin != f"http://{host}":
            return None
        # "none": the reader typed the address or opened a bookmark.
        if site not in (None, "same-origin", "none") and scope["method"] != "GET":
            return None
        if site == "cross-site" and "api/" in rest:
            return None
        path = "/" + rest
        return {**scope, "path": path, "raw_path": path.encode()}

"""Serves the app on loopback until it is stopped."""

from __future__ import annotations

import asyncio
import logging
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from gapbench.errors import SetupError
from gapbench.view.access import AccessControl
from gapbench.view.app import ViewApp

HOST = "127.0.0.1"


@contextmanager
def bound_socket(port: int) -> Iterator[socket.socket]:
    """Yield a socket on loopback, closed when the block ends.

    Args:
        port: The port. 0: any free one.

    Raises:
        SetupError: The port cannot be used.
    """
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, port))
            # The address is printed before the server runs; a client that connects at once waits a moment.
            listener.listen(128)
        except OSError as exc:
            raise SetupError(
                f"--port {port}: {exc.strerror}; another `bench view` may run there; give --port 0 for a free one"
            ) from exc
        yield listener
    finally:
        listener.close()


def new_token() -> str:
    """Return a token that cannot be guessed."""
    return secrets.token_urlsafe(24)


def _is_error(record: logging.LogRecord) -> bool:
    """Return whether a record is more than a request that was cancelled because the server ends."""
    kind = record.exc_info[0] if record.exc_info else None
    return kind is not asyncio.CancelledError and not str(record.msg).startswith("Cancel ")


def make_server(app: ViewApp, token: str) -> uvicorn.Server:
    """Return a server; its ``run([socket])`` serves until ``should_exit`` is set or a signal ends it."""
    config = uvicorn.Config(
        AccessControl(app.asgi(), token),
        log_level="error",
        access_log=False,
        lifespan="off",
        ws="none",
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=1,
    )
    logging.getLogger("uvicorn.error").addFilter(_is_error)
    return uvicorn.Server(config)

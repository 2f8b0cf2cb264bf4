"""The HTTP client for batches: uploads and downloads last longer than a request, and need no exact times."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Any

import httpx2

from gapbench import transport
from gapbench.errors import RunnerError
from gapbench.values import Session
from gapbench_runners.batches.result_lines import MAX_FILE_BYTES

_DOWNLOADS = ("/content", "/results", ":download")
SILENCE_S = 600.0
"""Longest silence: Anthropic answers a submit of 256 MB only when it has read and checked it."""
AnswerHook = Callable[[httpx2.Response], Awaitable[None]]


class _BoundedStream(httpx2.AsyncByteStream):
    """A response body that ends with an error when it is too large; a server need not tell its length."""

    def __init__(self, inner: httpx2.AsyncByteStream, max_bytes: int) -> None:
        self._inner = inner
        self._max_bytes = max_bytes

    async def __aiter__(self) -> AsyncIterator[bytes]:
        left = self._max_bytes
        async for piece in self._inner:
            left -= len(piece)
            if left < 0:
                raise RunnerError("garbage", f"response larger than {self._max_bytes} bytes")
            yield piece

    async def aclose(self) -> None:
        await self._inner.aclose()


async def bound_body(response: httpx2.Response) -> None:
    """Bound the body of a response: a hook of an HTTP client. Files of results may be longer than descriptions."""
    is_download = response.request.url.path.endswith(_DOWNLOADS)
    assert isinstance(response.stream, httpx2.AsyncByteStream)
    response.stream = _BoundedStream(
        response.stream, MAX_FILE_BYTES if is_download else transport.MAX_BODY_BYTES
    )


class BatchHttp:
    """Makes the HTTP client when the first batch is asked for, and closes it.

    Args:
        base_url: The provider's address.
        on_answer: Called with each response. None: nothing is.
    """

    def __init__(self, base_url: str, on_answer: AnswerHook | None = None) -> None:
        self._base_url = base_url
        self._on_answer = on_answer
        self._session: Session | None = None
        self._client: httpx2.AsyncClient | None = None

    def open(self, session: Session) -> None:
        """Keep what a client needs."""
        # httpx2's transport has a deadline for each piece of an upload; ours has one for all of it.
        self._session = replace(session, transport="httpx2", read_timeout_s=SILENCE_S)

    def client(self) -> httpx2.AsyncClient:
        """Return the HTTP client."""
        assert self._session is not None, "open comes before client"
        if self._client is None:
            self._client = transport.new_client(self._base_url, self._session)
            hooks = [bound_body] if self._on_answer is None else [bound_body, self._on_answer]
            self._client.event_hooks = {"request": [], "response": hooks}
        return self._client

    def sdk_client(self, client: Any) -> Any:
        """Return OpenAI's or Anthropic's client over this HTTP client."""
        assert self._session is not None, "open comes before sdk_client"
        return client.with_options(http_client=self.client(), timeout=transport.httpx_timeout(self._session))

    async def close(self) -> None:
        """Close the connections."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

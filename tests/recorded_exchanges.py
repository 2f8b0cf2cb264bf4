"""Requests through the recording proxy."""

from __future__ import annotations

import asyncio

CHAT = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}
REPLY = {
    "id": "c-1", "model": "m-1", "choices": [{"message": {"content": "hi"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 2},
}  # fmt: skip


async def raw_exchange(url: str, sent: bytes) -> bytes:
    """Return all bytes of an answer over a plain socket, until the server closes."""
    host, _, port = url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(sent)
    found = await reader.read()
    writer.close()
    return found


def post(path: str, body: bytes, *headers: str) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: here", "Connection: close", *headers]
    return "\r\n".join([*lines, f"Content-Length: {len(body)}"]).encode() + b"\r\n\r\n" + body

"""A simulated model: the sim server in a process of its own, spoken to through a vendor's real client."""

from __future__ import annotations

import asyncio
import dataclasses
import sys
import urllib.request
from collections.abc import AsyncIterator, Mapping
from importlib import import_module
from typing import Any

import orjson

from harness.errors import InputError, SetupError
from harness.values import Call, Chunk, Model, Request, Session
from runners.process import OwnedProcess
from runners.sim_server.persona import Persona

START_WAIT_S = 20.0
# protocol -> runner, path below the server's address, options
PROTOCOLS: Mapping[str, tuple[str, str, Mapping[str, Any]]] = {
    "openai": ("runners.openai:OpenAIRunner", "/v1", {}),
    "responses": ("runners.openai:OpenAIRunner", "/v1", {"api": "responses"}),
    "anthropic": ("runners.anthropic:AnthropicRunner", "", {}),
    "google": ("runners.google:GoogleRunner", "", {}),
    "vllm": ("runners.vllm:VllmRunner", "/v1", {}),
}


class SimRunner:
    """A persona behind one of the four protocols; ``sim: {protocol: …, …persona}`` in the suite."""

    simulated = True
    metered = False

    def __init__(self, model: Model) -> None:
        """Check protocol and persona; nothing is started."""
        settings = dict(model.options.get("sim") or {})
        self.protocol = settings.pop("protocol", "openai")
        if self.protocol not in PROTOCOLS:
            raise InputError(f"sim.protocol: found {self.protocol!r}; expected one of {', '.join(PROTOCOLS)}")
        self._settings = settings
        self.persona = Persona.of(settings)
        self.model = model
        self._inner = self._client(model.base_url or "http://127.0.0.1:9")
        self._server: OwnedProcess | None = None
        self._url = model.base_url

    def _client(self, url: str) -> Any:
        where, path, options = PROTOCOLS[self.protocol]
        module, _, name = where.partition(":")
        model = dataclasses.replace(
            self.model,
            base_url=url + path,
            key_env=None,
            options={**options, **_without_sim(self.model.options)},
        )
        return getattr(import_module(module), name)(model)

    def prepare(self, request: Request) -> Call:
        """Return the request's body as the vendor's runner makes it."""
        call: Call = self._inner.prepare(request)
        return call

    async def open(self, session: Session) -> None:
        """Start the server with its answer book, unless the suite names a running one, and open the client."""
        if self._url is None:
            truth, persona = session.log_dir / "truth.jsonl", session.log_dir / "persona.json"
            truth.write_bytes(
                b"".join(
                    orjson.dumps(
                        {name: getattr(item, name) for name in item.__slots__},
                        option=orjson.OPT_APPEND_NEWLINE,
                    )
                    for item in session.truth()
                )
            )
            persona.write_bytes(orjson.dumps({self.model.name: self._settings}))
            log = session.log_dir / "server.log"
            log.unlink(missing_ok=True)
            self._server = OwnedProcess(
                [
                    sys.executable, "-m", "runners.sim_server", "--port", "0", "--with-parent",
                    "--persona", str(persona), "--truth", str(truth), "--log", str(session.log_dir / "times.jsonl"),
                ],
                log,
            )  # fmt: skip
            await self._server.start()
            self._url = await self._server.line("listening ", START_WAIT_S)
        self._inner = self._client(self._url)
        await self._inner.open(session)

    def stream(self, call: Call) -> AsyncIterator[Chunk]:
        """Send the call through the vendor's client."""
        chunks: AsyncIterator[Chunk] = self._inner.stream(call)
        return chunks

    async def facts(self) -> Mapping[str, Any]:
        """Return the protocol and the client's own facts."""
        inner = {key: value for key, value in (await self._inner.facts()).items() if key != "base_url"}
        return {"protocol": self.protocol, **inner}

    async def counters(self) -> Mapping[str, float] | None:
        """Return the server's counters."""
        if self._url is None:
            return None
        text = await asyncio.to_thread(_metrics, self._url)
        return {name: float(value) for name, value in (line.split() for line in text.splitlines())}

    async def close(self) -> None:
        """Close the client and stop the server."""
        await self._inner.close()
        if self._server is not None:
            await self._server.stop()
            self._server, self._url = None, self.model.base_url


def _metrics(url: str) -> str:
    try:
        with urllib.request.urlopen(f"{url}/metrics", timeout=5) as reply:  # noqa: S310 - our own server
            text: str = reply.read().decode()
    except OSError as exc:
        raise SetupError(f"the simulated provider at {url} is gone: {exc}") from exc
    return text


def _without_sim(options: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in options.items() if key != "sim"}

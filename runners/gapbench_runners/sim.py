"""A simulated model: the sim server in a separate process, called through a vendor's real runner."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import sys
import urllib.request
from collections.abc import AsyncIterator, Mapping
from typing import Any

import orjson

from gapbench.errors import InputError, SetupError
from gapbench.runner import BatchClient, Runner, RunnerInfo, RunnerOption, load_runner_class
from gapbench.values import Call, Chunk, Model, Request, Session
from gapbench_runners.sim_server.answer_book import dump_answer_book
from gapbench_runners.sim_server.persona import Persona
from gapbench_runners.support.server_process import ServerProcess

START_WAIT_S = 20.0
# Used until the server has an address; nothing listens on the discard port.
PLACEHOLDER_URL = "http://127.0.0.1:9"
# protocol -> runner, path below the server's address, options of the runner
PROTOCOLS: Mapping[str, tuple[str, str, Mapping[str, Any]]] = {
    "openai": ("openai", "/v1", {}),
    "responses": ("openai", "/v1", {"api": "responses"}),
    "anthropic": ("anthropic", "", {}),
    "google": ("google", "", {}),
    "vllm": ("vllm", "/v1", {}),
}


class SimRunner(Runner):
    """A persona behind one of the four protocols; ``sim: {protocol: …, …persona}`` in the suite.

    With a ``base_url`` it uses a running ``bench sim``, which has its own persona.
    """

    info = RunnerInfo(
        weights="open",
        packages=("openai", "anthropic", "google-genai"),
        options={"sim": RunnerOption(dict[str, Any], "protocol and persona", starts_server=True)},
    )
    simulated = True
    metered = False

    def __init__(self, model: Model) -> None:
        """Check protocol and persona; starts nothing."""
        given = model.options.get("sim") or {}
        if not isinstance(given, Mapping):
            raise InputError(
                f"sim: found {given!r}; expected a mapping such as {{protocol: openai, skill: 0.8}}"
            )
        settings = dict(given)
        self.protocol = settings.pop("protocol", "openai")
        if self.protocol not in PROTOCOLS:
            raise InputError(f"sim.protocol: found {self.protocol!r}; expected one of {', '.join(PROTOCOLS)}")
        if model.base_url is not None and settings:
            raise InputError(
                f"sim: found {', '.join(settings)} together with base_url {model.base_url!r}, whose "
                "server has its own persona; remove one of the two"
            )
        self._settings = settings
        self.persona = Persona.from_mapping(settings)
        super().__init__(model)
        self._url = model.base_url.rstrip("/") if model.base_url else None
        self._inner = self._make_client(self._url or PLACEHOLDER_URL)
        self._server: ServerProcess | None = None

    def _make_client(self, url: str) -> Runner:
        name, path, options = PROTOCOLS[self.protocol]
        rest = {key: value for key, value in self.model.options.items() if key != "sim"}
        model = dataclasses.replace(self.model, base_url=url + path, options={**options, **rest})
        return load_runner_class(name)(model)

    def missing_requirement(self) -> str | None:
        """Return why there is no key where the suite names one with ``key_env``, else None."""
        return self._inner.missing_requirement()

    def model_for_workers(self) -> Model:
        """Return the model with the address of the server that this runner started."""
        options = {**self.model.options, "sim": {"protocol": self.protocol}}
        return dataclasses.replace(self.model, base_url=self._url, options=options)

    def prepare(self, request: Request) -> Call:
        """Return the request's body as the vendor's runner makes it."""
        return self._inner.prepare(request)

    async def open(self, session: Session) -> None:
        """Start the server with its answer book, unless the suite names a running one, and open the inner runner."""
        if self._url is None:
            self._url = await self._start(session)
            self._inner = self._make_client(self._url)
        await self._inner.open(session)

    async def _start(self, session: Session) -> str:
        """Start the server and return its address."""
        folder = session.log_dir
        truth, persona, log = folder / "truth.jsonl", folder / "persona.json", folder / "server.log"
        truth.write_bytes(dump_answer_book(session.truths()))
        persona.write_bytes(orjson.dumps({self.model.name: self._settings}))
        log.unlink(missing_ok=True)
        self._server = ServerProcess(
            [
                sys.executable, "-m", "gapbench_runners.sim_server", "--port", "0", "--parent", str(os.getpid()),
                "--persona", str(persona), "--truth", str(truth), "--log", str(folder / "times.jsonl"),
            ],
            log,
        )  # fmt: skip
        await self._server.start()
        return await self._server.wait_for_log_line("listening ", START_WAIT_S)

    async def warm_up(self, call: Call) -> None:
        """Warm up the vendor's client."""
        await self._inner.warm_up(call)

    def stream(self, call: Call) -> AsyncIterator[Chunk]:
        """Send the call through the vendor's client."""
        return self._inner.stream(call)

    def batch_client(self) -> BatchClient | None:
        """Return the batches of the vendor's client."""
        return self._inner.batch_client()

    async def facts(self) -> Mapping[str, Any]:
        """Return protocol, persona, server and the client's own facts."""
        facts: dict[str, Any] = {"protocol": self.protocol}
        inner = dict(await self._inner.facts())
        if self._server is not None:
            facts["persona"] = dataclasses.asdict(self.persona)
            # The port changes with every run, so it is not recorded.
            inner.pop("base_url", None)
        if self._url is not None:
            facts["server_version"] = orjson.loads(await self._get("/version"))["version"]
        return inner | facts

    async def counters(self) -> Mapping[str, float] | None:
        """Return the server's counters."""
        if self._url is None:
            return None
        rows = (line.rsplit(" ", 1) for line in (await self._get("/metrics")).decode().splitlines())
        return {name: float(value) for name, value in rows}

    async def _get(self, path: str) -> bytes:
        assert self._url is not None, "only called with a server"
        try:
            return await asyncio.to_thread(_http_get, self._url + path)
        except OSError as exc:
            raise SetupError(f"the simulated provider at {self._url} does not answer: {exc}") from exc

    async def close(self) -> None:
        """Close the client and stop the server."""
        try:
            await self._inner.close()
        finally:
            if self._server is not None:
                await self._server.stop()
                self._server, self._url = None, None


def _http_get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=5) as reply:  # noqa: S310 - an http address by construction
        body: bytes = reply.read()
    return body

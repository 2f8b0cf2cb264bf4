"""Requests beside their answers, for the sample browser."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from gapbench.analysis.samples import collect_samples
from gapbench.values import Attempt

Make = Callable[..., Path]
Attempts = Callable[..., Attempt]


def test_a_request_is_one_item_with_an_answer_of_each_model(make_run: Make, attempt: Attempts) -> None:
    """Two models, two requests: two items, four answers."""
    run = make_run(
        [attempt(model_id=model, sample_id=sample) for model in ("closed-a", "open-b") for sample in "12"]
    )

    found = collect_samples([run])

    assert ["1", "2"] == list(found.items["sample_id"])
    assert [(0, "closed-a"), (0, "open-b"), (1, "closed-a"), (1, "open-b")] == [
        (item, model) for item, model in zip(found.answers["item"], found.answers["model_id"], strict=True)
    ]


def test_only_final_measured_attempts_count(make_run: Make, attempt: Attempts) -> None:
    """A retried attempt and a warm-up are no answers."""
    run = make_run(
        [
            attempt(outcome="infra", final=False, attempt=1),
            attempt(attempt=2, answer="9"),
            attempt(phase="warmup", sample_id="w"),
        ]
    )

    found = collect_samples([run])

    assert ["9"] == list(found.answers["answer"])
    assert ["1"] == list(found.items["sample_id"])


def test_a_cut_table_says_how_many_there_are(make_run: Make, attempt: Attempts) -> None:
    """Three requests, one kept."""
    run = make_run([attempt(sample_id=sample) for sample in "123"])

    found = collect_samples([run], max_items=1)

    assert (1, 3) == (len(found.items), found.total)


def test_the_newest_answer_of_a_model_stands(make_run: Make, attempt: Attempts) -> None:
    """The same request in two runs: the later run's answer."""
    old = make_run([attempt(answer="old")], name="run-1")
    new = make_run([attempt(answer="new", run_id="run-2")], name="run-2")

    assert ["new"] == list(collect_samples([old, new]).answers["answer"])


def test_of_a_long_run_the_first_are_read_with_their_own_texts(make_run: Make, attempt: Attempts) -> None:
    """Cut to two of four, each with its answer; the total tells of the rest."""
    run = make_run([attempt(sample_id=sample, answer=f"said {sample}") for sample in "3142"])

    found = collect_samples([run], max_items=2)

    assert (["3", "1"], ["said 3", "said 1"], 4) == (
        list(found.items["sample_id"]),
        list(found.answers["answer"]),
        found.total,
    )

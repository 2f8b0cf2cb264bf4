"""The plan is expanded fully, and the same input gives the same plan."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.plan import NO_DECOY, Cell, Load, described, expand, merged, prompt_chars
from harness.values import Params, prompt_sha256
from tests.makers import model, plan, sample, task


def cell(load: Load, *, count: int = 4, repeats: int = 1, seed: int = 7) -> Cell:
    return Cell(model(), task(count), load, Params(), repeats, seed)


def keys(given: Cell) -> list[tuple[str, int, str]]:
    return [(request.sample.sample_id, request.repeat, request.phase) for request in given.requests]


def test_cells_are_models_by_tasks_by_loads() -> None:
    """2 models x 1 task x 2 loads."""
    made = expand(
        suite="s", suite_sha256="h", seed=0, repeats=1, margin_points=1.7, defaults=Params(),
        models=[model("a"), model("b")], tasks=[task()], loads=[Load("concurrency", 1), Load("concurrency", 8)],
    )  # fmt: skip

    assert ["a|sums|c1", "a|sums|c8", "b|sums|c1", "b|sums|c8"] == [cell.cell_id for cell in made.cells]
    assert 2 * 1 * 2 * 4 == made.requests_total


def test_every_sample_is_asked_as_often_as_repeats_say() -> None:
    """4 samples x 3 repeats, each key once."""
    found = keys(cell(Load("concurrency", 2), repeats=3))

    assert 4 * 3 == len(found) == len(set(found))


def test_all_models_see_the_same_order() -> None:
    """The order depends on seed and task, not on the model."""
    made = plan(model("a"), model("b"), count=20)

    assert keys(made.cells[0]) == keys(made.cells[1])
    assert keys(made.cells[0]) != keys(replace(made.cells[0], seed=8))


def test_warm_up_requests_have_keys_of_their_own() -> None:
    """6 warm-up requests over 4 samples: repeats -1 and -2."""
    found = keys(cell(Load("concurrency", 2, warmup_requests=6)))

    assert 6 + 4 == len(set(found))
    assert {-1, -2} == {repeat for _, repeat, phase in found if phase == "warmup"}


def test_a_constant_rate_is_evenly_spaced() -> None:
    """2 a second for 3 s: 0, 0.5, … 2.5."""
    found = cell(Load("rate", 2.0, "constant", duration_s=3.0)).requests

    assert [0.0, 0.5, 1.0, 1.5, 2.0, 2.5] == [request.due_s for request in found]


def test_poisson_arrivals_have_the_mean_asked_for() -> None:
    """1,000 s at 5 a second: 5,000, within three standard deviations (3 x 71)."""
    found = cell(Load("rate", 5.0, "poisson", duration_s=1_000.0)).requests

    assert abs(len(found) - 5_000) < 3 * 5_000**0.5
    assert len({(request.sample.sample_id, request.repeat) for request in found}) == len(found)


def test_a_rates_start_is_warm_up_by_time() -> None:
    """1 a second for 4 s, the first 2 s warm-up."""
    found = cell(Load("rate", 1.0, "constant", duration_s=4.0, warmup_s=2.0)).requests

    assert ["warmup", "warmup", "measure", "measure"] == [request.phase for request in found]


def test_a_rate_can_be_capped() -> None:
    """max_requests ends it early."""
    assert 3 == len(cell(Load("rate", 10.0, "constant", duration_s=60.0, max_requests=3)).requests)


def test_parameters_are_layered() -> None:
    """Suite, then task, then model; extra is merged key by key."""
    suite = Params(max_tokens=10, temperature=0.0, extra={"a": 1, "b": 1})
    mine = Params(max_tokens=20, extra={"b": 2})

    assert Params(max_tokens=20, temperature=0.0, extra={"a": 1, "b": 2}) == merged(suite, Params(), mine)


def test_truth_has_a_right_and_a_wrong_reply_for_each_prompt() -> None:
    """The reference, else the target; the decoy, else a stock phrase."""
    samples = (sample(1, reference="It is 2", decoy="It is 3"), sample(2, reference=None, decoy=None))
    made = expand(
        suite="s", suite_sha256="h", seed=0, repeats=1, margin_points=1.7, defaults=Params(), models=[model()],
        tasks=[task(samples=samples)], loads=[Load("concurrency", 1)],
    )  # fmt: skip
    truth = {item.prompt_sha256: (item.reference, item.decoy) for item in made.truth()}

    assert {
        prompt_sha256(samples[0].messages): ("It is 2", "It is 3"),
        prompt_sha256(samples[1].messages): ("3", NO_DECOY),
    } == truth


def test_the_plan_can_be_shown() -> None:
    """One row for each cell, plain values only."""
    row = described(plan())[0]

    assert ("m|sums|c2", 4, "concurrency 2") == (row["cell_id"], row["requests"], row["load"])


def test_prompt_characters_are_counted() -> None:
    """'What is 1 + 1?' has 14."""
    assert 14 == prompt_chars(sample(1).messages)


@pytest.mark.parametrize(("load", "label"), [(Load("concurrency", 16), "c16"), (Load("rate", 2.5), "r2.5")])
def test_a_load_has_a_label(load: Load, label: str) -> None:
    """It stands in the cell's id."""
    assert label == load.label

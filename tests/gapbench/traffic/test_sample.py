"""`bench traffic sample`: what is drawn of a log, with which weights, and how it is scored."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import pytest
import yaml

from gapbench.pricing import UnitPrices, find_price
from gapbench.traffic.stratified_draw import allocate, draw_prompts
from tests.sampled_traffic import Said, Sample, order, rows_of, support, traffic, triage


def test_the_weights_of_a_sample_add_up_to_the_traffic(sample: Sample) -> None:
    """All 200 requests, by 40 items."""
    result = sample(traffic(), "-n", "40")

    assert result.exit_code == 0, result.output
    assert len(rows_of()) == 40
    assert sum(row["weight"] for row in rows_of()) == pytest.approx(200, rel=1e-6)
    assert "40 items stand for 200 requests, 100.0 % of 200" in result.output


def test_each_stratum_stands_for_its_own_requests(sample: Sample) -> None:
    """Triage has 100 of the 200 requests, whatever share of the items it has."""
    sample(traffic(), "-n", "40", "--allocate", "equal")

    weights = [row["weight"] for row in rows_of() if row["stratum"].startswith("triage")]

    assert sum(weights) == pytest.approx(100, rel=1e-6)
    assert len(weights) < 20


def test_prompts_that_differ_in_white_space_are_one_item(sample: Sample) -> None:
    """Two requests of each triage prompt differ in blanks: with room for all, each is drawn once, with weight 2."""
    sample(traffic(), "-n", "400")

    weights = [row["weight"] for row in rows_of() if row["stratum"].startswith("triage")]

    assert weights == [2.0] * 50


@pytest.mark.parametrize(
    ("task", "scorer"),
    [
        ("orders", "{name: tool_calls, extra: true, check_schema: true}"),
        ("invoices", "{name: json_schema, schema: schema, compare: false}"),
        ("triage", "exact"),
        ("support", "\n      name: judge"),
    ],
)
def test_a_task_is_scored_by_what_its_logged_replies_allow(sample: Sample, task: str, scorer: str) -> None:
    """Tool calls, a schema, few labels, or a judge."""
    sample(traffic(), "-n", "40")
    block = Path("suite.yaml").read_text().partition(f'  - name: "{task}"\n')[2].partition("  - name")[0]

    assert f"scorer: {scorer}".replace(": \n", ":\n") in block


def test_a_tool_call_of_the_log_is_the_target(sample: Sample) -> None:
    """Its name and arguments, as the scorer compares them."""
    sample([order(7)], "-n", "1")

    assert rows_of()[0]["target"] == [{"name": "find_order", "arguments": {"id": "A7"}}]


def test_the_suite_is_valid(sample: Sample, said: Callable[..., Said]) -> None:
    """`bench validate` reads every task, and the logged replies score as right."""
    sample(traffic(), "-n", "60", "--holdout", "0.25")

    for suite in ("suite.yaml", "suite-holdout.yaml"):
        result = said("validate", suite)
        assert "valid: 3 models, 4 tasks" in result.output, result.output


def test_the_holdout_shares_no_session_with_the_sample(sample: Sample) -> None:
    """Sessions of three requests go to one side as a whole."""
    log = [one for number in range(60) for one in triage(number, session=f"s{number // 3}")]

    sample(log, "-n", "60", "--holdout", "0.3")
    kept, apart = (
        {row["cluster"] for row in rows_of(folder)} for folder in ("suite-data", "suite-holdout-data")
    )

    assert apart
    assert not kept & apart


def test_both_parts_stand_for_the_whole_traffic(sample: Sample) -> None:
    """The holdout's weights are those of a sample by itself."""
    log = [support(number, session=f"s{number}") for number in range(60)]

    sample(log, "-n", "40", "--holdout", "0.25", "--by", "route")

    for folder in ("suite-data", "suite-holdout-data"):
        assert sum(row["weight"] for row in rows_of(folder)) == pytest.approx(60, rel=1e-5)


def test_prompts_of_one_template_are_one_cluster(sample: Sample) -> None:
    """Without sessions, texts that differ in numbers alone have one source."""
    log = [support(3), support(44), triage(1)[0]]

    sample(log, "-n", "3")

    assert len({row["cluster"] for row in rows_of()}) == 2


def test_a_table_without_texts_is_refused(sample: Sample) -> None:
    """The message says how to get one with texts."""
    result = sample(traffic(), import_with=("--no-text",))

    assert result.exit_code == 2
    assert "only metadata" in result.output
    assert "without --no-text" in result.output


def test_failed_requests_are_not_covered_and_are_counted(sample: Sample) -> None:
    """One of five requests has no reply: 80 % of the traffic is covered."""
    failed = {**support(9), "response": {"error": {"message": "overloaded"}}}

    result = sample([*(support(number) for number in range(4)), failed], "-n", "4")

    assert "4 items stand for 4 requests, 80.0 % of 5" in result.output
    assert "not covered  1 request (20.0 %): failed or have no reply" in result.output


def test_more_strata_than_items_are_refused(sample: Sample) -> None:
    """The message says how many items would do."""
    result = sample(traffic(), "-n", "2")

    assert result.exit_code == 2
    assert "strata by route, length, tools and kind of check, and 2 items cannot cover them" in result.output
    assert not Path("suite.yaml").exists()


def test_an_existing_suite_is_kept(sample: Sample) -> None:
    """It is overwritten with --force only."""
    Path("suite.yaml").write_text("mine")

    result = sample([support(1)], "-n", "1")

    assert "already exists" in result.output
    assert Path("suite.yaml").read_text() == "mine"


def test_equal_seeds_draw_equal_samples(sample: Sample) -> None:
    """Another seed draws others."""
    drawn = []
    for seed in ("7", "7", "8"):
        sample(traffic(), "-n", "40", "--force", "--seed", seed)
        drawn.append([(row["id"], row["weight"]) for row in rows_of()])

    assert drawn[0] == drawn[1] != drawn[2]


def test_an_unknown_feature_is_refused(sample: Sample) -> None:
    """The message lists the features."""
    result = sample([support(1)], "--by", "colour")

    assert result.exit_code == 2
    assert "'colour' is not a feature; expected some of route, length, tools, model" in result.output


def test_a_proportional_allocation_follows_the_requests() -> None:
    """At least 5 of the small stratum, and the other 95 by 900 to 90 requests: 86.4 and 8.6."""
    sizes = allocate(np.array([900, 90, 10]), np.array([900, 90, 10]), 100, "proportional")

    assert sizes.tolist() == [86, 9, 5]


def test_an_equal_allocation_gives_small_strata_all_they_have() -> None:
    """Of 30: all 4 prompts of the small stratum, and 13 of each other."""
    assert allocate(np.array([900, 90, 10]), np.array([900, 90, 4]), 30, "equal").tolist() == [13, 13, 4]


def test_weights_are_requests_over_the_chance_of_being_drawn() -> None:
    """8 of 80 prompts sent ten times each: each item stands for 100 requests."""
    drawn = draw_prompts(np.full(80, 10), np.zeros(80, dtype=np.int64), 8)

    assert drawn.weights.tolist() == [100.0] * 8
    assert len(set(drawn.places.tolist())) == 8


def test_a_prompt_with_most_of_the_requests_is_drawn_for_sure() -> None:
    """One prompt has 1,000 of 1,099 requests: it stands for itself, and 9 others for 99."""
    requests = np.array([1000, *[1] * 99])

    drawn = draw_prompts(requests, np.zeros(100, dtype=np.int64), 10)

    assert drawn.places[0] == 0
    assert drawn.weights.tolist() == [1000.0] + [11.0] * 9


def test_the_expected_weighted_total_of_a_value_is_its_total() -> None:
    """Over 2,000 draws the mean weighted total of a value is that of all requests, within four standard errors."""
    rng = np.random.default_rng(1)
    requests, strata = rng.integers(1, 9, 60), rng.integers(0, 3, 60)
    values = rng.random(60)
    truth = float(requests @ values)

    totals = []
    for seed in range(2_000):
        drawn = draw_prompts(requests, strata, 15, seed=seed)
        totals.append(float(drawn.weights @ values[drawn.places]))

    assert np.mean(totals) == pytest.approx(truth, abs=4 * np.std(totals) / np.sqrt(2_000))


def test_every_model_that_a_sample_proposes_has_a_price(sample: Sample) -> None:
    """The compared APIs and the judge: a name that no vendor has would fail at the first call."""
    assert 0 == sample(traffic(), "-n", "100").exit_code
    suite = yaml.safe_load(Path("suite.yaml").read_text())
    bought = [entry for entry in [*suite["models"], *suite["judges"]] if entry["runner"] != "vllm"]

    assert 3 == len(bought)
    for entry in bought:
        price = find_price(entry["runner"], entry["model"], date(2026, 11, 30))
        assert isinstance(price, UnitPrices), f"{entry['model']}: {price}"

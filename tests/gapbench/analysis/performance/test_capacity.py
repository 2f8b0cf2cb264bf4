"""Load levels against a service level: attainment, its bound, and the highest rate that keeps it."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from gapbench.analysis.cost.attempt_costs import bill
from gapbench.analysis.economics.measured_inputs import measured_throughput
from gapbench.analysis.frames import load_runs
from gapbench.analysis.performance.capacity import capacity
from gapbench.analysis.performance.client_limits import client_limits
from gapbench.errors import ResultsError
from gapbench.stats import attainment_low_bound, wilson
from gapbench.values import Attempt
from gapbench.values.slo import Slo
from tests.run_folders import make_attempt, make_episode

Make = Callable[..., Path]
SLO = Slo(ttft_s=0.5, attainment=0.9)


def at_rate(rate: float, count: int, slow: int, *, name: str = "", **given: Any) -> list[Attempt]:
    """Return ``count`` requests of one rate, a second apart; the first ``slow`` have a first token after 0.6 s."""
    return [
        make_attempt(
            model_id="closed-a",
            sample_id=str(k),
            load_kind="rate",
            load_value=rate,
            cell_id=f"closed-a|reasoning/sums|r{rate:g}{name}",
            scheduled_s=float(k),
            sent_s=float(k),
            first_token_s=k + (0.6 if k < slow else 0.1),
            first_answer_s=k + (0.6 if k < slow else 0.1),
            last_token_s=k + 0.9,
            done_s=k + 0.9,
            chunk_s=(k + (0.6 if k < slow else 0.1), k + 0.8, k + 0.9),
            **given,
        )
        for k in range(count)
    ]


def test_a_rate_lies_between_the_last_pass_and_the_first_fail(make_run: Make) -> None:
    """Attainment 1.0 at 2/s and 0.8 at 8/s; 0.9 is half way in attainment, so 2 x 4^(1/2) = 4 on the log scale."""
    run = make_run([*at_rate(1, 40, 0), *at_rate(2, 40, 0), *at_rate(8, 40, 8)])
    found = capacity([run], SLO).rate_of("closed-a", "reasoning/sums")

    assert found is not None
    assert 4.0 == pytest.approx(found.rate_rps)
    assert 2.0 == found.low_rps


def test_where_nothing_failed_the_rate_is_a_bound_and_no_number(make_run: Make) -> None:
    """>= the highest tested."""
    found = capacity([make_run([*at_rate(1, 40, 0), *at_rate(2, 40, 0)])], SLO).rates[0]

    assert (None, 2.0, ">= 2/s, the highest tested") == (found.rate_rps, found.low_rps, found.words)


def test_where_nothing_passed_the_rate_is_below_the_lowest(make_run: Make) -> None:
    """No number either."""
    found = capacity([make_run(at_rate(1, 40, 20))], SLO).rates[0]

    assert (None, None, "< 1/s, the lowest tested") == (found.rate_rps, found.low_rps, found.words)


def test_few_requests_make_no_level_sure(make_run: Make) -> None:
    """5 of 5 met 90 %, and Wilson's lower bound of 5 of 5 is 0.65."""
    found = capacity([make_run([*at_rate(1, 5, 0), *at_rate(2, 5, 5)])], SLO)

    assert found.rates[0].low_rps is None
    assert "no level is sure of it" in found.rates[0].words
    assert [True, False] == found.frame["passed"].tolist()
    assert [False, False] == found.frame["certain"].tolist()


@pytest.mark.parametrize(
    ("slow", "advice"),
    [
        (0, "send more requests at each rate (a longer duration_s), or sweep higher rates"),
        (5, "sweep lower rates, or loosen the limits"),
    ],
)
def test_a_replica_of_no_known_rate_is_refused_with_what_would_do(
    make_run: Make, slow: int, advice: str
) -> None:
    """Five requests of each rate that kept the limits are too few to be sure; five that broke them were sent too fast."""
    runs = load_runs([make_run([*at_rate(1, 5, slow), *at_rate(2, 5, slow)])])

    with pytest.raises(ResultsError) as caught:
        measured_throughput(runs, SLO)
    assert str(caught.value).endswith(advice)


def test_failures_and_retries_are_misses(make_run: Make, attempt: Callable[..., Attempt]) -> None:
    """One in time, one lost, one answered at the second attempt: 1 of 3."""
    rows = at_rate(1, 1, 0)
    common: dict[str, Any] = {
        "load_kind": "rate", "load_value": 1.0, "cell_id": "closed-a|reasoning/sums|r1", "scheduled_s": 0.0, "sent_s": 0.0,
    }  # fmt: skip
    rows += [
        attempt(sample_id="lost", outcome="infra", chunk_s=(), **common),
        attempt(sample_id="again", outcome="infra", chunk_s=(), final=False, **common),
        attempt(
            sample_id="again", attempt=2, **{**common, "scheduled_s": 5.0, "sent_s": 5.0}, first_token_s=5.1
        ),
    ]
    level = capacity([make_run(rows)], SLO).frame.iloc[0]

    assert (3, 1, 1) == (level["requests"], level["met"], level["failures"])


def test_times_count_from_the_schedule(make_run: Make) -> None:
    """Sent 0.45 s late and answered 0.1 s after that: 0.55 s, a miss of 0.5 s."""
    row = make_attempt(
        load_kind="rate", load_value=1.0, scheduled_s=0.0, sent_s=0.45, first_token_s=0.55, chunk_s=(0.55,)
    )

    assert 0 == capacity([make_run([row])], SLO).frame.iloc[0]["met"]


def test_gaps_are_held_at_a_percentile_of_the_request(make_run: Make) -> None:
    """Gaps of 0.2 s and 0.1 s: the median is 0.15, the slowest 0.2."""
    row = make_attempt(
        load_kind="rate", load_value=1.0, scheduled_s=0.0, first_token_s=1.0, chunk_s=(1.0, 1.2, 1.3)
    )
    run = make_run([row])

    assert 1 == capacity([run], Slo(inter_chunk_s=0.16, percentile=0.5)).frame.iloc[0]["met"]
    assert 0 == capacity([run], Slo(inter_chunk_s=0.16, percentile=1.0)).frame.iloc[0]["met"]


def test_repetitions_are_pooled_and_widen_the_bound(make_run: Make) -> None:
    """40 of 40 and 20 of 40: 0.75 over 80, and a bound far below Wilson's of independent requests."""
    level = capacity([make_run([*at_rate(1, 40, 0), *at_rate(1, 40, 20, name="#2")])], SLO).frame.iloc[0]

    assert (2, 80, 0.75) == (level["cells"], level["requests"], level["attainment"])
    assert level["attainment_low"] == 0.0


def test_the_bound_of_one_repetition_is_wilsons() -> None:
    """One-sided 95 %: the lower end of the two-sided 90 % interval."""
    assert wilson(0.9, 100, 0.90).low == attainment_low_bound([90], [100])
    assert attainment_low_bound([], []) is None


def test_throughput_is_of_the_window_and_not_of_whole_requests(make_run: Make) -> None:
    """41 requests a second apart, 100 tokens in 3 chunks each within the second: 40 whole requests in the 40 s window."""
    level = capacity([make_run(at_rate(1, 41, 0))], SLO).frame.iloc[0]

    assert (40.0, 1.0, 100.0) == (level["window_s"], level["completed_rps"], level["output_tokens_per_s"])


def test_tokens_count_where_their_chunk_arrived(make_run: Make) -> None:
    """A warm-up request with chunks at 1, 5 and 9 s gives a third of its 90 tokens to the window from 2 to 8 s."""
    common: dict[str, Any] = {
        "load_kind": "rate", "load_value": 1.0, "cell_id": "closed-a|reasoning/sums|r1", "output_tokens": 90,
    }  # fmt: skip
    rows = [
        make_attempt(
            sample_id="w", phase="warmup", scheduled_s=0.0, sent_s=0.0, first_token_s=1.0, last_token_s=9.0,
            done_s=9.0, chunk_s=(1.0, 5.0, 9.0), **common,
        ),
        *(
            make_attempt(
                sample_id=str(k), scheduled_s=float(k), sent_s=float(k), first_token_s=8.5,
                last_token_s=8.6, done_s=8.6, chunk_s=(8.5, 8.6), **common,
            )
            for k in (2, 8)
        ),
    ]  # fmt: skip
    level = capacity([make_run(rows)], SLO).frame.iloc[0]

    assert (6.0, 30.0 / 6.0, 0.0) == (level["window_s"], level["output_tokens_per_s"], level["completed_rps"])


def test_a_window_shorter_than_a_reply_is_none(make_run: Make) -> None:
    """All 64 sent within 0.1 s and answered after 1 s: nothing is steady, and the throughput is unknown, not 0."""
    rows = [
        make_attempt(
            sample_id=str(k), load_value=64.0, scheduled_s=k / 640, sent_s=k / 640, first_token_s=0.9,
            last_token_s=1.0, done_s=1.0, chunk_s=(0.9, 1.0),
        )
        for k in range(64)
    ]  # fmt: skip
    level = capacity([make_run(rows)], SLO).frame.iloc[0]

    assert pd.isna(level["window_s"])
    assert pd.isna(level["completed_rps"])


def test_an_untold_count_makes_the_throughput_unknown(make_run: Make) -> None:
    """Unknown is not nought."""
    rows = at_rate(1, 5, 0, output_tokens=None)

    assert pd.isna(capacity([make_run(rows)], SLO).frame.iloc[0]["output_tokens_per_s"])


def test_concurrency_levels_have_no_offered_rate(
    make_run: Make, answers: Callable[..., list[Attempt]]
) -> None:
    """They stand in the table and say nothing of a rate."""
    found = capacity([make_run(answers("closed-a", 5, 5))], SLO)

    assert () == found.rates
    assert [8.0] == found.frame["concurrency"].tolist()


def test_a_client_that_sends_late_is_named(make_run: Make) -> None:
    """Half a second late against a first token after 0.1 s: the level is marked, with the reason."""
    rows = [
        make_attempt(
            sample_id=str(k), load_kind="rate", load_value=1.0, scheduled_s=float(k), sent_s=k + 0.5,
            first_token_s=k + 0.6, done_s=k + 0.7, chunk_s=(k + 0.6,),
        )
        for k in range(20)
    ]  # fmt: skip
    found = capacity([make_run(rows)], SLO)

    assert "requests left 500 ms late" in found.frame.iloc[0]["invalid"]
    assert "this client was the limit" in found.warnings[0]


def test_a_client_on_time_is_not_named(make_run: Make) -> None:
    """Sent when due."""
    assert {} == client_limits(load_runs([make_run(at_rate(1, 20, 0))]))


def agents(count: int, late: int, solved: int) -> list[Attempt]:
    """Return 40 episodes of ``count`` agents: the first ``late`` take 20.5 s and the others 10.5 s, ``solved`` are right."""
    return [
        row
        for k in range(40)
        for row in make_episode(
            3,
            1.5 if k >= late else 6.5,
            model_id="closed-a",
            sample_id=str(k),
            load_value=float(count),
            outcome="correct" if k < solved else "wrong",
            scheduled_s=float(k),
        )
    ]


def test_the_largest_number_of_agents_keeps_the_limit_on_the_task(make_run: Make) -> None:
    """All 40 tasks in 15 s with 2 and 4 agents, 20 of 40 with 8, all again with 16: more than 4 is luck."""
    run = make_run([*agents(2, 0, 40), *agents(4, 0, 40), *agents(8, 20, 40), *agents(16, 0, 40)])
    result = capacity([run], Slo(task_s=15, attainment=0.9))
    found = result.concurrency_of("closed-a", "reasoning/sums")

    assert found is not None
    assert (found.concurrency, found.low_concurrency, found.tested_concurrency) == (4, 4, 16)
    assert found.words == "4 agents"
    assert result.frame["attainment"].tolist() == [1.0, 1.0, 0.5, 1.0]


def test_each_reply_of_an_episode_must_keep_the_limits_on_a_reply(make_run: Make) -> None:
    """The first texts come after 1.0 s in every turn; one turn of one episode takes 1.25 s."""
    rows = agents(4, 0, 40)
    rows[1] = dataclasses.replace(rows[1], first_token_s=(rows[1].scheduled_s or 0) + 1.25)

    assert capacity([make_run(rows)], Slo(ttft_s=1.125)).frame.iloc[0]["met"] == 39
    assert capacity([make_run(rows, name="run-2")], Slo(ttft_s=1.25)).frame.iloc[0]["met"] == 40


def test_a_level_says_what_a_solved_task_costs(make_run: Make) -> None:
    """40 episodes of 3 replies of $0.00315, of which 30 are solved."""
    runs = load_runs(make_run(agents(4, 0, 30)), chunks=True)
    row = capacity(runs, Slo(task_s=15), bill(runs).usd).frame.iloc[0]

    assert (row["requests"], row["episodes"], row["solved"]) == (40, 40, 30)
    assert row["usd_per_solved"] == pytest.approx(40 * 3 * 0.00315 / 30)
    assert row["solved_per_usd"] == pytest.approx(30 / (40 * 3 * 0.00315))
    # The window is from the first start at 0 s to the last at 39 s: 29 episodes end before it, at 10.5 s and each second after.
    assert row["solved_per_min"] == pytest.approx(29 / 39 * 60)
    assert row["response_p50_s"] == 10.5


def test_the_prefix_cache_of_the_server_is_shown_with_a_level(make_run: Make) -> None:
    """Its counters rose by 600 hits of 1,000 tokens."""
    run = make_run(agents(4, 0, 40))
    document = json.loads((run / "run.json").read_text())
    names = ("vllm:prefix_cache_hits_total", "vllm:prefix_cache_queries_total")
    document["cells"][0] |= {
        "counters_before": dict(zip(names, (100.0, 1000.0), strict=True)),
        "counters_after": dict(zip(names, (700.0, 2000.0), strict=True)),
    }
    (run / "run.json").write_text(json.dumps(document))

    assert capacity([run], Slo(task_s=15)).frame.iloc[0]["prefix_cache_share"] == 600 / 1000


def test_the_window_of_a_task_starts_when_the_task_before_it_has_left_its_places(make_run: Make) -> None:
    """`docs` starts at 10 s, while the last answer of `sums` is awaited until 16: its window is 16 to 29 s, 13 s."""

    def asked(task: str, at_s: list[float], last_s: float) -> list[Attempt]:
        ends_s = [at + 1.0 for at in at_s[:-1]] + [last_s]
        return [
            make_attempt(
                model_id="closed-a", task=f"reasoning/{task}", sample_id=f"{task}{k}",
                cell_id=f"closed-a|reasoning/{task}|c2", load_kind="concurrency", load_value=2.0,
                scheduled_s=at, sent_s=at, first_token_s=end - 0.5, first_answer_s=end - 0.5, last_token_s=end,
                done_s=end, chunk_s=(end - 0.5, end),
            )
            for k, (at, end) in enumerate(zip(at_s, ends_s, strict=True))
        ]  # fmt: skip

    run = make_run(
        [*asked("sums", [0.0, 1.0, 2.0, 9.0], 16.0), *asked("docs", [float(k) for k in range(10, 30)], 30.0)]
    )
    frame = capacity([run], SLO).frame.set_index("task")

    assert (9.0, 13.0) == (frame.loc["reasoning/sums", "window_s"], frame.loc["reasoning/docs", "window_s"])

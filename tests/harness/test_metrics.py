"""A run's metrics while it is under way: what Prometheus reads, by its own parser and by a real server."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from gapbench.errors import SetupError
from gapbench.execution.monitoring.http_server import MetricsServer
from gapbench.execution.monitoring.run_exporter import MetricsObserver
from tests.harness.test_run import Watch
from tests.makers import attempt, plan
from tests.prometheus import needs_prometheus, run_prometheus, samples, total

ROOT = Path(__file__).parents[2]


@pytest.fixture
def served() -> Iterator[MetricsServer]:
    """The metrics of a cell of four requests: one right, one wrong, one failed and retried, one cached."""
    cell = plan().cells[0]
    watcher = MetricsObserver(Watch(), "suite", "run-1")
    watcher.cell_started(cell, 4, 0)
    watcher.attempt_done(cell, attempt(), Decimal("0.25"))
    watcher.attempt_done(cell, attempt(outcome="wrong", score=0.0), Decimal("0.5"))
    watcher.attempt_done(
        cell,
        attempt(outcome="infra", failure_kind="server", score=None, final=False, first_token_s=None),
        None,
    )
    watcher.attempt_done(cell, attempt(from_cache=True, sent_s=None, first_token_s=None), None)
    with MetricsServer(watcher.run_counts, 0) as serving:
        yield serving


def test_what_is_told_is_counted(served: MetricsServer) -> None:
    """Four attempts, three of them final; 0.25 + 0.5 dollars; the cached answer has neither time nor tokens."""
    found = samples(served.url)

    assert (4, 3) == (total(found, "bench_requests_planned"), total(found, "bench_requests_done"))
    assert [4, 1, 1, 1] == [
        total(found, f"bench_{name}_total") for name in ("attempts", "failures", "retries", "cache_hits")
    ]
    assert 0.75 == total(found, "bench_spend_usd_total")
    assert (2, 3) == (total(found, "bench_score_total"), total(found, "bench_scored_total"))
    assert 3 * (10 + 4) == total(found, "bench_tokens_total")
    assert [2, 2] == [total(found, f"bench_{name}_seconds_count") for name in ("first_token", "response")]


def test_a_time_is_in_every_bucket_that_it_is_not_above(served: MetricsServer) -> None:
    """Two first tokens, each 0.11 s - 0.01 s = 0.1 s after it was sent."""
    found = samples(served.url)
    name = "bench_first_token_seconds_bucket"

    assert [0, 2, 2] == [total(found, name, le=le) for le in ("0.05", "0.1", "+Inf")]
    assert pytest.approx(0.2) == total(found, "bench_first_token_seconds_sum")


def test_every_sample_says_its_run_and_suite(served: MetricsServer) -> None:
    """So that several runs share a dashboard."""
    assert {("run-1", "suite")} == {(labels["run"], labels["suite"]) for _, labels, _ in samples(served.url)}


def test_the_dashboard_asks_only_for_what_is_there(served: MetricsServer) -> None:
    """Every metric named in the Grafana file is served, and chosen by the run."""
    dashboard = json.loads((ROOT / "docs" / "grafana" / "bench.json").read_text())
    asked = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    named = {name for query in asked for name in re.findall(r"(bench_[a-z_]+)\{", query)}

    assert named
    assert named <= {name for name, *_ in samples(served.url)}
    assert all('{run=~"$run"}' in query for query in asked)
    assert {"datasource", "run"} == {variable["name"] for variable in dashboard["templating"]["list"]}


def test_a_taken_port_is_said() -> None:
    """With what would do."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(SetupError, match="choose another port"):
            MetricsServer(list, port).__enter__()


@needs_prometheus
def test_a_real_prometheus_scrapes_them(served: MetricsServer, tmp_path: Path) -> None:
    """It is up by Prometheus' own word, and the spend is what was told."""
    with run_prometheus(served.url, tmp_path) as asked:
        assert {"run-1": "0.75"} == asked("sum by (run) (bench_spend_usd_total)")
        assert {"": "1"} == asked("up")

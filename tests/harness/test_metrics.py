"""A run's metrics: what Prometheus reads, by its own parser and by a real server."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from harness.errors import SetupError
from harness.metrics import MetricsWatcher
from tests.harness.test_run import Watch
from tests.makers import attempt, plan

ROOT = Path(__file__).parents[2]


@pytest.fixture
def served() -> Iterator[MetricsWatcher]:
    """The metrics of a cell of four requests: one right, one wrong, one failed and retried, one cached."""
    cell = plan().cells[0]
    with MetricsWatcher(Watch(), 0, "suite", "run-1") as watcher:
        watcher.cell_started(cell, 4, 0)
        watcher.attempt_done(cell, attempt(), Decimal("0.25"))
        watcher.attempt_done(cell, attempt(outcome="wrong", score=0.0), Decimal("0.5"))
        watcher.attempt_done(
            cell,
            attempt(outcome="infra", failure_kind="server", score=None, final=False, first_token_s=None),
            None,
        )
        watcher.attempt_done(cell, attempt(from_cache=True, sent_s=None, first_token_s=None), None)
        yield watcher


def read(url: str) -> dict[str, float]:
    """Return the samples of a page, summed over their labels."""
    with urllib.request.urlopen(url, timeout=5) as reply:
        text = reply.read().decode()
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found[sample.name] = found.get(sample.name, 0.0) + sample.value
    return found


def test_what_is_told_is_counted(served: MetricsWatcher) -> None:
    """Four attempts, three of them final; 0.25 + 0.5 dollars; the cached answer has neither time nor tokens."""
    found = read(served.url)

    assert (4, 3) == (found["bench_requests_planned"], found["bench_requests_done"])
    assert (4, 1, 1, 1) == tuple(
        found[f"bench_{name}_total"] for name in ("attempts", "failures", "retries", "cache_hits")
    )
    assert 0.75 == found["bench_spend_usd_total"]
    assert (2, 3) == (found["bench_score_total"], found["bench_scored_total"])
    assert 3 * (10 + 4) == found["bench_tokens_total"]
    assert (2, 2) == (found["bench_first_token_seconds_count"], found["bench_response_seconds_count"])


def test_the_dashboard_asks_only_for_what_is_there(served: MetricsWatcher) -> None:
    """Every metric named in the Grafana file is served."""
    dashboard = json.loads((ROOT / "docs" / "grafana" / "bench.json").read_text())
    asked = {
        name
        for panel in dashboard["panels"]
        for target in panel["targets"]
        for name in re.findall(r"bench_[a-z_]+", target["expr"])
    }

    assert asked
    assert asked <= read(served.url).keys()


def test_a_taken_port_is_said() -> None:
    """With what would do."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(SetupError, match="choose another port"):
            MetricsWatcher(Watch(), port, "suite", "run-1").__enter__()


@pytest.mark.skipif(
    shutil.which("prometheus") is None, reason="prometheus is not installed (apt install prometheus)"
)
def test_a_real_prometheus_scrapes_them(served: MetricsWatcher, tmp_path: Path) -> None:
    """It is up by Prometheus' own word, and the spend is what was told."""
    target = urllib.parse.urlsplit(served.url).netloc
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    config = tmp_path / "prometheus.yml"
    config.write_text(
        "global: {scrape_interval: 500ms}\nscrape_configs:\n"
        f"  - {{job_name: bench, static_configs: [{{targets: ['{target}']}}]}}\n"
    )
    command = [
        "prometheus", f"--config.file={config}", f"--storage.tsdb.path={tmp_path / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]  # fmt: skip
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        spend = _asked(f"http://127.0.0.1:{port}", "sum(bench_spend_usd_total)", until=time.monotonic() + 60)
        up = _asked(f"http://127.0.0.1:{port}", "up", until=time.monotonic() + 10)
    finally:
        process.terminate()
        process.wait(30)

    assert ("0.75", "1") == (spend, up)


def _asked(server: str, query: str, *, until: float) -> str | None:
    url = f"{server}/api/v1/query?{urllib.parse.urlencode({'query': query})}"
    while time.monotonic() < until:
        try:
            with urllib.request.urlopen(url, timeout=5) as reply:
                found: list[Any] = json.load(reply)["data"]["result"]
        except OSError:
            found = []
        if found:
            return str(found[0]["value"][1])
        # Polling a server of another's: it offers no other sign.
        time.sleep(0.1)
    return None

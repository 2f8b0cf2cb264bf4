"""A real Prometheus, and what it says of a page that it scrapes."""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

needs_prometheus = pytest.mark.skipif(
    shutil.which("prometheus") is None, reason="prometheus is not installed (apt install prometheus)"
)
MetricSample = tuple[str, dict[str, str], float]


def samples(url: str) -> list[MetricSample]:
    """Return name, labels and value of each sample of a page, by Prometheus' own parser."""
    with urllib.request.urlopen(url, timeout=120) as reply:
        text = reply.read().decode()
    return [
        (sample.name, sample.labels, sample.value)
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    ]


def total(samples: list[MetricSample], name: str, **labels: str) -> float:
    """Return the sum of a metric over the samples that have these labels."""
    return sum(
        value for other, theirs, value in samples if other == name and labels.items() <= theirs.items()
    )


@contextlib.contextmanager
def run_prometheus(url: str, folder: Path) -> Iterator[Callable[[str], dict[str, str]]]:
    """Run a Prometheus that scrapes a page; yields what asks it: a query to values by the label ``run``.

    A query is asked again until it has an answer, for a minute at most.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    config = folder / "prometheus.yml"
    target = urllib.parse.urlsplit(url).netloc
    config.write_text(
        "global: {scrape_interval: 500ms}\nscrape_configs:\n"
        f"  - {{job_name: bench, static_configs: [{{targets: ['{target}']}}]}}\n"
    )
    command = [
        "prometheus", f"--config.file={config}", f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]  # fmt: skip
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        yield lambda query: _run_query(f"http://127.0.0.1:{port}", query)
    finally:
        process.terminate()
        process.wait(30)


def _run_query(server: str, query: str) -> dict[str, str]:
    url = f"{server}/api/v1/query?{urllib.parse.urlencode({'query': query})}"
    until = time.monotonic() + 120
    found: dict[str, str] = {}
    while not found and time.monotonic() < until:
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=5) as reply:
            rows = json.load(reply)["data"]["result"]
            found = {row["metric"].get("run", ""): str(row["value"][1]) for row in rows}
        # Polling a server of another's: it offers no other sign.
        time.sleep(0.1)
    return found

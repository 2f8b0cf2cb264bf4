"""A suite, and its runs at an address of an object store."""

from __future__ import annotations

import subprocess
import time
import urllib.request
from collections.abc import Callable

import pytest
from pyarrow import fs

from gapbench.store.object_store import LISTING_NAME, PROBE_NAME

SUITE = """\
name: far
models:
  - id: open
    runner: sim
    weights: open
    sim: {protocol: openai, skill: 0.5, ttft_s: 0.001, gap_s: 0}
    cost: {input_usd_per_mtok: 10, output_usd_per_mtok: 10}
tasks:
  - {name: sums, category: reasoning, data: q.jsonl, id: "{id}", prompt: "{question}", target: "{answer}", scorer: numeric}
loads: [{concurrency: 1}]
params: {max_tokens: 64}
"""
AT = "s3://bench/nightly"
RUN = ["run", "suite.yaml", "--yes", "--quiet", "--out", AT]


def _wait(url: str, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 120
    while time.monotonic() < until and process.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=2).close()
        except OSError:
            time.sleep(0.1)  # polling a server of another's: it offers no other sign
        else:
            return
    pytest.fail("moto_server did not come up")


def names(store: fs.S3FileSystem) -> list[str]:
    """Return what lies below the address, by run and name."""
    found = store.get_file_info(fs.FileSelector("bench/nightly", recursive=True, allow_not_found=True))
    files = [info.path.removeprefix("bench/nightly/") for info in found if info.type == fs.FileType.File]
    return sorted(name for name in files if name != PROBE_NAME and not name.endswith(LISTING_NAME))


def text(store: fs.S3FileSystem, name: str) -> str:
    with store.open_input_stream(f"bench/nightly/one/{name}") as stream:
        return str(stream.read().decode())


Elsewhere = Callable[[dict[str, str | None]], None]

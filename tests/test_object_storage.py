"""Runs on an S3-compatible server on loopback: written, seen whole, read and resumed from elsewhere."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyarrow import fs

from harness.cli import invoke
from harness.remote import is_remote, mirror_of

SUITE = """\
name: far
models:
  - {id: open, runner: sim, weights: open, sim: {protocol: openai, skill: 0.5, ttft_s: 0.001, gap_s: 0}}
tasks:
  - {name: sums, category: reasoning, data: q.jsonl, id: "{id}", prompt: "{question}", target: "{answer}", scorer: numeric}
params: {max_tokens: 64}
"""


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[fs.S3FileSystem]:
    """An empty bucket `bench` on a real S3 server (moto's) of this machine."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [str(Path(sys.executable).parent / "moto_server"), "-H", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for name, value in {
        "AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}", "AWS_EC2_METADATA_DISABLED": "true",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    rows = [{"id": f"q{n}", "question": f"What is {n} + 1?", "answer": n + 1} for n in range(20)]
    Path("q.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    Path("suite.yaml").write_text(SUITE)
    try:
        _wait(f"http://127.0.0.1:{port}/moto-api/", process)
        made = fs.S3FileSystem(
            endpoint_override=f"127.0.0.1:{port}",
            scheme="http",
            region="us-east-1",
            allow_bucket_creation=True,
        )
        made.create_dir("bench")
        yield made
    finally:
        process.terminate()
        process.wait(30)


def _wait(url: str, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until and process.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=2).close()
        except OSError:
            time.sleep(0.1)  # polling a server of another's: it offers no other sign
        else:
            return
    pytest.fail("moto_server did not come up")


def names(store: fs.S3FileSystem) -> list[str]:
    found = store.get_file_info(fs.FileSelector("bench/nightly", recursive=True, allow_not_found=True))
    return sorted(info.path for info in found if info.type == fs.FileType.File)


def test_a_run_is_sent_read_elsewhere_and_resumed_there(
    store: fs.S3FileSystem, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its parts and manifest lie in the bucket, no lock and no journal; a machine without the mirror reads it."""
    assert 0 == invoke(["run", "suite.yaml", "--yes", "--quiet", "--out", "s3://bench/nightly"])
    sent = names(store)
    run = sent[0].split("/")[2]
    kinds = {name.split("/")[3] for name in sent}

    assert {"run.json", "attempts-00001.parquet", "payload-00001.parquet", "logs", "report.html"} <= kinds
    assert not [name for name in sent if "lock" in name or "journal" in name or name.endswith(".tmp")]
    shutil.rmtree("results")
    capsys.readouterr()
    assert 0 == invoke(["report", f"s3://bench/nightly/{run}", "--json"])
    assert 20 == json.loads(capsys.readouterr().out)["rows"][0]["done"]
    shutil.rmtree("results")
    assert 0 == invoke(["run", "--resume", run, "--yes", "--quiet", "--out", "s3://bench/nightly"])
    assert 1 == len([name for name in names(store) if "attempts-" in name])


def test_what_cannot_be_had_is_one_line(store: fs.S3FileSystem, capsys: pytest.CaptureFixture[str]) -> None:
    """No such run, and no such bucket; the run is kept on this disk."""
    assert 2 == invoke(["report", "s3://bench/nightly/none"])
    assert "is no run: it has no run.json" in capsys.readouterr().err
    assert 2 == invoke(["run", "suite.yaml", "--yes", "--quiet", "--out", "s3://no-such-bucket/x"])
    assert "the run is kept in results/.remote/s3/no-such-bucket/x/far-" in capsys.readouterr().err


def test_an_address_is_told_from_a_folder() -> None:
    """Also once a path has lost one of its slashes."""
    assert is_remote(Path("s3://bucket/a/b"))
    assert not is_remote(Path("results/s3"))
    assert Path("results/.remote/s3/bucket/a/b") == mirror_of(Path("s3://bucket/a/b"))

"""An object store on this machine, and folders that look at it."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyarrow import fs

from gapbench.store.object_store import mirror_of, pull_run, push_run
from tests.stored_runs import AT, SUITE, Elsewhere, _wait


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The address of a real S3 server (moto's) on this machine."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [str(Path(sys.executable).parent / "moto_server"), "-H", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait(f"http://127.0.0.1:{port}/moto-api/", process)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)


@pytest.fixture
def at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Stand on a machine with a suite of 20 questions and AWS's variables, at a server that is not there."""
    for name, value in {
        "AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_EC2_METADATA_DISABLED": "true",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    rows = [{"id": f"q{n}", "question": f"What is {n} + 1?", "answer": n + 1} for n in range(20)]
    for machine in ("here", "elsewhere"):
        (tmp_path / machine).mkdir()
        monkeypatch.chdir(tmp_path / machine)
        Path("q.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        Path("suite.yaml").write_text(SUITE)
    monkeypatch.chdir(tmp_path / "here")
    return monkeypatch


@pytest.fixture
def store(server: str, at: pytest.MonkeyPatch) -> fs.S3FileSystem:
    """An empty bucket `bench`."""
    at.setenv("AWS_ENDPOINT_URL", server)
    urllib.request.urlopen(urllib.request.Request(f"{server}/moto-api/reset", method="POST")).close()
    made = fs.S3FileSystem(
        endpoint_override=server.removeprefix("http://"),
        scheme="http",
        region="us-east-1",
        allow_bucket_creation=True,
    )
    made.create_dir("bench")
    return made


@pytest.fixture
def sent(store: fs.S3FileSystem) -> Path:
    """A mirrored run of three files, sent once."""
    run = mirror_of(f"{AT}/one")
    assert run is not None
    run.mkdir(parents=True)
    for name in ("run.json", "attempts-00001.parquet", "payload-00001.parquet"):
        (run / name).write_text(name)
    assert f"{AT}/one" == push_run(run)
    return run


@pytest.fixture
def elsewhere(sent: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Elsewhere:
    """Fetch the run on another machine, change files there (None deletes one), and send it."""

    def change(files: dict[str, str | None]) -> None:
        with monkeypatch.context() as there:
            (tmp_path / "another machine").mkdir(exist_ok=True)
            there.chdir(tmp_path / "another machine")
            pull_run(sent)
            for name, content in files.items():
                if content is None:
                    (sent / name).unlink()
                else:
                    (sent / name).write_text(content)
            push_run(sent)

    return change

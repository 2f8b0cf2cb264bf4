"""Replies that were once read wrongly, from the socket to the stored row, through ``bench run``.

``tests/cases/wire`` has one file for each: the reply as it was sent, and the row that a person would write for it.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from gapbench.cli import invoke
from gapbench.store import read_attempts, read_payload

CASES = sorted((Path(__file__).parent / "cases" / "wire").glob("*.json"))
SUITE = """\
name: case
retries: {{attempts: {attempts}, quota_wait_s: 1}}
params: {params}
models:
  - {model}
tasks:
  - {{name: t, category: c, data: d.jsonl, id: "{{id}}", prompt: "{{q}}", target: target, scorer: {scorer}}}
loads: [{{concurrency: 1}}]
"""


@contextmanager
def answering(replies: list[dict[str, Any]]) -> Iterator[str]:
    """Answer each request with the next reply, and further ones with the last; yields the address."""
    left = list(replies)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *args: Any) -> None: ...

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            reply = left.pop(0) if len(left) > 1 else left[0]
            self.send_response(reply.get("status", 200))
            self.send_header("content-type", reply.get("type", "text/event-stream"))
            self.send_header("transfer-encoding", "chunked")
            self.end_headers()
            for event in reply["events"]:
                data = event.encode()
                self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
                self.wfile.flush()
            self.wfile.write(b"0\r\n\r\n")

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_the_row_is_what_a_person_would_write(path: Path, tmp_path: Path) -> None:
    """Outcome, answer, channels, counts, and how it ended; with retries, the last attempt's."""
    case = json.loads(path.read_text(encoding="utf-8"))
    item = {"id": "1", "q": "?", "target": case["target"], **case.get("columns", {})}
    (tmp_path / "d.jsonl").write_text(json.dumps(item) + "\n", encoding="utf-8")
    with answering(case["replies"]) as url:
        model = {"id": "m", "weights": "open", **case["model"], "base_url": url + case.get("path", "")}
        text = SUITE.format(
            attempts=case.get("attempts", 1),
            params=json.dumps(case.get("params", {})),
            model=json.dumps(model),
            scorer=json.dumps(case["scorer"]),
        )
        (tmp_path / "suite.yaml").write_text(text, encoding="utf-8")
        invoke(["run", str(tmp_path / "suite.yaml"), "--yes", "-q", "--out", str(tmp_path / "out")])
    (folder,) = (tmp_path / "out").iterdir()
    row = read_attempts([folder]).iloc[-1].to_dict()
    row |= read_payload([folder]).iloc[-1].to_dict()

    found = {name: _plain(row[name]) for name in case["row"]}
    assert case["row"] == found


def _plain(value: Any) -> Any:
    """Return a table's value as JSON has it; a missing one is None."""
    if isinstance(value, str):
        return value
    return None if pd.isna(value) else value

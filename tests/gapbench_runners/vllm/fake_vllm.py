"""A stand-in for `vllm serve`: a worker process beside it, /health and /v1/models; `serve.python` names it."""

from __future__ import annotations

import argparse
import http.server
import json
import os
import signal
import subprocess
import sys
from pathlib import Path


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers health and the list of models."""

    def do_GET(self) -> None:
        body = b"" if self.path == "/health" else json.dumps({"data": []}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        return None


def main() -> None:
    """Serve until told to stop, or end as FAKE_VLLM says."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    port = parser.parse_known_args()[0].port
    mode = os.environ.get("FAKE_VLLM")
    if mode == "deaf":
        # A server that is slow to bind, while another answers.
        Path(os.environ["FAKE_VLLM_PIDS"]).write_text(str(os.getpid()))
        signal.pause()
    worker = subprocess.Popen([sys.executable, "-I", "-S", "-c", "import signal; signal.pause()"])
    with http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        Path(os.environ["FAKE_VLLM_PIDS"]).write_text(f"{os.getpid()} {worker.pid}")
        server.serve_forever(poll_interval=0.05)


if __name__ == "__main__":
    main()

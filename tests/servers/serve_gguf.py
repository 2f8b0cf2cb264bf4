"""Serves a GGUF file with llama.cpp's own HTTP server, which the package xllamacpp contains.

Usage: serve_gguf.py MODEL.gguf PORT
"""

from __future__ import annotations

import signal
import sys

import xllamacpp


def main() -> None:
    """Serve until SIGTERM."""
    params = xllamacpp.CommonParams()
    params.model.path = sys.argv[1]
    params.hostnames, params.port = ["127.0.0.1"], int(sys.argv[2])
    params.model_alias = {"tiny"}
    params.n_ctx, params.n_parallel = 512, 1
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 2
    params.use_jinja, params.warmup = True, False
    server = xllamacpp.Server(params)
    print(server.listening_address, flush=True)
    signal.sigwait({signal.SIGTERM, signal.SIGINT})


if __name__ == "__main__":
    main()

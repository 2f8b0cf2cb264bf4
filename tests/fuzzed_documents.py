"""One fuzzed file through the readers of what others wrote: suites, logs of other harnesses, traces."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gapbench.errors import InputError
from gapbench.store.importers.registry import read_logs
from gapbench.suite.loads.trace import read_trace
from gapbench.suite.suite import load_suite

ROOT = Path(__file__).parents[1]
LOGS = ROOT / "tests" / "harness" / "imports" / "logs"
LM_EVAL = (
    b'{"doc_id":0,"doc":{"question":"1+1?"},"target":"2","arguments":{"gen_args_0":{"arg_0":"1+1?","arg_1":{"until":["x"]}}},'
    b'"resps":[["2"]],"filtered_resps":["2"],"filter":"none","metrics":["exact_match"],"doc_hash":"a","exact_match":1.0}\n'
)
TRACE = b'{"at_s": 0.5, "sample_id": "a", "output_tokens": 3}\n{"at_s": 0.25}\n'
MOONCAKE = b'{"timestamp": 27, "input_length": 69, "output_length": 5, "hash_ids": [0, 1]}\n'


def _read_log(file: Path) -> None:
    for log in read_logs(file, "m", None):
        assert log.items is not None


# The first byte of an input says which.
KINDS: tuple[tuple[str, Callable[[Path], Any]], ...] = (
    ("suite.yaml", load_suite),
    ("capitals.json", _read_log),
    ("samples_t_2026-01-01T00-00-00.jsonl", _read_log),
    ("capitals.eval", _read_log),
    ("per_instance_stats.json", _read_log),
    ("trace.jsonl", read_trace),
)


def seeds() -> list[bytes]:
    """Return the inputs that fuzzing starts from."""
    suites = [path.read_bytes() for path in sorted((ROOT / "tasks" / "suites").glob("*.yaml"))]
    files = [
        suites,
        [(LOGS / "inspect" / "capitals.json").read_bytes()],
        [LM_EVAL],
        [(LOGS / "inspect" / "capitals.eval").read_bytes()],
        [(LOGS / "helm" / "per_instance_stats.json").read_bytes()],
        [TRACE, MOONCAKE],
    ]
    return [bytes([kind]) + data for kind, inputs in enumerate(files) for data in inputs]


class Documents:
    """Reads one file after another in a folder of its own."""

    def __init__(self) -> None:
        """Put HELM's other files beside the one that is fuzzed."""
        self._folder = tempfile.TemporaryDirectory()
        for path in (LOGS / "helm").iterdir():
            shutil.copy(path, self._folder.name)

    def read(self, data: bytes) -> None:
        """Read one input; it is valid, or refused in the words of :class:`InputError`."""
        name, reader = KINDS[(data[0] if data else 0) % len(KINDS)]
        file = Path(self._folder.name) / name
        file.write_bytes(data[1:])
        with contextlib.suppress(InputError):
            reader(file)

    def close(self) -> None:
        """Remove the folder."""
        self._folder.cleanup()

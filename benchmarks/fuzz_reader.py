"""One reader under libFuzzer, or under plain mutations where atheris is not installed; `fuzz.py` starts it.

    python benchmarks/fuzz_reader.py google CORPUS -max_total_time=60

Arguments after the reader's name are libFuzzer's own. A file instead of a folder is read once: a finding, replayed.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import random
import re
import resource
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

OWN = ["gapbench", "gapbench_runners"]
# What the vendors' clients do with a reply that is not 200. Of their other code a reply reaches nothing.
VENDORS = (
    ("openai._base_client", "BaseClient", "_make_status_error_from_response"),
    ("openai", "AsyncOpenAI", "_make_status_error"),
    ("anthropic._base_client", "BaseClient", "_make_status_error_from_response"),
    ("anthropic", "AsyncAnthropic", "_make_status_error"),
    ("google.genai.errors", "APIError", "__init__"),
    ("google.genai.errors", "APIError", "_get_status"),
    ("google.genai.errors", "APIError", "_get_message"),
    ("google.genai.errors", "APIError", "_get_code"),
)  # fmt: skip


def opened(name: str) -> Any:
    """Return a reader; imported only now, so that what it imports can be instrumented."""
    if name == "documents":
        from tests.fuzzed_documents import Documents  # noqa: PLC0415 - one of the two is wanted

        return Documents()
    from tests.gapbench_runners.fuzzed import Reader  # noqa: PLC0415 - as above

    return Reader(name)


class Timed:
    """Feeds a reader and tells of each slowest input.

    Args:
        reader: What is fed.
    """

    def __init__(self, reader: Any) -> None:
        self._reader = reader
        self._slowest_s = 0.0

    def __call__(self, data: bytes) -> None:
        """Feed one input."""
        began_s = time.perf_counter()
        self._reader.read(data)
        took_s = time.perf_counter() - began_s
        if took_s > self._slowest_s:
            self._slowest_s = took_s
            print(f"slowest {took_s:.6f} s", file=sys.stderr)


def guided(name: str, arguments: list[str]) -> None:
    """Hand over to libFuzzer; it ends the process."""
    import atheris  # noqa: PLC0415 - not always there

    with atheris.instrument_imports(include=OWN):
        reader = opened(name)
    for module, owner, method in VENDORS:
        cls = getattr(importlib.import_module(module), owner)
        setattr(cls, method, atheris.instrument_func(getattr(cls, method)))
    # A merge starts this command again, by the shell.
    atheris.Setup([f"{sys.executable} {sys.argv[0]} {name}", *arguments], Timed(reader))
    atheris.Fuzz()


def unguided(name: str, arguments: list[str]) -> None:
    """Mutate the corpus blindly, saying the little that libFuzzer would say."""
    from tests.gapbench_runners.mutated import mutated  # noqa: PLC0415 - as above

    feed = Timed(opened(name))
    option = dict(re.findall(r"-(\w+)=(\S+)", " ".join(arguments)))
    seeds = [path.read_bytes() for path in sorted(Path(arguments[-1]).iterdir())]
    draw = random.Random(int(option.get("seed", 0)))
    until_s = time.monotonic() + float(option["max_total_time"])
    fed = 0
    while time.monotonic() < until_s:
        data = draw.choice(seeds)
        data = bytes(draw.randrange(256) for _ in range(4)) + mutated(data[4:], draw)
        try:
            feed(data)
        except Exception:
            Path(option["artifact_prefix"] + f"crash-{fed}").write_bytes(data)
            raise
        fed += 1
    print(f"stat::number_of_executed_units: {fed}", file=sys.stderr)


def steady(name: str, inputs: int, folder: Path) -> dict[str, Any]:
    """Feed a corpus over and over; return how far memory grew in the second half, and the time of an input."""
    corpus = [path.read_bytes() for path in sorted(folder.iterdir())]
    rounds = max(4, inputs // len(corpus))
    reader = opened(name)
    slowest_s, began_s, rss_kb = 0.0, time.perf_counter(), [0.0] * rounds
    for turn in range(rounds):
        for data in corpus:
            one_s = time.perf_counter()
            reader.read(data)
            slowest_s = max(slowest_s, time.perf_counter() - one_s)
        rss_kb[turn] = int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 1e3
    fed = rounds * len(corpus)
    half = rounds // 2
    return {
        "inputs": fed,
        "inputs_per_s": round(fed / (time.perf_counter() - began_s), 1),
        "slowest_s": round(slowest_s, 4),
        "exchanges_per_input": round(getattr(reader, "exchanges", fed) / fed, 2),
        "rss_mb_half": round(rss_kb[half] / 1e3, 1),
        "rss_mb_end": round(rss_kb[-1] / 1e3, 1),
        "kb_per_input": round((rss_kb[-1] - rss_kb[half]) / ((rounds - 1 - half) * len(corpus)), 3),
    }


if __name__ == "__main__":
    name, *given = sys.argv[1:]
    if given and given[0].startswith("-steady="):
        print(json.dumps(steady(name, int(given[0].partition("=")[2]), Path(given[1]))))
        sys.exit()
    try:
        guided(name, given)
    except ModuleNotFoundError as exc:
        if exc.name != "atheris":
            raise
        with contextlib.suppress(KeyboardInterrupt):
            unguided(name, given)

"""Accuracy by rung of the small model that learnt the lowest rungs of `reasoning/arithmetic`, on real vLLM.

The runs are those of tests/vllm/test_ladder.py: 25 fresh items of each of rungs 1 to 4, and adaptively.
Run: ``make test-vllm`` once for the environment, then ``.venv/bin/python -m benchmarks.ladder_model`` (a minute or two).
Writes benchmarks/results/ladder_model.json.
"""

from __future__ import annotations

import json
import os
import platform
import tempfile
import time
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.vllm.ladder_runs import FORMS, ITEM_SEED, half_right_at, read_ladder, run_ladder
from tests.vllm.real import LADDER_MODEL, SERVE_ARGS, owned_server

RESULT = Path(__file__).parent / "results" / "ladder_model.json"


def measure(run: Path, wall_s: float) -> dict[str, Any]:
    """Return the figures of one run."""
    _, model = read_ladder(run)
    return {
        "items": model.threshold.answers,
        "wall_s": round(wall_s, 1),
        "half_right_at_rung": round(model.threshold.rung, 2),
        "interval": [model.threshold.low, model.threshold.high],
        "curve": [asdict(point) for point in model.curve],
    }


def main() -> None:
    """Serve the model, run both forms, and keep the figures."""
    forms: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        (place / "log").mkdir()
        with owned_server(LADDER_MODEL, SERVE_ARGS, place / "log") as url:
            for form in FORMS:
                began = time.monotonic()
                run = run_ladder(url, place, form)
                forms[form] = measure(run, time.monotonic() - began)
                if form == "fixed":
                    forms[form]["curve_is_half_at_rung"] = round(half_right_at(read_ladder(run)[1].curve), 2)
    document = {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "machine": {
            "system": f"{platform.system()} {platform.release()}",
            "cores": os.cpu_count(),
            "python": platform.python_version(),
            "load_average": [round(value, 1) for value in os.getloadavg()],
        },
        "task": "reasoning/arithmetic",
        "seed": ITEM_SEED,
        "model": json.loads((LADDER_MODEL / "card.json").read_text()),
        **forms,
    }
    RESULT.write_text(json.dumps(document, indent=2) + "\n")
    print(json.dumps(document, indent=2))


if __name__ == "__main__":
    main()

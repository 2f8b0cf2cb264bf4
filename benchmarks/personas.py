"""Every built-in task and suite against the simulated providers: does a persona of skill p score p?

    python benchmarks/personas.py                 every task and suite, up to 40 samples a task (ten minutes)
    python benchmarks/personas.py --limit 5       a quick look

A suite of simulated models runs as it stands; in one that names real models each is replaced by a persona
of the protocol that its runner speaks. Then, for each model and category, the skill that the persona was
given is held against the accuracy measured and its 95 % interval. Answers travel the whole way: over HTTP
through the vendors' clients, the scorers and the Parquet files. One in twenty intervals may miss; a scorer
that takes wrong for right, or a reference for wrong, misses far more.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from gapbench.analysis.quality.summary import summarize
from gapbench.cli import invoke
from gapbench.store import runs_in
from gapbench.suite.suite import builtin_suites, load_suite
from gapbench.suite.tasks.loader import builtin_tasks

RESULT = Path(__file__).parent / "results" / "personas.json"
PROTOCOLS = {"vllm": "vllm", "openai": "responses", "anthropic": "anthropic", "google": "google"}
ON_THE_HUB = {"public"}
"""Suites whose data is not here."""
ALL = "all-tasks"
"""A suite made here: every built-in task, three personas for each protocol."""
FAR = 3.5
"""Standard errors from the skill that no right scorer brings about: once in two thousand intervals."""


def every_task(folder: Path) -> tuple[Path, dict[str, Any]]:
    """Return a suite of all built-in tasks with three personas for each protocol, and each model's skill.

    Hard prompts are hard for none of them in particular (``rho: 0``): each interval is a trial of its own.
    """
    skills: dict[str, Any] = {}
    models = []
    for seed in range(1, 4):
        for number, protocol in enumerate(("openai", "responses", "anthropic", "google")):
            name, skill = f"{protocol}-{seed}", round(0.56 + 0.09 * number + 0.02 * seed, 2)
            skills[name] = skill
            persona = {"protocol": protocol, "seed": 10 * seed + number, "skill": skill, "rho": 0.0}
            models.append(
                {
                    "id": name,
                    "runner": "sim",
                    "weights": "open" if protocol == "openai" else "closed",
                    "sim": {**persona, "ttft_s": 0.005, "gap_s": 0.0},
                    "cost": {"input_usd_per_mtok": 1, "output_usd_per_mtok": 2, "source": "a persona"},
                }
            )
    tasks = [name for name in builtin_tasks() if not name.startswith("public/")]
    document = {"name": ALL, "seed": 7, "models": models, "tasks": tasks, "loads": [{"concurrency": 16}]}
    file = folder / f"{ALL}.yaml"
    file.write_text(yaml.safe_dump(document))
    return file, skills


def replaced(name: str, number: int, model: dict[str, Any]) -> dict[str, Any]:
    """Return the persona that stands for a model."""
    skill = round(0.55 + 0.04 * (number % 10), 2)
    protocol = "openai" if model["runner"] == "openai" and "base_url" in model else PROTOCOLS[model["runner"]]
    return {
        "id": model["id"],
        "runner": "sim",
        "weights": model["weights"],
        "sim": {"protocol": protocol, "seed": number, "skill": skill, "ttft_s": 0.005, "gap_s": 0.0},
        "cost": {"input_usd_per_mtok": 1, "output_usd_per_mtok": 2, "source": f"a persona of {name}"},
    }


def simulated(name: str, folder: Path) -> tuple[Path, dict[str, Any]]:
    """Return a file that runs the suite with personas only, and each model's skill."""
    path = load_suite(Path(name)).path
    document = yaml.safe_load(path.read_text())
    models = [
        model if model["runner"] == "sim" else replaced(name, number, model)
        for number, model in enumerate(document["models"], 1)
    ]
    skills = {model["id"]: model["sim"].get("skill", 0.7) for model in models}
    if models == document["models"]:
        return path, skills
    file = folder / f"{name}.yaml"
    file.write_text(yaml.safe_dump({**document, "models": models}))
    return file, skills


def skill_of(skills: Any, category: str) -> float:
    """Return what a persona was given for a category."""
    return float(skills.get(category, skills.get("default", 0.7)) if isinstance(skills, dict) else skills)


def checked(name: str, limit: int, folder: Path) -> list[dict[str, Any]]:
    """Run one suite and return a row for each model and category."""
    file, skills = every_task(folder) if name == ALL else simulated(name, folder)
    out = folder / name
    code = invoke(["run", str(file), "--yes", "--quiet", "--limit", str(limit), "--out", str(out)])
    return measured(name, next(iter(runs_in(out))), skills, code)


def measured(name: str, run: Path, skills: dict[str, Any], code: int) -> list[dict[str, Any]]:
    """Return a row for each model and category of a finished run."""
    frame = summarize([run]).frame
    rows = []
    for row in frame[frame["level"] == "category"].to_dict("records"):
        if not row["scored"]:
            continue
        wanted = skill_of(skills[row["model_id"]], row["category"])
        rows.append(
            {
                "suite": name,
                "exit_code": code,
                "model": row["model_id"],
                "category": row["category"],
                "scored": int(row["scored"]),
                "skill": wanted,
                "accuracy": round(float(row["accuracy"]), 4),
                "low": round(float(row["accuracy_low"]), 4),
                "high": round(float(row["accuracy_high"]), 4),
                "standard_errors": round((row["accuracy"] - wanted) / math.sqrt(wanted * (1 - wanted) / row["scored"]), 2),
                "within": bool(row["accuracy_low"] <= wanted <= row["accuracy_high"]),
                "neither_right_nor_wrong": int(sum(row[k] for k in ("unparsed", "truncated", "refused", "infra", "unscored"))),
            }
        )  # fmt: skip
    return rows


def main() -> int:
    """Run the suites, print the table, keep the result; 1 when a suite failed, an interval is far off, or one in ten misses."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--limit", type=int, default=40, help="samples of each task")
    parser.add_argument("--suite", action="append", help="only this one; repeatable")
    parser.add_argument("--out", default=str(RESULT), help="where the result goes; - for nowhere")
    options = parser.parse_args()
    names = options.suite or [ALL] + [name for name in builtin_suites() if name not in ON_THE_HUB]
    rows: list[dict[str, Any]] = []
    began_s = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            rows += checked(name, options.limit, Path(folder))
    for row in rows:
        print(
            f"{row['suite']:18} {row['model']:24} {row['category']:11} n={row['scored']:4}  skill {row['skill']:.2f}  "
            f"measured {row['accuracy']:.3f} [{row['low']:.3f}, {row['high']:.3f}]  {row['standard_errors']:+.2f} se  {'' if row['within'] else 'outside'}"
        )
    within, odd = sum(row["within"] for row in rows), sum(row["neither_right_nor_wrong"] for row in rows)
    far = [row for row in rows if abs(row["standard_errors"]) > FAR]
    failed = sorted({row["suite"] for row in rows if row["exit_code"]})
    print(
        f"{within} of {len(rows)} intervals hold the skill; {len(far)} are further off than {FAR} standard errors; {odd} answers neither right nor wrong; failed: {failed or 'none'}"
    )
    if options.out != "-":
        report = {
            "date": datetime.now(UTC).date().isoformat(),
            "machine": {"cpu_count": os.cpu_count(), "platform": platform.platform(), "python": platform.python_version()},
            "limit": options.limit,
            "seconds": round(time.monotonic() - began_s, 1),
            "within": within,
            "intervals": len(rows),
            "further_off_than_3_5_standard_errors": len(far),
            "neither_right_nor_wrong": odd,
            "rows": rows,
        }  # fmt: skip
        # A row a line: a change of one figure is a change of one line.
        head = json.dumps({**report, "rows": []}, indent=1)
        listed = ",\n".join("  " + json.dumps(row) for row in rows)
        text = head.replace('"rows": []', f'"rows": [\n{listed}\n ]')
        Path(options.out).write_text(text + "\n")
    return 1 if failed or far or within < 0.9 * len(rows) else 0


if __name__ == "__main__":
    sys.exit(main())

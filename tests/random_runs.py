"""Random runs that hold whatever real runs can hold, in random mixes; a seed gives the same runs again.

Each seed draws which features its runs have: several runs (one may continue another), models of one or both sides with prices of
all kinds, loads of all kinds, repeats, retries, failures, later scores, judges, episodes, ladders, weights, batches, cached
answers, unknown and impossible values, odd names, open journals and joined parts.
"""

from __future__ import annotations

import dataclasses
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

from gapbench.store import RunManifest, RunWriter, closed_numbers
from gapbench.store.journal_rows import journal_values
from gapbench.store.part_files import file_name
from gapbench.store.part_joining import join_parts
from gapbench.store.score_overlay import write_scores
from gapbench.values import Attempt, Payload, canonical_json
from gapbench.values.attempt import Outcome
from tests.random_rows import MODELS, TASKS, Scene, draw_rows, draw_scene, draw_tokens
from tests.run_folders import make_attempt, trajectory_of

STARTED = datetime(2026, 11, 1, 12, tzinfo=UTC)
PRICES: tuple[dict[str, Any], ...] = (
    {"cost": {"input_usd_per_mtok": 3, "cached_input_usd_per_mtok": 0.3, "output_usd_per_mtok": 15}},
    {"cost": {"input_usd_per_mtok": 1, "output_usd_per_mtok": 2}},
    {"cost": {"gpu": "H100-80GB", "gpus": 1, "usd_per_gpu_hour": 2.95}},
    {"cost": {"gpu": "H100-80GB", "gpus": 2, "usd_per_gpu_hour": 2.5, "usd_per_gpu_hour_low": 2, "usd_per_gpu_hour_high": 4}},
    {"cost": None, "name": "gpt-5.2", "price_provider": "openai"},
    {"cost": None, "name": "unheard-of", "price_provider": "openai"},
    {"cost": {"provider": "anthropic", "model": "claude-opus-4-6"}},
)  # fmt: skip
LATER_SCORES: tuple[tuple[Outcome, float | None], ...] = (
    ("correct", 1.0), ("wrong", 0.0), ("wrong", 0.4), ("unscored", None),
)  # fmt: skip
SCORE_KEY = ("run_id", "cell_id", "sample_id", "repeat", "attempt")


@dataclass(frozen=True)
class RandomRuns:
    """Runs of a seed.

    Attributes:
        folders: The run folders, oldest first.
        rows: The attempts of each run as they count: with the scores given later, those of continued cells too.
        replaced: Cells of each run that a newer run has, by run id.
    """

    folders: list[Path]
    rows: dict[str, list[Attempt]]
    replaced: dict[str, set[str]]

    @property
    def counted(self) -> list[Attempt]:
        """The attempts that count, in the order written."""
        return [
            row
            for run_id, rows in self.rows.items()
            for row in rows
            if row.cell_id.removesuffix("|user") not in self.replaced.get(run_id, ())
        ]


def make_random_runs(
    folder: Path, seed: int, *, joined: bool | None = None, most_runs: int = 3
) -> RandomRuns:
    """Write the runs of a seed and return them.

    Args:
        folder: Where to; it must be empty or missing.
        seed: The seed.
        joined: Whether the parts of finished runs are joined. None: in some of them.
        most_runs: Runs, at most.
    """
    rng = random.Random(seed)
    scene = draw_scene(rng)
    found = RandomRuns([], {}, {})
    manifests: list[dict[str, Any]] = []
    for number in range(rng.randint(1, most_runs)):
        run_id = f"run {number + 1}" if scene.chance(0.2) else f"run-{number + 1}"
        continued = manifests[-1] if manifests and scene.chance(0.25) else None
        manifest = _draw_manifest(scene, run_id, number, continued)
        rows = draw_rows(scene, manifest)
        manifests.append(manifest)
        if continued is not None:
            mine = {row.cell_id.removesuffix("|user") for row in rows}
            for run in manifests[:-1]:
                if run.get("origin", run["run_id"]) == manifest["origin"]:
                    theirs = {row.cell_id.removesuffix("|user") for row in found.rows[run["run_id"]]}
                    found.replaced.setdefault(run["run_id"], set()).update(mine & theirs)
        join = rng.random() < 0.3  # drawn in any case, so that the rows of a seed stay the same
        found.folders.append(
            _write(scene, folder / run_id, manifest, rows, joined=join if joined is None else joined)
        )
        found.rows[run_id] = _with_later_scores(scene, found.folders[-1], rows)
        _write_judges(scene, found.folders[-1], found.rows[run_id])
    return found


def _draw_manifest(
    scene: Scene, run_id: str, number: int, continued: dict[str, Any] | None
) -> dict[str, Any]:
    rng = scene.rng
    begun = STARTED + timedelta(days=number)
    at = _instant(begun)
    cells = [
        {
            "cell_id": f"{model}|{task}|{load}", "model_id": model, "task": task, "category": TASKS[task], "load_kind": kind,
            "load_value": value, "planned": scene.samples[task] * scene.repeats, "started_at": at,
            "wall_s": None if scene.chance(0.05) else round(rng.uniform(1, 500), 3), "counters_before": None, "counters_after": None,
            "lag_p99_s": rng.choice((None, 0.001, 0.2)),
        }
        for model in scene.models for task in scene.tasks for load, kind, value in scene.loads if not scene.chance(0.05)
    ]  # fmt: skip
    for place, cell in enumerate(cells):
        cell["started_at"] = _instant(begun + timedelta(seconds=place * 200))
    models = []
    for model in scene.models:
        batch = scene.has("batch")
        models.append(
            {
                "id": model, "runner": "openai", "name": model, "weights": MODELS[model], "released": None, "base_url": None,
                "simulated": scene.chance(0.03), "params": {}, "options": {}, "facts": {}, "price_provider": None,
                **PRICES[(len(model) + list(MODELS).index(model) + (number if scene.chance(0.2) else 0)) % len(PRICES)],
                **({"batch": True} if batch else {}),
            }
        )  # fmt: skip
    if len(models) > 2 and scene.chance(0.2):  # the same weights twice
        models[-1]["name"] = models[-2]["name"]
    sha = "t" if scene.chance(0.9) else f"t{number}"
    return {
        "schema": 1, "run_id": run_id, "suite": "unit" if scene.chance(0.9) else "other", "suite_sha256": f"s{rng.randint(0, 1)}",
        "seed": 0, "repeats": scene.repeats, "margin_points": 1.7, "started_at": at, "ended_at": at, "state": "complete",
        "reason": None, "versions": {"gapbench": "0.1.0", "python": "3.11"}, "machine": {"platform": "Linux", "cpu": "a", "cores": 2},
        "models": models, "failures": [], "cells": cells,
        "tasks": [
            {
                "name": task, "category": TASKS[task], "version": 1 if scene.chance(0.95) else 2, "sha256": sha,
                "samples": scene.samples[task], "scorer": "exact",
                **({"rungs": 6} if task in scene.ladders else {}),
                **({"adaptive": {"width_rungs": 1.0, "most_items": 30}} if task in scene.ladders and scene.adaptive else {}),
            }
            for task in scene.tasks
        ],
        "users": [{**models[0], "id": "user-model", "cost": PRICES[1]["cost"]}] if scene.odd["users"] else [],
        **({} if continued is None else {"continues": continued["run_id"], "origin": continued.get("origin", continued["run_id"])}),
    }  # fmt: skip


def _instant(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def _write(
    scene: Scene, folder: Path, manifest: dict[str, Any], rows: Sequence[Attempt], *, joined: bool
) -> Path:
    """Write a run. Some are still being written: they have closed parts, and an open journal or one that a part holds too."""
    rng = scene.rng
    closed = rng.randint(0, len(rows)) if scene.chance(0.2) else len(rows)
    if closed < len(rows) and scene.chance(0.5):
        manifest.update(state="running", ended_at=None)
    by_episode: dict[str | None, list[Attempt]] = {}
    for row in rows:
        by_episode.setdefault(row.trajectory_id, []).append(row)
    lines = [(row, _payload(row), trajectory_of(by_episode[row.trajectory_id], row)) for row in rows]
    part_rows = 1 + len(rows) // rng.choice((1, 2, 5, 12))
    with RunWriter(folder, part_rows) as writer:
        writer.write_manifest(RunManifest.from_json(manifest))
        for line in lines[:closed]:
            writer.add(*line)
    number = closed_numbers(folder).last
    if closed and scene.chance(0.1):
        _write_journal(folder, number, lines[max(0, closed - 2) : closed])
    if closed < len(rows):
        _write_journal(folder, number + 1, lines[closed:])
    if joined:
        join_parts(folder, 2)
    return folder


def _payload(row: Attempt) -> Payload:
    error = "the server broke" if row.outcome == "infra" else None
    key = (row.run_id, row.cell_id, row.sample_id, row.repeat, row.attempt)
    target = canonical_json(f"answer to {row.sample_id}")
    return Payload(*key, messages="[]", reply="4", reasoning=None, target=target, reason="", error=error)


def _write_journal(folder: Path, number: int, lines: Sequence[tuple[Any, ...]]) -> None:
    data = (orjson.dumps(journal_values(*line), option=orjson.OPT_APPEND_NEWLINE) for line in lines)
    (folder / file_name("journal", number)).write_bytes(b"".join(data))


def _with_later_scores(scene: Scene, folder: Path, rows: list[Attempt]) -> list[Attempt]:
    """Give some answers new scores, and return the attempts with them."""
    found = list(rows)
    for _ in range(scene.rng.choice((0, 0, 0, 1, 2))):
        chosen = [
            place
            for place, row in enumerate(found)
            if row.final and row.outcome != "infra" and row.phase == "measure" and scene.chance(0.3)
        ]
        for place in chosen:
            outcome, score = scene.rng.choice(LATER_SCORES)
            found[place] = dataclasses.replace(found[place], outcome=outcome, score=score, scorer="judge")
        scores = [
            {**{name: getattr(found[place], name) for name in (*SCORE_KEY, "outcome", "score", "scorer")}, "answer": None,
             "isolation": None, "reason": "as asked", "judge_model": "jury", "judge_sha256": None}
            for place in chosen
        ]  # fmt: skip
        if scores:
            write_scores(folder, scores)
    return found


def _write_judges(scene: Scene, folder: Path, rows: Sequence[Attempt]) -> None:
    """Write a judging run inside a run, and what a judge said of pairs of answers."""
    answers = [row for row in rows if row.final and row.outcome != "infra" and row.phase == "measure"]
    if not answers or not scene.chance(0.25):
        return
    for kind in ("judge", "arena"):
        made: list[Attempt] = []
        for row in answers[:20]:
            others = [
                one for one in answers if one.model_id != row.model_id and one.sample_id == row.sample_id
            ]
            sample = canonical_json([getattr(row, name) for name in SCORE_KEY])
            if kind == "arena":
                if not others:
                    continue
                sample = canonical_json(
                    [row.task, row.sample_id, row.repeat, row.model_id, others[0].model_id]
                )
            made.append(
                make_attempt(
                    run_id=f"{kind}-jury-00000000", model_id="jury", model_asked="gpt-5.2", weights="closed", task=kind, category="judge",
                    sample_id=sample, outcome="unscored", score=None, answer=scene.rng.choice(("first", "second", "tie")), **draw_tokens(scene),
                )
            )  # fmt: skip
        names = [row.sample_id for row in made]
        made = [row for place, row in enumerate(made) if row.sample_id not in names[:place]]
        if made:
            _write_judging(folder / made[0].run_id, kind, made)


def _write_judging(folder: Path, kind: str, rows: Sequence[Attempt]) -> None:
    at = "2026-11-20T12:00:00.000Z"
    with RunWriter(folder) as writer:
        manifest = {
            "schema": 1, "run_id": folder.name, "suite": "judge", "suite_sha256": "s", "seed": 0, "repeats": 1, "margin_points": 1.7,
            "started_at": at, "ended_at": at, "state": "complete", "reason": None, "versions": {}, "machine": {}, "failures": [],
            "models": [{"id": "jury", "runner": "openai", "name": "gpt-5.2", "weights": "closed", "released": None, "base_url": None,
                        "simulated": False, "params": {}, "options": {}, "cost": PRICES[0]["cost"], "facts": {}}],
            "tasks": [{"name": kind, "category": "judge", "version": 1, "sha256": "t", "samples": len(rows)}],
            "cells": [{"cell_id": rows[0].cell_id, "model_id": "jury", "task": kind, "category": "judge", "load_kind": "concurrency",
                       "load_value": 8.0, "planned": len(rows), "started_at": at, "wall_s": 9.0, "counters_before": None,
                       "counters_after": None, "lag_p99_s": None}],
        }  # fmt: skip
        writer.write_manifest(RunManifest.from_json(json.loads(json.dumps(manifest))))
        for row in rows:
            key = (row.run_id, row.cell_id, row.sample_id, row.repeat, row.attempt)
            writer.add(
                row,
                Payload(
                    *key, messages="[]", reply="first", reasoning=None, target=None, reason="", error=None
                ),
            )

"""Random attempts with whatever real runs have, for :mod:`tests.random_runs`."""

from __future__ import annotations

import dataclasses
import random
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from gapbench.values import Attempt
from tests.run_folders import NO_TIMES, make_attempt, make_episode

MODELS = {"closed-a": "closed", "closed-b": "closed", "open-a": "open", "open-b": "open", 'öpen "c"': "open"}
SKILL = {"closed-a": 0.8, "closed-b": 0.6, "open-a": 0.7, "open-b": 0.4, 'öpen "c"': 0.5}
TASKS = {
    "reasoning/sums": "reasoning", "reasoning/logic": "reasoning", 'coding/it\'s "quoted"; DROP TABLE attempts': "coding",
    "multimodal/charts": "multimodal", "agents/trips": "agents", "own/ä ö|ü": "own",
}  # fmt: skip
LOADS = (
    ("c1", "concurrency", 1.0), ("c8", "concurrency", 8.0), ("r4", "rate", 4.0), ("ramp", "ramp", 2.5), ("replay", "replay", 1.5),
    ("search-2-1", "search", 2.0), ("search-4-1", "search", 4.0), ("imported", "imported", 0.0),
)  # fmt: skip
ODD_IDS = ("", " ", "01", "1", "NULL", "nan", "ä/ö", 'a "b"', "x\ny", "%s", "💡", "a" * 300)


@dataclass
class Scene:
    """What the runs of a seed have in common."""

    rng: random.Random
    models: list[str]
    tasks: list[str]
    loads: list[tuple[str, str, float]]
    samples: dict[str, int]
    repeats: int
    clusters: int
    weighted: list[str]
    ladders: list[str]
    adaptive: bool
    odd: dict[str, float] = field(default_factory=dict)

    def chance(self, share: float) -> bool:
        return self.rng.random() < share

    def has(self, feature: str) -> bool:
        """Return whether something odd is drawn: most features are in a third of the seeds, and there in some rows."""
        return self.chance(self.odd[feature])


_FEATURES = (
    "retry", "infra", "unscored", "unparsed", "partial", "null tokens", "impossible tokens", "null times", "nan", "cached", "images",
    "reasoning", "tier", "chunks", "warmup", "prompt differs", "late", "tools", "served", "changes", "writes", "batch", "users",
)  # fmt: skip


def draw_scene(rng: random.Random) -> Scene:
    """Return what the runs of a seed have in common."""
    models = rng.sample(list(MODELS), rng.choice((1, 2, 2, 2, 3, 4)))
    if len(models) > 1 and rng.random() < 0.8:  # mostly of both sides
        models = list(
            dict.fromkeys([rng.choice(["closed-a", "closed-b"]), rng.choice(["open-a", "open-b"]), *models])
        )
    tasks = rng.sample(list(TASKS), rng.choice((1, 1, 2, 2, 4)))
    weights = rng.random()
    return Scene(
        rng,
        models=models,
        tasks=tasks,
        loads=rng.sample(LOADS, rng.choice((1, 1, 1, 2, 3))),
        samples={task: rng.choice((1, 2, 5, 5, 12, 20)) for task in tasks},
        repeats=rng.choice((1, 1, 2, 3)),
        clusters=rng.choice((1, 1, 3)),
        weighted=tasks if weights < 0.2 else tasks[:1] if weights < 0.3 else [],
        ladders=[task for task in tasks if rng.random() < 0.15],
        adaptive=rng.random() < 0.5,
        odd={name: rng.choice((0.0, 0.0, 0.05, 0.4)) for name in _FEATURES},
    )  # fmt: skip


def draw_rows(scene: Scene, manifest: dict[str, Any]) -> list[Attempt]:
    """Return the attempts of a run."""
    if scene.chance(0.03):
        return []
    rows: list[Attempt] = []
    batched = {model["id"] for model in manifest["models"] if model.get("batch")}
    shas = {task["name"]: task["sha256"] for task in manifest["tasks"]}
    for cell in manifest["cells"]:
        if scene.chance(0.05):
            continue
        items = [
            (sample, repeat)
            for sample in range(scene.samples[cell["task"]])
            for repeat in range(scene.repeats)
        ]
        if scene.chance(0.3):
            scene.rng.shuffle(items)
        if scene.chance(0.1):
            items = items[: scene.rng.randint(0, len(items))]
        of_cell: list[Attempt] = []
        for place, (sample, repeat) in enumerate(items):
            common = _common(scene, manifest, cell, sample, repeat)
            common["task_sha256"] = shas[cell["task"]]
            found = _draw_request(scene, cell, common, place * 0.4, is_batch=cell["model_id"] in batched)
            of_cell += found
            if scene.has("users"):
                of_cell.append(_user_row(scene, cell, common))
        rows += of_cell
    if scene.chance(0.3):  # cells that are sent side by side
        order = {id(row): place // 7 for place, row in enumerate(rows)}
        shares = [scene.rng.random() for _ in range(len(rows) // 7 + 1)]
        rows.sort(key=lambda row: shares[order[id(row)]])
    return rows


def _sample_id(task: str, number: int) -> str:
    return ODD_IDS[number] if task.startswith("own") and number < len(ODD_IDS) else str(number)


def _common(
    scene: Scene, manifest: dict[str, Any], cell: dict[str, Any], sample: int, repeat: int
) -> dict[str, Any]:
    """Return what all attempts at a request share."""
    task, model = cell["task"], cell["model_id"]
    entry = next(entry for entry in manifest["models"] if entry["id"] == model)
    name = _sample_id(task, sample)
    given: dict[str, Any] = {
        "run_id": manifest["run_id"], "suite": manifest["suite"], "suite_sha256": manifest["suite_sha256"], "cell_id": cell["cell_id"],
        "task": task, "category": cell["category"], "sample_id": name, "repeat": repeat, "model_id": model,
        "cluster_id": name if scene.clusters == 1 else f"source {sample // scene.clusters}", "load_kind": cell["load_kind"],
        "load_value": cell["load_value"], "weights": MODELS[model], "model_asked": entry["name"], "simulated": entry["simulated"],
        "started_at": datetime.fromisoformat(cell["started_at"]), "runner": "import:lm_eval" if cell["load_kind"] == "imported" else "openai",
        "worker": scene.rng.choice((0, 0, 1)), "prompt_sha256": f"{task} {sample}" + (" other" if scene.has("prompt differs") else ""),
        "phase": "warmup" if scene.has("warmup") else "measure", "scorer": "exact" if task != "own/ä ö|ü" else "numeric",
        "params_changes": ("temperature dropped", "top_p dropped")[: scene.rng.randint(0, 2)] if scene.has("changes") else (),
        "service_tier": scene.rng.choice(("default", "flex", "priority")) if scene.has("tier") else None,
        "model_served": f"{entry['name']}-2026" if scene.has("served") else None,
    }  # fmt: skip
    if task.startswith("multimodal") or scene.has("images"):
        given.update(image_count=2, image_bytes=1234, image_detail=scene.rng.choice((None, "high")))
    if task in scene.weighted:
        given.update(weight=float(1 + (sample * 7) % 5), stratum=f"stratum {sample % 3}")
    if task in scene.ladders:
        given.update(rung=1 + sample % 6, complexity=float(sample % 6))
    return given


def _draw_request(
    scene: Scene, cell: dict[str, Any], common: dict[str, Any], at_s: float, *, is_batch: bool
) -> list[Attempt]:
    rng = scene.rng
    outcome = "correct" if scene.chance(SKILL[cell["model_id"]]) else "wrong"
    for other in ("infra", "unscored", "unparsed"):
        if scene.has(other):
            outcome = rng.choice(("unparsed", "truncated", "refused")) if other == "unparsed" else other
    score: float | None = None if outcome in {"infra", "unscored"} else float(outcome == "correct")
    if outcome == "wrong" and scene.has("partial"):
        score = rng.choice((0.25, 0.5, 0.9))
    if score is not None and scene.has("nan") and scene.chance(0.3):
        score = rng.choice((None, float("nan")))
    if cell["task"].startswith("agents") and not is_batch and cell["load_kind"] != "imported":
        turns = make_episode(
            rng.randint(1, 4),
            round(rng.uniform(0, 2), 3),
            **common,
            scheduled_s=at_s,
            outcome=outcome,
            score=score,
        )
        return [
            dataclasses.replace(row, trajectory_id=f"{row.cell_id} {row.sample_id} {row.repeat}")
            for row in turns
        ]
    rows = []
    attempt = 1
    while scene.has("retry") and attempt < 4:
        failed = _times(scene, at_s) | {
            "first_token_s": None,
            "first_answer_s": None,
            "last_token_s": None,
            "chunk_s": (),
        }
        rows.append(
            make_attempt(**{**common, **failed, "outcome": "infra", "final": False, "attempt": attempt})
        )
        attempt += 1
    given = {**common, "attempt": attempt, "outcome": outcome, **_times(scene, at_s), **draw_tokens(scene)}
    if outcome == "infra":
        given.update(
            input_tokens=None,
            output_tokens=None,
            first_token_s=None,
            failure_kind=rng.choice(("server", "timeout")),
        )
        if scene.chance(0.2):
            given.update(draw_tokens(scene))
    given["score"] = score
    if scene.has("cached"):
        given.update(
            from_cache=True,
            transport="cache",
            first_byte_s=None,
            first_token_s=None,
            first_answer_s=None,
            last_token_s=None,
        )
    if is_batch or cell["load_kind"] == "imported":
        given.update(NO_TIMES)
        given.update({"transport": "batch", "service_tier": "batch"} if is_batch else {"transport": None})
    return [*rows, make_attempt(**given)]


def _times(scene: Scene, at_s: float) -> dict[str, Any]:
    rng = scene.rng
    sent = at_s + (rng.choice((0.02, 0.5)) if scene.has("late") else 0.001)
    first, last = sent + rng.uniform(0.05, 0.5), sent + rng.uniform(0.6, 3.0)
    found: dict[str, Any] = {
        "scheduled_s": at_s, "sent_s": sent, "first_byte_s": first, "first_token_s": first, "first_answer_s": first,
        "last_token_s": last, "done_s": last + 0.01, "chunk_s": (first, (first + last) / 2, last), "in_flight": rng.randint(1, 8),
        "output_chars": rng.choice((0, 40, 400)),
    }  # fmt: skip
    if scene.has("chunks"):
        found["chunk_tokens"] = (3, 9, 20)
    for name in ("scheduled_s", "first_token_s", "first_answer_s", "done_s"):
        if scene.has("null times"):
            found[name] = None
        elif scene.has("nan") and scene.chance(0.2):
            found[name] = float("nan")
    if scene.has("tools"):
        found.update(tool_calls=1, tool_calls_invalid=0, first_complete_call_s=first + 0.1)
    return found


def draw_tokens(scene: Scene) -> dict[str, Any]:
    """Return the token counts of a reply."""
    rng = scene.rng
    read = rng.choice((rng.randint(1, 3000), rng.randint(1, 3000), 250_000))
    found: dict[str, Any] = {"input_tokens": read, "output_tokens": rng.randint(1, 900)}
    if scene.has("cached"):
        found["cached_input_tokens"] = rng.randint(0, read)
    if scene.has("writes"):
        found["cache_write_tokens"] = rng.randint(0, read - (found.get("cached_input_tokens") or 0))
        found["cache_write_1h_tokens"] = rng.choice((None, 0, found["cache_write_tokens"]))
    if scene.has("reasoning"):
        found["reasoning_tokens"] = rng.randint(0, found["output_tokens"])
    if scene.has("null tokens"):
        found[rng.choice(list(found))] = None
    if scene.has("impossible tokens"):
        found.update(
            rng.choice(
                (
                    {"cached_input_tokens": read + 1},
                    {"output_tokens": -5},
                    {"cache_write_1h_tokens": 5_000_000},
                )
            )
        )
    return found


def _user_row(scene: Scene, cell: dict[str, Any], common: dict[str, Any]) -> Attempt:
    given = {
        **common,
        "cell_id": f"{cell['cell_id']}|user",
        "phase": "user",
        "model_id": "user-model",
        "model_asked": "user-model",
    }
    return make_attempt(
        **{**given, **draw_tokens(scene), "outcome": "unscored", "score": None, "scorer": None}
    )

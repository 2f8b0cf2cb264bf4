"""What ``run.json`` states of a run, as rows of a name and a text, for the setup tab."""

from __future__ import annotations

from typing import Any

import orjson

from gapbench import credentials, formatting
from gapbench.view.catalog import RunEntry

_MAX_CHARS = 2_000


def describe_run(entry: RunEntry) -> dict[str, Any]:
    """Return the facts of a run: ``run``, ``machine``, ``versions``, and a list each for ``models``, ``tasks`` and ``cells``."""
    manifest = entry.manifest
    if manifest is None:
        return {"run": [["folder", str(entry.folder)], ["problem", entry.problem]]}
    run: list[list[Any]] = [
        ["run id", manifest.run_id],
        ["folder", str(entry.folder)],
        ["suite", manifest.suite],
        ["started", manifest.started_at],
        ["ended", manifest.ended_at],
        ["seed", manifest.seed],
        ["repeats", manifest.repeats],
        ["margin", f"{formatting.format_number(manifest.margin_points)} points of accuracy"],
        ["continues", manifest.continues],
        *[["failed", f"{failure.model_id}: {failure.message}"] for failure in manifest.failures],
    ]
    return {
        "run": _texts(run),
        "machine": _texts([[name, value] for name, value in manifest.machine.items()]),
        "versions": _texts([[name, value] for name, value in manifest.versions.items()]),
        "models": [
            {
                "id": model.id,
                "weights": model.weights,
                "rows": _texts(
                    [
                        ["asked as", model.name],
                        ["runner", model.runner],
                        ["address", ", ".join(model.replicas) or model.base_url],
                        ["released", model.released],
                        ["params", model.params or None],
                        ["options", model.options or None],
                        ["cost", dict(model.cost) if model.cost else None],
                        ["server", model.facts or None],
                    ]
                ),
            }
            for model in manifest.models
        ],
        "tasks": [
            {
                "id": task.name,
                "rows": _texts(
                    [
                        ["samples", task.samples],
                        ["scorer", task.scorer],
                        ["version", task.version],
                        ["license", task.license],
                        ["hash", task.sha256],
                    ]
                ),
            }
            for task in manifest.tasks
        ],
    }


def _texts(rows: list[list[Any]]) -> list[list[str]]:
    return [[str(name), _text(value)] for name, value in rows if value is not None]


def _text(value: Any) -> str:
    text = value if isinstance(value, str) else orjson.dumps(value, default=str).decode()
    return formatting.strip_controls(credentials.redact(text))[:_MAX_CHARS]

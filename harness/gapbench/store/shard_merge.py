"""Join the runs of a plan's shards into one run, which reads as if it had never been split."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from gapbench.errors import ResultsError
from gapbench.store.batch_journal import copy_batches
from gapbench.store.journal import translate_disk_errors
from gapbench.store.manifest import RunManifest
from gapbench.store.part_files import closed_numbers, file_name, numbered_files, part_numbers
from gapbench.store.reader import is_run, read_manifest, runs_in
from gapbench.store.run_folder import ensure_folder, write_table
from gapbench.store.writer import RunWriter

PART_KINDS = ("payload", "trajectories", "attempts")
"""The tables of one part, its attempts last."""
_MOST_SHOWN = 8


@dataclass(frozen=True)
class ShardRun:
    """The run of one shard.

    Attributes:
        folder: Its folder.
        manifest: Its ``run.json``.
        number: Number of the shard.
        cell_ids: The cell or search of each shard of the plan.
        plan_sha256: Hash of the plan.
    """

    folder: Path
    manifest: RunManifest
    number: int
    cell_ids: tuple[str, ...]
    plan_sha256: str


def find_shard_runs(places: Iterable[Path]) -> list[ShardRun]:
    """Return the runs of shards in folders: runs, or results folders that hold some.

    Raises:
        ResultsError: A folder holds no run of a shard, or a run's ``run.json`` cannot be read.
    """
    found: dict[Path, ShardRun] = {}
    for place in places:
        folders = [place] if is_run(place) else list(runs_in(place))
        shards = [run for folder in folders if (run := _read_shard(folder)) is not None]
        if not shards:
            raise ResultsError(
                f"{place} has no run of a shard; give the folders that `bench run SUITE --shard K --out DIR` wrote"
            )
        found.update({run.folder.resolve(): run for run in shards})
    return sorted(found.values(), key=lambda run: run.number)


def merge_shards(
    shards: Sequence[ShardRun], results: Path, *, allow_missing: bool = False, accept_versions: bool = False
) -> tuple[Path, list[str]]:
    """Join shards into a new run, and return its folder and what the user should know.

    Args:
        shards: At least one, sorted by number.
        results: Results folder of the new run.
        allow_missing: Whether shards may be missing or incomplete; the new run is then marked as stopped.
        accept_versions: Whether shards may come from different versions of gapbench.

    Raises:
        ResultsError: They are not the shards of one plan, some are missing, one is there twice, or the folder exists or
            cannot be written.
    """
    first = shards[0]
    _check_one_plan(shards)
    notes = _check_versions(shards, accept_versions=accept_versions)
    problems = _missing(shards)
    if problems and not allow_missing:
        raise ResultsError(
            f"{len(problems)} of {len(first.cell_ids)} shards are not ready: {_join_few(problems)}; "
            "run them with `bench run SUITE --shard K`, or merge what is there with --allow-missing"
        )
    for shard in shards:
        if numbered_files(shard.folder, "waiting"):
            raise ResultsError(
                f"{shard.folder} has answers that wait for their score; run its shard again, then merge"
            )
    folder = results / f"{first.manifest.suite}-{first.plan_sha256[:8]}-merged"
    if folder.exists():
        raise ResultsError(f"{folder} exists; remove it, or choose another folder with --out")
    making = results / f".{folder.name}.tmp"
    with translate_disk_errors(folder):
        shutil.rmtree(making, ignore_errors=True)
        ensure_folder(results)
        making.mkdir()
        _copy_rows(shards, making, folder.name)
        for shard in shards:
            _copy_files(shard, making)
        # A batch of a shard that is not complete may be out: the merged run must not pay for its requests again.
        copy_batches([shard.folder for shard in shards], making)
    manifest = _merge_manifests(shards, folder.name, problems)
    with RunWriter(making) as writer:
        writer.write_manifest(manifest)
    with translate_disk_errors(folder):
        making.rename(folder)
    return folder, notes + [f"missing: {problem}" for problem in problems]


def _read_shard(folder: Path) -> ShardRun | None:
    """Return the run of a shard, or None if the folder holds another run."""
    manifest = read_manifest(folder)
    key = manifest.shard
    if key is None:
        return None
    number, cells, plan = key.get("number"), key.get("cells"), key.get("plan_sha256")
    if (
        type(number) is not int
        or not isinstance(cells, list)
        or not all(isinstance(cell, str) for cell in cells)
        or not 0 <= number < len(cells)
        or not isinstance(plan, str)
    ):
        raise ResultsError(f"{folder}/run.json: shard: found {key!r}; it does not say which shard was run")
    return ShardRun(folder, manifest, number, tuple(cells), plan)


def _check_one_plan(shards: Sequence[ShardRun]) -> None:
    """Refuse shards of different plans, and one that is there twice. Raises ``ResultsError``."""
    first = shards[0]
    seen: dict[int, ShardRun] = {}
    for shard in shards:
        if shard.plan_sha256 != first.plan_sha256:
            same_suite = shard.manifest.suite_sha256 == first.manifest.suite_sha256
            what = "other models, tasks, limits or data" if same_suite else "a suite with other content"
            raise ResultsError(
                f"{shard.folder} and {first.folder} are shards of different plans ({what}); "
                "name the folders of one plan"
            )
        other = seen.setdefault(shard.number, shard)
        if other is not shard:
            raise ResultsError(
                f"shard {shard.number} is there twice: {other.folder} and {shard.folder}; name one of them"
            )


def _check_versions(shards: Sequence[ShardRun], *, accept_versions: bool) -> list[str]:
    """Return a line for each package that differs between shards.

    Raises:
        ResultsError: gapbench itself differs, and that is not accepted.
    """
    found: dict[str, dict[str, int]] = {}
    for shard in shards:
        for package, version in shard.manifest.versions.items():
            found.setdefault(package, {}).setdefault(str(version), shard.number)
    notes = []
    for package, versions in found.items():
        if len(versions) > 1:
            said = ", ".join(f"{version} (shard {number})" for version, number in versions.items())
            if package == "gapbench" and not accept_versions:
                raise ResultsError(
                    f"the shards were run by different versions of gapbench: {said}; run some of them again, or "
                    "add --accept-versions"
                )
            notes.append(f"versions of {package} differ: {said}")
    return notes


def _missing(shards: Sequence[ShardRun]) -> list[str]:
    """Return a text for each shard that is missing or not complete."""
    by_number = {shard.number: shard for shard in shards}
    problems = []
    for number, cell_id in enumerate(shards[0].cell_ids):
        shard = by_number.get(number)
        if shard is None:
            problems.append(f"{number} ({cell_id})")
        elif shard.manifest.state != "complete":
            problems.append(f"{number} ({cell_id}, {shard.manifest.state})")
    return problems


def _copy_rows(shards: Sequence[ShardRun], folder: Path, run_id: str) -> None:
    """Copy every table under the new run's id, shard after shard."""
    part = scores = telemetry = 0
    for shard in shards:
        if numbered_files(shard.folder, "journal"):
            with RunWriter(shard.folder):
                pass  # closes what a killed process left
        closed = closed_numbers(shard.folder)
        for kind in PART_KINDS:
            for number, source in numbered_files(shard.folder, kind).items():
                if number in closed:
                    last = part + part_numbers(source)[-1]
                    _copy_table(source, folder / file_name(kind, part + number, last), run_id)
        part += closed.last
        for source in numbered_files(shard.folder, "scores").values():
            scores += 1
            _copy_table(source, folder / f"scores-{scores:05d}.parquet", run_id)
        for source in numbered_files(shard.folder, "telemetry").values():
            telemetry += 1
            _copy_table(source, folder / f"telemetry-{telemetry:05d}.parquet", run_id)


def _copy_table(source: Path, target: Path, run_id: str) -> None:
    try:
        table = pq.read_table(source, partitioning=None, page_checksum_verification=True)
    except (OSError, ValueError, pa.ArrowException) as exc:
        reason = (str(exc).strip() or type(exc).__name__).splitlines()[0][:200]
        raise ResultsError(f"{source} cannot be read: {reason}; `bench runs verify` checks its run") from exc
    at = table.schema.get_field_index("run_id")
    if at >= 0:
        field = table.schema.field(at)
        ids = pa.array([run_id] * table.num_rows, pa.string())
        table = table.set_column(at, field, ids.cast(field.type))
    write_table(target, table)


def _copy_files(shard: ShardRun, folder: Path) -> None:
    """Copy media and logs; no symbolic link is followed, since the folder may come from elsewhere."""
    for kind, target in (
        ("media", folder / "media"),
        ("logs", folder / "logs" / f"shard-{shard.number:04d}"),
        ("damaged", folder / "damaged" / f"shard-{shard.number:04d}"),
    ):
        source = shard.folder / kind
        for path in sorted(source.rglob("*")) if source.is_dir() and not source.is_symlink() else ():
            if path.is_file() and not path.is_symlink():
                copied = target / path.relative_to(source)
                copied.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, copied, follow_symlinks=False)


def _merge_manifests(shards: Sequence[ShardRun], run_id: str, problems: Sequence[str]) -> RunManifest:
    manifests = [shard.manifest for shard in shards]
    first = manifests[0]
    ended = [manifest.ended_at for manifest in manifests if manifest.ended_at is not None]
    selection = {key: value for key, value in first.selection.items() if key != "shard"}
    state, reason = "complete", None
    if problems:
        state, reason = "stopped", f"{len(problems)} of {len(shards[0].cell_ids)} shards are missing"
    return first.model_copy(
        update={
            "run_id": run_id,
            "selection": selection,
            "started_at": min(manifest.started_at for manifest in manifests),
            "ended_at": max(ended) if len(ended) == len(manifests) else None,
            "state": state,
            "reason": reason,
            "models": _first_of_each((m for one in manifests for m in one.models), "id"),
            "users": _first_of_each((m for one in manifests for m in one.users), "id"),
            "tasks": _first_of_each((task for one in manifests for task in one.tasks), "name"),
            "cells": [cell for one in manifests for cell in one.cells],
            "searches": [search for one in manifests for search in one.searches],
            "failures": [failure for one in manifests for failure in one.failures],
            "graded": [row for one in manifests for row in one.graded],
            "first_calls": [call for one in manifests for call in one.first_calls],
            "changes": [change for one in manifests for change in one.changes],
            "calibration": _least_trusting([one.calibration for one in manifests if one.calibration]),
            "shard": None,
            "shards": [_origin_of(shard) for shard in shards],
        }
    )


def _least_trusting(calibrations: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """Return the calibration of the machine whose figures can be trusted to the fewest streams. None: there is none."""
    limited = [found for found in calibrations if found.get("trusted_streams") is not None]
    if limited:
        return min(limited, key=lambda found: float(found["trusted_streams"]))
    return calibrations[0] if calibrations else None


def _first_of_each(entries: Iterable[Any], key: str) -> list[Any]:
    """Return the entries without those that are there already."""
    found: dict[str, Any] = {}
    for entry in entries:
        found.setdefault(getattr(entry, key), entry)
    return list(found.values())


def _origin_of(shard: ShardRun) -> dict[str, Any]:
    manifest = shard.manifest
    return {
        "number": shard.number,
        "run_id": manifest.run_id,
        "started_at": manifest.started_at,
        "ended_at": manifest.ended_at,
        "state": manifest.state,
        "machine": manifest.machine,
        "versions": manifest.versions,
    }


def _join_few(texts: Sequence[str]) -> str:
    more = len(texts) - _MOST_SHOWN
    return ", ".join(texts[:_MOST_SHOWN]) + (f" and {more} more" if more > 0 else "")

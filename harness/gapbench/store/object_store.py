"""Results on object storage: a run is written here, and copied there when it ends; read there, it is copied here.

An object store has neither append nor rename, so ``s3://BUCKET/PREFIX`` stands for a folder of this disk, its mirror
``results/.remote/s3/BUCKET/PREFIX``; whoever writes or reads a run works on that folder alone. ``run.json`` is copied
last: a run that can be seen there is whole. A mirrored run remembers what each file was on both sides when they were
last the same. So it is known which side has changed since; where both have, nothing is copied and no row is lost.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pyarrow as pa
from pyarrow import fs

from gapbench.errors import InputError, ResultsError

MIRROR = Path("results/.remote/s3")
PROBE_NAME = ".gapbench"
"""Written beside the runs before one begins: a store that refuses is found out before anything is spent."""
_SYNC_STATE_FILE = ".synced.json"
_LOCAL_ONLY = re.compile(r"run\.lock|journal-.*|.*\.tmp|\.synced\.json")
_ObjectStamp = tuple[int, int]
"""Bytes of an object, and the instant at which it was written."""


def mirror_of(address: str) -> Path | None:
    """Return the folder of this disk that stands for an address. None: what was given is a path.

    Raises:
        InputError: It is an address, and none of a bucket on S3.
    """
    scheme, _, rest = address.partition(":")
    is_s3 = scheme.lower() == "s3" and rest != ""
    if not is_s3 and not (rest.startswith("//") and re.fullmatch(r"[A-Za-z][A-Za-z0-9+.\-]*", scheme)):
        return None
    if "@" in rest:
        raise InputError("an address must not hold a key (not shown); AWS_ACCESS_KEY_ID and its like name it")
    bucket, _, prefix = rest.removeprefix("//").partition("/")
    parts = [part for part in prefix.split("/") if part]
    is_bucket = rest.startswith("//") and re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._\-]*", bucket)
    if not is_s3 or not is_bucket or not {".", ".."}.isdisjoint(parts):
        raise InputError(f"{address!r} is no place for results: give a folder, or s3://BUCKET/PREFIX")
    return MIRROR.joinpath(bucket, *parts)


def address_of(folder: Path) -> str | None:
    """Return the address that a folder stands for. None: it is a folder and nothing more."""
    try:
        place = folder.absolute().relative_to(MIRROR.absolute()).as_posix()
    except ValueError:
        return None
    return None if place == "." else f"s3://{place}"


def check_store_writable(results: Path) -> None:
    """Write a small object beside the runs, so that a run does not find out after its last answer.

    Raises:
        ResultsError: The store refuses, or is not there.
    """
    with _open_store(results, "cannot write results to") as (store, place):
        with store.open_output_stream(f"{place}/{PROBE_NAME}") as stream:
            stream.write(b"Runs of gapbench lie here.\n")
        _list_objects(store, f"{place}/{PROBE_NAME}-none")  # sending a run asks what is there


def pull_run(run: Path, *, allow_local_only: bool = False) -> None:
    """Bring a mirrored run up to what lies at its address.

    Args:
        run: Its folder in the mirror.
        allow_local_only: Whether one that is here and was never sent will do.

    Raises:
        ResultsError: There is none, both sides have changed, or the store cannot be read.
    """
    with _open_store(run, "cannot read") as (store, place):
        sides = _plan_sync(store, place, run)
        if "run.json" not in sides.remote:
            if not (run / "run.json").exists():
                raise ResultsError(
                    f"s3://{place} is no run: it has no run.json; name bucket, prefix and run id"
                )
            if not allow_local_only:
                raise ResultsError(
                    f"s3://{place} was never sent whole: `bench run --resume {run.name} --out {address_of(run.parent)}` "
                    f"sends it, `bench report {run}` reads what is here"
                )
            return
        for name in sides.downloads:
            path = run / name
            if not path.resolve().is_relative_to(run.resolve()):
                raise ResultsError(f"s3://{place}/{name} leaves its run's folder; it is not read")
            data = _read_object(store, f"{place}/{name}")
            _write_file(path, data)
            sides.synced[name] = (hashlib.sha256(data).hexdigest(), sides.remote[name])
        for name in sides.deletions:
            (run / name).unlink(missing_ok=True)
        _write_sync_state(run, sides)


def push_run(run: Path) -> str:
    """Copy what is new in a mirrored run to its address, and return that.

    Raises:
        ResultsError: The store refuses, or both sides have changed; the run is kept here.
    """
    with _open_store(run, "cannot write to", f"; the run is kept in {run}, and --resume sends it again") as (
        store,
        place,
    ):
        sides = _plan_sync(store, place, run)
        for name in sides.uploads:
            with store.open_output_stream(f"{place}/{name}") as stream:
                stream.write((run / name).read_bytes())
        for name in set(sides.deletions) & sides.remote.keys():
            store.delete_file(f"{place}/{name}")
        now = _list_objects(store, place)
        sides.synced.update((name, (sides.local[name], now[name])) for name in sides.uploads if name in now)
        _write_sync_state(run, sides)
    return f"s3://{place}"


def pull_manifests(results: Path, into: Path) -> None:
    """Copy the ``run.json`` of every run at an address into a folder, each in a folder of its run's name.

    Raises:
        ResultsError: The store cannot be read.
    """
    with _open_store(results, "cannot read") as (store, place):
        below = store.get_file_info(fs.FileSelector(place, allow_not_found=True))
        folders = [info.path for info in below if info.type == fs.FileType.Directory]
        for info in store.get_file_info([f"{folder}/run.json" for folder in folders]):
            if info.type == fs.FileType.File:
                _write_file(into / Path(info.path).parent.name / "run.json", _read_object(store, info.path))


@dataclass(frozen=True, slots=True)
class _SyncPlan:
    """A run's files here and there.

    Attributes:
        local: Their hashes.
        remote: Their stamps.
        synced: Hash and stamp of each when both sides were last the same.
        uploads: Names to be copied there, in this order.
        downloads: Names to be copied here, in this order.
        deletions: Names of answers that waited for their score, on one side only now: that side has their rows.
    """

    local: dict[str, str]
    remote: dict[str, _ObjectStamp]
    synced: dict[str, tuple[str, _ObjectStamp]]
    uploads: list[str]
    downloads: list[str]
    deletions: list[str]


def _plan_sync(store: fs.FileSystem, prefix: str, run: Path) -> _SyncPlan:
    """Return what is to be copied which way.

    Raises:
        ResultsError: Both sides have changed since they were last the same.
    """
    here = {
        path.relative_to(run).as_posix(): _file_sha256(path)
        for path in run.rglob("*")
        if path.is_file() and not _LOCAL_ONLY.fullmatch(path.name)
    }
    there, known = _list_objects(store, prefix), _read_sync_state(run)
    same, up, down, done = dict(known), [], [], []
    # Rows that are still in a journal have been paid for and are nowhere else.
    new_here, new_there = [path.name for path in run.glob("journal-*") if path.stat().st_size], []
    for name in sorted({*here, *there}, key=_upload_order):
        mine, theirs = here.get(name), there.get(name)
        was_mine, was_theirs = known.get(name, (None, None))
        is_new_here, is_new_there = mine not in {None, was_mine}, theirs not in {None, was_theirs}
        if (
            name.startswith("waiting-")
            and name in known
            and (mine is None or (theirs is None and mine == was_mine))
        ):
            # One side has scored its answers; another file may have the name later.
            done.append(name)
            del same[name]
        elif mine is None:
            down.append(name)
        elif theirs is None:
            up.append(name)
        elif (
            is_new_here
            and is_new_there
            and hashlib.sha256(_read_object(store, f"{prefix}/{name}")).hexdigest() == mine
        ):
            # Copied by a call that did not live to remember it.
            is_new_here = is_new_there = False
            same[name] = (mine, theirs)
        elif is_new_here:
            up.append(name)
        elif is_new_there:
            down.append(name)
        new_here += [name] * is_new_here
        new_there += [name] * is_new_there
    if new_here and new_there:
        raise ResultsError(
            f"s3://{prefix} and its copy {run} have both changed since they were last the same (there {_join_few(new_there)}; "
            f"here {_join_few(new_here)}): nothing is copied. `bench report {run}` shows what is here; move that folder away "
            "to go on with what is there"
        )
    return _SyncPlan(here, there, same, up, down, done)


def _upload_order(name: str) -> tuple[bool, bool, str]:
    """Sort a part's rows after all they need, and the manifest last."""
    return name == "run.json", name.startswith("attempts-"), name


def _join_few(names: list[str]) -> str:
    return ", ".join(names[:2]) + (f" and {len(names) - 2} more" if len(names) > 2 else "")


def _read_sync_state(run: Path) -> dict[str, tuple[str, _ObjectStamp]]:
    """Return the hash and the stamp of each file when both sides were last the same."""
    try:
        kept = json.loads((run / _SYNC_STATE_FILE).read_bytes())
        return {name: (str(sha256), (int(size), int(at_ns))) for name, (sha256, size, at_ns) in kept.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def _write_sync_state(run: Path, plan: _SyncPlan) -> None:
    kept = {name: (sha256, *stamp) for name, (sha256, stamp) in plan.synced.items()}
    _write_file(run / _SYNC_STATE_FILE, json.dumps(kept).encode())


def _list_objects(store: fs.FileSystem, prefix: str) -> dict[str, _ObjectStamp]:
    """Return the stamps of the files below a place, by name."""
    found: Iterable[fs.FileInfo] = store.get_file_info(
        fs.FileSelector(prefix, recursive=True, allow_not_found=True)
    )
    return {
        info.path.removeprefix(f"{prefix}/"): (info.size, info.mtime_ns)
        for info in found
        if info.type == fs.FileType.File and not _LOCAL_ONLY.fullmatch(info.base_name)
    }


def _read_object(store: fs.FileSystem, name: str) -> bytes:
    with store.open_input_stream(name) as stream:
        data: bytes = stream.read()
    return data


def _file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write_file(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.tmp")
    partial.write_bytes(data)
    partial.replace(path)


@contextmanager
def _open_store(folder: Path, action: str, kept_note: str = "") -> Iterator[tuple[fs.FileSystem, str]]:
    """Give the store of a mirror's address and the place in it; credentials and region are AWS's own variables.

    Raises:
        ResultsError: What the store said, in one line.
    """
    address = address_of(folder)
    assert address is not None, "asked only of a mirror"
    options = _endpoint_options()
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    if region:
        options["region"] = region
    try:
        yield fs.S3FileSystem(**options), address.removeprefix("s3://")
    except (OSError, pa.ArrowException) as exc:
        said = (str(exc).strip() or type(exc).__name__).splitlines()[0][:300]
        advice = kept_note or "; check the address, the credentials and AWS_ENDPOINT_URL"
        raise ResultsError(f"{action} {address}: {said}{advice}") from exc


def _endpoint_options() -> dict[str, str]:
    """Return the server that the environment names in place of AWS's own."""
    for name in ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"):
        given = os.environ.get(name)
        if given:
            url = urlsplit(given)
            if url.scheme not in {"http", "https"} or not url.netloc:
                raise InputError(f"{name} is {given!r}; expected an address such as http://127.0.0.1:9000")
            return {"endpoint_override": url.netloc, "scheme": url.scheme}
    return {}

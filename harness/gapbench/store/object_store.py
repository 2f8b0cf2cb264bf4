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
PROBE = ".gapbench"
"""Written beside the runs before one begins: a store that refuses is found out before anything is spent."""
_SYNCED = ".synced.json"
_STAYS_HERE = re.compile(r"run\.lock|journal-.*|.*\.tmp|\.synced\.json")
_Stamp = tuple[int, int]
"""Bytes of an object, and the instant at which it was written."""


def mirror_of(given: str) -> Path | None:
    """Return the folder of this disk that stands for an address. None: what was given is a path.

    Raises:
        InputError: It is an address, and none of a bucket on S3.
    """
    scheme, _, rest = given.partition(":")
    is_s3 = scheme.lower() == "s3" and rest != ""
    if not is_s3 and not (rest.startswith("//") and re.fullmatch(r"[A-Za-z][A-Za-z0-9+.\-]*", scheme)):
        return None
    if "@" in rest:
        raise InputError("an address must not hold a key (not shown); AWS_ACCESS_KEY_ID and its like name it")
    bucket, _, prefix = rest.removeprefix("//").partition("/")
    parts = [part for part in prefix.split("/") if part]
    is_bucket = rest.startswith("//") and re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._\-]*", bucket)
    if not is_s3 or not is_bucket or not {".", ".."}.isdisjoint(parts):
        raise InputError(f"{given!r} is no place for results: give a folder, or s3://BUCKET/PREFIX")
    return MIRROR.joinpath(bucket, *parts)


def address_of(folder: Path) -> str | None:
    """Return the address that a folder stands for. None: it is a folder and nothing more."""
    try:
        place = folder.absolute().relative_to(MIRROR.absolute()).as_posix()
    except ValueError:
        return None
    return None if place == "." else f"s3://{place}"


def check_writable(results: Path) -> None:
    """Write a small object beside the runs, so that a run does not find out after its last answer.

    Raises:
        ResultsError: The store refuses, or is not there.
    """
    with _store(results, "cannot write results to") as (store, place):
        with store.open_output_stream(f"{place}/{PROBE}") as stream:
            stream.write(b"Runs of gapbench lie here.\n")
        _listed(store, f"{place}/{PROBE}-none")  # sending a run asks what is there


def fetch(run: Path, *, or_here: bool = False) -> None:
    """Bring a mirrored run up to what lies at its address.

    Args:
        run: Its folder in the mirror.
        or_here: Whether one that is here and was never sent will do.

    Raises:
        ResultsError: There is none, both sides have changed, or the store cannot be read.
    """
    with _store(run, "cannot read") as (store, place):
        sides = _compared(store, place, run)
        if "run.json" not in sides.there:
            if not (run / "run.json").exists():
                raise ResultsError(
                    f"s3://{place} is no run: it has no run.json; name bucket, prefix and run id"
                )
            if not or_here:
                raise ResultsError(
                    f"s3://{place} was never sent whole: `bench run --resume {run.name} --out {address_of(run.parent)}` "
                    f"sends it, `bench report {run}` reads what is here"
                )
            return
        for name in sides.down:
            path = run / name
            if not path.resolve().is_relative_to(run.resolve()):
                raise ResultsError(f"s3://{place}/{name} leaves its run's folder; it is not read")
            data = _read(store, f"{place}/{name}")
            _replace(path, data)
            sides.same[name] = (hashlib.sha256(data).hexdigest(), sides.there[name])
        for name in sides.done:
            (run / name).unlink(missing_ok=True)
        _remember(run, sides)


def send(run: Path) -> str:
    """Copy what is new in a mirrored run to its address, and return that.

    Raises:
        ResultsError: The store refuses, or both sides have changed; the run is kept here.
    """
    with _store(run, "cannot write to", f"; the run is kept in {run}, and --resume sends it again") as (
        store,
        place,
    ):
        sides = _compared(store, place, run)
        for name in sides.up:
            with store.open_output_stream(f"{place}/{name}") as stream:
                stream.write((run / name).read_bytes())
        for name in set(sides.done) & sides.there.keys():
            store.delete_file(f"{place}/{name}")
        now = _listed(store, place)
        sides.same.update((name, (sides.here[name], now[name])) for name in sides.up if name in now)
        _remember(run, sides)
    return f"s3://{place}"


def fetch_manifests(results: Path, into: Path) -> None:
    """Copy the ``run.json`` of every run at an address into a folder, each in a folder of its run's name.

    Raises:
        ResultsError: The store cannot be read.
    """
    with _store(results, "cannot read") as (store, place):
        below = store.get_file_info(fs.FileSelector(place, allow_not_found=True))
        folders = [info.path for info in below if info.type == fs.FileType.Directory]
        for info in store.get_file_info([f"{folder}/run.json" for folder in folders]):
            if info.type == fs.FileType.File:
                _replace(into / Path(info.path).parent.name / "run.json", _read(store, info.path))


@dataclass(frozen=True, slots=True)
class _Sides:
    """A run's files here and there.

    Attributes:
        here: Their hashes.
        there: Their stamps.
        same: Hash and stamp of each when both sides were last the same.
        up: Names to be copied there, in this order.
        down: Names to be copied here, in this order.
        done: Names of answers that waited for their score, on one side only now: that side has their rows.
    """

    here: dict[str, str]
    there: dict[str, _Stamp]
    same: dict[str, tuple[str, _Stamp]]
    up: list[str]
    down: list[str]
    done: list[str]


def _compared(store: fs.FileSystem, place: str, run: Path) -> _Sides:
    """Return what is to be copied which way.

    Raises:
        ResultsError: Both sides have changed since they were last the same.
    """
    here = {
        path.relative_to(run).as_posix(): _hash(path)
        for path in run.rglob("*")
        if path.is_file() and not _STAYS_HERE.fullmatch(path.name)
    }
    there, known = _listed(store, place), _known(run)
    same, up, down, done = dict(known), [], [], []
    # Rows that are still in a journal have been paid for and are nowhere else.
    new_here, new_there = [path.name for path in run.glob("journal-*") if path.stat().st_size], []
    for name in sorted({*here, *there}, key=_order):
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
            and hashlib.sha256(_read(store, f"{place}/{name}")).hexdigest() == mine
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
            f"s3://{place} and its copy {run} have both changed since they were last the same (there {_few(new_there)}; "
            f"here {_few(new_here)}): nothing is copied. `bench report {run}` shows what is here; move that folder away "
            "to go on with what is there"
        )
    return _Sides(here, there, same, up, down, done)


def _order(name: str) -> tuple[bool, bool, str]:
    """Sort a part's rows after all they need, and the manifest last."""
    return name == "run.json", name.startswith("attempts-"), name


def _few(names: list[str]) -> str:
    return ", ".join(names[:2]) + (f" and {len(names) - 2} more" if len(names) > 2 else "")


def _known(run: Path) -> dict[str, tuple[str, _Stamp]]:
    """Return the hash and the stamp of each file when both sides were last the same."""
    try:
        kept = json.loads((run / _SYNCED).read_bytes())
        return {name: (str(sha256), (int(size), int(at_ns))) for name, (sha256, size, at_ns) in kept.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def _remember(run: Path, sides: _Sides) -> None:
    kept = {name: (sha256, *stamp) for name, (sha256, stamp) in sides.same.items()}
    _replace(run / _SYNCED, json.dumps(kept).encode())


def _listed(store: fs.FileSystem, place: str) -> dict[str, _Stamp]:
    """Return the stamps of the files below a place, by name."""
    found: Iterable[fs.FileInfo] = store.get_file_info(
        fs.FileSelector(place, recursive=True, allow_not_found=True)
    )
    return {
        info.path.removeprefix(f"{place}/"): (info.size, info.mtime_ns)
        for info in found
        if info.type == fs.FileType.File and not _STAYS_HERE.fullmatch(info.base_name)
    }


def _read(store: fs.FileSystem, name: str) -> bytes:
    with store.open_input_stream(name) as stream:
        data: bytes = stream.read()
    return data


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _replace(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.tmp")
    partial.write_bytes(data)
    partial.replace(path)


@contextmanager
def _store(folder: Path, doing: str, kept: str = "") -> Iterator[tuple[fs.FileSystem, str]]:
    """Give the store of a mirror's address and the place in it; credentials and region are AWS's own variables.

    Raises:
        ResultsError: What the store said, in one line.
    """
    address = address_of(folder)
    assert address is not None, "asked only of a mirror"
    options = _endpoint()
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    if region:
        options["region"] = region
    try:
        yield fs.S3FileSystem(**options), address.removeprefix("s3://")
    except (OSError, pa.ArrowException) as exc:
        said = (str(exc).strip() or type(exc).__name__).splitlines()[0][:300]
        advice = kept or "; check the address, the credentials and AWS_ENDPOINT_URL"
        raise ResultsError(f"{doing} {address}: {said}{advice}") from exc


def _endpoint() -> dict[str, str]:
    """Return the server that the environment names in place of AWS's own."""
    for name in ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"):
        given = os.environ.get(name)
        if given:
            url = urlsplit(given)
            if url.scheme not in {"http", "https"} or not url.netloc:
                raise InputError(f"{name} is {given!r}; expected an address such as http://127.0.0.1:9000")
            return {"endpoint_override": url.netloc, "scheme": url.scheme}
    return {}

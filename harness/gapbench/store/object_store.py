"""Results on object storage: upload a run when it has ended, download it to read it or to resume it elsewhere.

An object store has neither append nor rename. So ``s3://BUCKET/PREFIX`` stands for a folder of this disk, its mirror
``results/.remote/s3/BUCKET/PREFIX``, and all other code works on that folder. An upload writes the run's files,
``run.json`` after them, and last a listing with the hash of every file. The mirror keeps a copy of the listing that it
was last in step with. That is the one conflict check: a listing there that differs from the copy here shows that
another machine has uploaded since. Then nothing is uploaded, and a mirror that has changed as well is not overwritten.
Change a run at its address with ``bench`` only: other tools do not write the listing.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

import pyarrow as pa
from pyarrow import fs

from gapbench.atomic_write import write_atomically
from gapbench.errors import InputError, ResultsError
from gapbench.store.part_files import superseded_names

MIRROR = Path("results/.remote/s3")
PROBE_NAME = ".gapbench"
"""Written next to the runs before a run starts: a store that refuses is noticed before anything is spent."""
LISTING_NAME = ".files.json"
"""The hash of each file of an uploaded run; in the store it is written last."""
_LOCAL_ONLY = re.compile(r"run\.lock|journal-.*|.*\.tmp|\.synced\.json|\.files\.json")
_Listing = dict[str, str]
"""SHA-256 of each file of a run, by its name within the run folder."""


def mirror_of(address: str) -> Path | None:
    """Return the folder of this disk that stands for an address, or None if ``address`` is a path.

    Raises:
        InputError: It is an address, but not of a bucket on S3.
    """
    scheme, _, rest = address.partition(":")
    is_s3 = scheme.lower() == "s3" and rest != ""
    if not is_s3 and not (rest.startswith("//") and re.fullmatch(r"[A-Za-z][A-Za-z0-9+.\-]*", scheme)):
        return None
    if "@" in rest:
        raise InputError(
            "an address must not contain a key (not shown); set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY instead"
        )
    bucket, _, prefix = rest.removeprefix("//").partition("/")
    parts = [part for part in prefix.split("/") if part]
    is_bucket = rest.startswith("//") and re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._\-]*", bucket)
    if not is_s3 or not is_bucket or not {".", ".."}.isdisjoint(parts):
        raise InputError(f"{address!r} cannot hold results: give a folder, or s3://BUCKET/PREFIX")
    return MIRROR.joinpath(bucket, *parts)


def address_of(folder: Path) -> str | None:
    """Return the address that a folder stands for, or None if it is an ordinary folder."""
    try:
        place = folder.absolute().relative_to(MIRROR.absolute()).as_posix()
    except ValueError:
        return None
    return None if place == "." else f"s3://{place}"


def check_store_writable(results: Path) -> None:
    """Write a small object next to the runs, to learn before the first request whether the store accepts one.

    Raises:
        ResultsError: The store refuses or cannot be reached.
    """
    with _open_store(results, "cannot write results to") as (store, place):
        with store.open_output_stream(f"{place}/{PROBE_NAME}") as stream:
            stream.write(b"Runs of gapbench lie here.\n")
        _list_names(store, f"{place}/{PROBE_NAME}-none")  # uploading a run lists what is there


def has_run(run: Path) -> bool:
    """Return whether a run was uploaded to its address.

    Args:
        run: Its folder in the mirror.

    Raises:
        ResultsError: The store cannot be read.
    """
    with _open_store(run, "cannot read") as (store, place):
        return "run.json" in _list_names(store, place)


def pull_run(run: Path, *, allow_local_only: bool = False) -> None:
    """Download what changed at a run's address.

    Args:
        run: Its folder in the mirror.
        allow_local_only: Whether a run that is only in the mirror, because its upload failed, is accepted.

    Raises:
        ResultsError: There is no such run, both sides have changed, or the store cannot be read.
    """
    with _open_store(run, "cannot read") as (store, place):
        there = _read_remote_listing(store, place)
        if "run.json" not in there:
            _check_local_only(run, place, allow_local_only=allow_local_only)
            return
        here, known = _hash_files(run), _read_listing(run)
        has_news = there != known
        if has_news:
            _refuse_conflict(run, place, here, there, known)
        for name in sorted(there, key=_upload_order):
            if name not in here or (has_news and here[name] != there[name]):
                _download(store, place, run, name)
        for name in _done_with(known, there):
            (run / name).unlink(missing_ok=True)
        write_atomically(run / LISTING_NAME, json.dumps(there).encode())


def push_run(run: Path) -> str:
    """Upload what changed in a mirrored run, and return its address.

    Raises:
        ResultsError: The store refuses, or both sides have changed; the run is kept here.
    """
    with _open_store(run, "cannot write to", f"; the run is kept in {run}, and --resume sends it again") as (
        store,
        place,
    ):
        there, here, known = _read_remote_listing(store, place), _hash_files(run), _read_listing(run)
        if there not in ({}, known):
            _refuse_conflict(run, place, here, there, known)
            return f"s3://{place}"  # another machine has uploaded, and there is nothing new here
        for name in sorted(here, key=_upload_order):
            if there.get(name) != here[name]:
                _upload(store, f"{place}/{name}", (run / name).read_bytes())
        done_with = _done_with(there, here)
        listing = json.dumps({**{name: there[name] for name in there.keys() - done_with}, **here}).encode()
        _upload(store, f"{place}/{LISTING_NAME}", listing)
        # Only now, so that a listing never names an object that is gone.
        for name in done_with & _list_names(store, place):
            store.delete_file(f"{place}/{name}")
        write_atomically(run / LISTING_NAME, listing)
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
                folder = into / Path(info.path).parent.name
                folder.mkdir(parents=True, exist_ok=True)
                (folder / "run.json").write_bytes(_read_object(store, info.path))


def pull_runs(folder: Path) -> list[Path]:
    """Download the run at an address, or every run below it, and return their folders in the mirror.

    Args:
        folder: The folder in the mirror that stands for the address.

    Raises:
        ResultsError: There is no run, a run has changed on both sides, or the store cannot be read.
    """
    with _open_store(folder, "cannot read") as (store, place):
        is_one_run = "run.json" in _read_remote_listing(store, place)
    with TemporaryDirectory() as known:
        if not is_one_run:
            pull_manifests(folder, Path(known))
        runs = [folder / path.parent.name for path in sorted(Path(known).glob("*/run.json"))] or [folder]
    for run in runs:
        pull_run(run)
    return runs


def _check_local_only(run: Path, place: str, *, allow_local_only: bool) -> None:
    if not (run / "run.json").exists():
        raise ResultsError(f"s3://{place} is not a run: it has no run.json; name bucket, prefix and run id")
    if not allow_local_only:
        raise ResultsError(
            f"s3://{place} was not uploaded completely: `bench run --resume {run.name} --out {address_of(run.parent)}` "
            f"sends it, `bench report {run}` reads what is here"
        )


def download_objects(
    address: str, folder: Path, is_wanted: Callable[[str], bool]
) -> Iterator[tuple[Path, str]]:
    """Copy an object, or each wanted one below a prefix, and yield its path and address.

    Args:
        address: ``s3://BUCKET/KEY`` or ``s3://BUCKET/PREFIX``.
        folder: Where the copies go.
        is_wanted: Decides by the last part of a key below a prefix.

    Raises:
        ResultsError: There is no such object, or the store cannot be read.
    """
    mirror = mirror_of(address)
    assert mirror is not None, "asked only of an address"
    with _open_store(mirror, "cannot read") as (store, place):
        if store.get_file_info(place).type == fs.FileType.File:
            keys = [place]
        else:
            names = sorted(_list_names(store, place))
            keys = [f"{place}/{name}" for name in names if is_wanted(name.rpartition("/")[2])]
        if not keys:
            raise ResultsError(f"there is no log at s3://{place}; check the address")
        folder.mkdir(parents=True)
        for number, key in enumerate(keys):
            path = folder / f"{number}-{key.rpartition('/')[2]}"
            with store.open_input_stream(key) as stream, path.open("wb") as copy:
                while chunk := stream.read(2**22):
                    copy.write(chunk)
            yield path, f"s3://{key}"


def _refuse_conflict(run: Path, place: str, here: _Listing, there: _Listing, known: _Listing) -> None:
    """Raise if a file in the mirror is neither as it was when both sides were last in step nor as it is there.

    Raises:
        ResultsError: The mirror has changed as well.
    """
    changed = [name for name in sorted(here) if here[name] not in {known.get(name), there.get(name)}]
    # Rows that are still in a journal have been paid for and are nowhere else.
    changed += [path.name for path in run.glob("journal-*") if path.stat().st_size]
    if changed:
        raise ResultsError(
            f"s3://{place} and its copy {run} have both changed since they were last the same "
            f"(here {changed[0]}): nothing is copied. `bench report {run}` shows what is here; "
            "move that folder away to continue with what is there"
        )


def _done_with(before: _Listing, now: _Listing) -> set[str]:
    """Return the names that one side does not need any more: answers that are scored, and parts that are joined to others."""
    joined = superseded_names([*before, *now])
    return {name for name in before.keys() - now.keys() if name.startswith("waiting-") or name in joined}


def _upload_order(name: str) -> tuple[bool, bool, str]:
    """Sort a part's rows after the files that they need, and the manifest last."""
    return name == "run.json", name.startswith("attempts-"), name


def _hash_files(run: Path) -> _Listing:
    """Return the listing of a mirrored run as it is now."""
    return {
        path.relative_to(run).as_posix(): _file_sha256(path)
        for path in run.rglob("*")
        if path.is_file() and not _LOCAL_ONLY.fullmatch(path.name)
    }


def _read_listing(run: Path) -> _Listing:
    """Return the listing that the mirror was last in step with; {} if there is none."""
    try:
        return dict(json.loads((run / LISTING_NAME).read_bytes()))
    except (OSError, ValueError, TypeError):
        return {}


def _read_remote_listing(store: fs.FileSystem, place: str) -> _Listing:
    """Return the listing of a run in the store; {} if no upload of it was completed.

    A run that was uploaded without a listing is read to make one.
    """
    names = _list_names(store, place)
    if LISTING_NAME in names:
        return dict(json.loads(_read_object(store, f"{place}/{LISTING_NAME}")))
    contents = {name: _read_object(store, f"{place}/{name}") for name in names if "run.json" in names}
    return {name: hashlib.sha256(data).hexdigest() for name, data in contents.items()}


def _list_names(store: fs.FileSystem, place: str) -> set[str]:
    """Return the names of the files below a place."""
    found: Iterable[fs.FileInfo] = store.get_file_info(
        fs.FileSelector(place, recursive=True, allow_not_found=True)
    )
    return {info.path.removeprefix(f"{place}/") for info in found if info.type == fs.FileType.File}


def _download(store: fs.FileSystem, place: str, run: Path, name: str) -> None:
    path = run / name
    if not path.resolve().is_relative_to(run.resolve()):
        raise ResultsError(f"s3://{place}/{name} leaves its run's folder; it is not read")
    data = _read_object(store, f"{place}/{name}")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, data)


def _upload(store: fs.FileSystem, path: str, data: bytes) -> None:
    with store.open_output_stream(path) as stream:
        stream.write(data)


def _read_object(store: fs.FileSystem, path: str) -> bytes:
    with store.open_input_stream(path) as stream:
        data: bytes = stream.read()
    return data


def _file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def _open_store(folder: Path, action: str, kept_note: str = "") -> Iterator[tuple[fs.FileSystem, str]]:
    """Give the store of a mirror's address and the place in it; credentials and region are AWS's own variables.

    Raises:
        ResultsError: The store's error, in one line.
    """
    address = address_of(folder)
    assert address is not None, "asked only of a mirror"
    options = _endpoint_options()
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    if region:
        options["region"] = region
    try:
        yield fs.S3FileSystem(**options), address.removeprefix("s3://")
    except (OSError, ValueError, pa.ArrowException) as exc:
        problem = (str(exc).strip() or type(exc).__name__).splitlines()[0][:300]
        advice = kept_note or "; check the address, the credentials and AWS_ENDPOINT_URL"
        raise ResultsError(f"{action} {address}: {problem}{advice}") from exc


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

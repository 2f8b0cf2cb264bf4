"""Results on object storage: a run is written here, and copied there when it ends; read there, it is copied here.

An object store has neither append nor rename, so the journal stays on this disk, in a mirror below
``results/.remote``. ``run.json`` is copied last: a run that can be seen there is whole.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pyarrow as pa
from pyarrow import fs

from harness.errors import ResultsError

MIRROR = Path("results/.remote")
_ADDRESS = re.compile(r"(s3):/+([^/]+)/?(.*)")
_LEFT_HERE = re.compile(r"run\.lock|journal-.*|.*\.tmp")


def is_remote(path: Path) -> bool:
    """Return whether a path, as :class:`pathlib.Path` has it, is an address such as ``s3://bucket/prefix``."""
    return bool(_ADDRESS.fullmatch(str(path)))


def mirror_of(path: Path) -> Path:
    """Return the folder of this disk that stands for an address."""
    scheme, bucket, prefix = _parts(path)
    return MIRROR / scheme / bucket / prefix


def upload(run: Path, results: Path) -> str:
    """Copy a run folder to the results at an address, and return where it is.

    Raises:
        ResultsError: The store refuses; the run is kept here, and the next upload sends it again.
    """
    store, base = _store(results)
    target = f"{base}/{run.name}"
    files = [
        path for path in sorted(run.rglob("*")) if path.is_file() and not _LEFT_HERE.fullmatch(path.name)
    ]
    files.sort(key=lambda path: path == run / "run.json")
    try:
        there = {info.path: info.size for info in _listed(store, target)}
        for path in files:
            name = f"{target}/{path.relative_to(run).as_posix()}"
            # A part never changes once it has its name.
            if path.suffix == ".parquet" and there.get(name) == path.stat().st_size:
                continue
            with store.open_output_stream(name) as stream:
                stream.write(path.read_bytes())
    except (OSError, pa.ArrowException) as exc:
        raise ResultsError(
            f"cannot write to s3://{target}: {_first_line(exc)}; the run is kept in {run}, and --resume sends it again"
        ) from exc
    return f"s3://{target}"


def download(run: Path) -> Path:
    """Copy a run at an address into its mirror and return the folder.

    Raises:
        ResultsError: There is none, or the store cannot be read.
    """
    store, source = _store(run)
    folder = mirror_of(run)
    try:
        found = list(_listed(store, source))
        if f"{source}/run.json" not in {info.path for info in found}:
            raise ResultsError(f"s3://{source} is no run: it has no run.json; name bucket, prefix and run id")
        for info in found:
            path = folder / info.path.removeprefix(f"{source}/")
            if not path.resolve().is_relative_to(folder.resolve()):
                raise ResultsError(f"s3://{info.path} leaves its run's folder; it is not read")
            if path.suffix == ".parquet" and path.exists() and path.stat().st_size == info.size:
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            with store.open_input_stream(info.path) as stream:
                path.write_bytes(stream.read())
    except (OSError, pa.ArrowException) as exc:
        raise ResultsError(
            f"cannot read s3://{source}: {_first_line(exc)}; check the address and the credentials"
        ) from exc
    return folder


def _listed(store: fs.FileSystem, base: str) -> Iterator[fs.FileInfo]:
    for info in store.get_file_info(fs.FileSelector(base, recursive=True, allow_not_found=True)):
        if info.type == fs.FileType.File:
            yield info


def _parts(path: Path) -> tuple[str, str, str]:
    found = _ADDRESS.fullmatch(str(path))
    if not found or ".." in Path(found[3]).parts:
        raise ResultsError(f"{path} is no address such as s3://bucket/prefix")
    return found[1], found[2], found[3].strip("/")


def _store(path: Path) -> tuple[fs.FileSystem, str]:
    """Return the store of an address and the place in it; credentials and region are AWS's own variables."""
    _, bucket, prefix = _parts(path)
    given = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    options = {}
    if given:
        endpoint = urlsplit(given)
        options = {"endpoint_override": endpoint.netloc, "scheme": endpoint.scheme}
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    if region:
        options["region"] = region
    return fs.S3FileSystem(**options), f"{bucket}/{prefix}".rstrip("/")


def _first_line(exc: BaseException) -> str:
    said = str(exc).strip()
    return said.splitlines()[0][:300] if said else type(exc).__name__

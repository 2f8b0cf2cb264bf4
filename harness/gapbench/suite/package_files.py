"""Files and versions of installed packages whose data are tasks; nothing of them is imported."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, distribution, version
from pathlib import Path, PurePosixPath

from gapbench.errors import SetupError
from gapbench.values import canonical_json, sha256


def read_package_file(file: Path, install_hint: str) -> bytes:
    """Return the content of a file of a package.

    Args:
        file: The file.
        install_hint: How to install the package, for the error.

    Raises:
        SetupError: It cannot be read.
    """
    try:
        return file.read_bytes()
    except OSError as exc:
        raise SetupError(f"cannot read {file}: {exc.strerror}; {install_hint}") from exc


def installed_version(package: str) -> str:
    """Return the version of an installed package; "unknown" where it has no metadata."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"


def installed_sha256(package: str) -> str:
    """Return a hash of an installed package's files by the hashes that its wheel lists; "unknown" without metadata."""
    try:
        files = distribution(package).files or []
    except PackageNotFoundError:
        return "unknown"
    own = {file.as_posix(): file.hash.value for file in files if file.hash and not _is_of_installer(file)}
    return sha256(canonical_json(sorted(own.items())))


def _is_of_installer(file: PurePosixPath) -> bool:
    """Return whether a file says how and where the package was installed, and nothing of what it is."""
    return ".dist-info" in file.parts[0] or file.parts[0] == ".." or file.suffix == ".pyc"

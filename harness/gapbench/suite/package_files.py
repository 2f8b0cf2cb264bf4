"""Files and versions of installed packages whose data are tasks; nothing of them is imported."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from gapbench.errors import SetupError


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

"""Write a file that the user named on the command line."""

from __future__ import annotations

from pathlib import Path


def write_output_file(path: Path, content: str | bytes, *, append: bool = False) -> None:
    """Write text to a file, and create its folder if missing.

    Args:
        path: The file.
        content: What to write; text as UTF-8.
        append: Whether to keep what the file already holds.

    Raises:
        ResultsError: The file cannot be written.
    """
    from gapbench.errors import ResultsError

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab" if append else "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
    except OSError as exc:
        raise ResultsError(f"cannot write {path}: {exc.strerror}; choose another place") from exc

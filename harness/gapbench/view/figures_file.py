"""Where the figures of a run are kept. Computing them takes pandas and scipy, which the server itself never imports."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson

from gapbench.pricing import price_book_version
from gapbench.pricing.price_file import user_price_file
from gapbench.view.cache import ViewCache
from gapbench.view.run_files import fingerprint


def figures_path(run: Path, cache: ViewCache) -> Path:
    """Return where the figures of a run are kept, whether they were computed or not.

    The name has the version of the price book, and a hash of the user's own: other prices give other costs.
    """
    own = user_price_file()
    version = price_book_version().replace(" ", "-") + ("" if own is None else f"-{_hash(own)}")
    return cache.place(run, fingerprint(run)) / f"figures-{version}.json"


def _hash(file: Path) -> str:
    return sha256(file.read_bytes()).hexdigest()[:12]


def read_figures(run: Path, cache: ViewCache) -> dict[str, Any] | None:
    """Return the figures of a run as it is now, or None if they were not computed yet."""
    try:
        found: dict[str, Any] = orjson.loads(figures_path(run, cache).read_bytes())
    except (OSError, ValueError):
        return None
    return found

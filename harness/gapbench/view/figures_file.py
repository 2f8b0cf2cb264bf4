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


def figures_path(run: Path, cache: ViewCache, mark: str = "", prices: str = "") -> Path:
    """Return where the figures of a run are kept, whether they were computed or not.

    The name has the version of the prices: other prices give other costs.

    Args:
        run: The run folder.
        cache: The cache folder.
        mark: The run's fingerprint. "": it is computed.
        prices: What :func:`prices_version` returned. "": it is computed.
    """
    return cache.place(run, mark or fingerprint(run)) / f"figures-{prices or prices_version()}.json"


def prices_version() -> str:
    """Return the version of the price book, with a hash of the user's own if there is one."""
    own = user_price_file()
    return price_book_version().replace(" ", "-") + ("" if own is None else f"-{_hash(own)}")


def _hash(file: Path) -> str:
    return sha256(file.read_bytes()).hexdigest()[:12]


def read_figures(run: Path, cache: ViewCache, mark: str = "", prices: str = "") -> dict[str, Any] | None:
    """Return the figures of a run at a fingerprint, or None if they were not computed yet; see :func:`figures_path`."""
    try:
        found: dict[str, Any] = orjson.loads(figures_path(run, cache, mark, prices).read_bytes())
    except (OSError, ValueError):
        return None
    return found

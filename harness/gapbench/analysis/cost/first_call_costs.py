"""What the small calls before a run cost; they have no rows, so no table of attempts has them."""

from __future__ import annotations

from collections.abc import Iterable

from gapbench import formatting
from gapbench.store import RunManifest


def first_calls_usd(manifests: Iterable[RunManifest]) -> float | None:
    """Return the US dollars of all small calls before the sessions of runs. None: there were none with a price."""
    known = [call.usd for manifest in manifests for call in manifest.first_calls if call.usd is not None]
    return sum(known) if known else None


def first_calls_note(manifests: Iterable[RunManifest]) -> list[str]:
    """Return a line on what the small calls before runs cost; [] if they cost nothing that is known."""
    usd = first_calls_usd(manifests)
    if usd is None:
        return []
    return [
        f"the first calls to the models cost {formatting.format_usd(usd)} more; they are not attempts and in no row"
    ]

"""The options that give finished runs other prices, shared by every command that shows dollars."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from gapbench.analysis.frames import Runs
    from gapbench.analysis.weighting import Weighting

T = TypeVar("T")
_FILE = click.Path(path_type=Path, dir_okay=False)
_OPTIONS = (
    click.option(
        "--price",
        "price_settings",
        multiple=True,
        metavar="MODEL.KEY=VALUE",
        help="Another price for a model, such as llama.usd_per_gpu_hour=2.35. Repeatable.",
    ),
    click.option(
        "--suite",
        "price_suite",
        type=_FILE,
        metavar="FILE",
        help="Take the cost: of each model from this suite.",
    ),
    click.option(
        "--prices",
        "price_files",
        type=_FILE,
        multiple=True,
        metavar="FILE",
        help="A file of your own prices, above the suite's. Repeatable.",
    ),
)


@dataclass(frozen=True, slots=True)
class PriceOptions:
    """Other prices, as the command line gives them.

    Attributes:
        settings: Texts such as ``llama.usd_per_gpu_hour=2.35``.
        suite: A suite whose costs replace those of the run. None: those of the run.
    """

    settings: tuple[str, ...] = ()
    suite: Path | None = None

    def read_runs(
        self,
        folders: Sequence[Path],
        columns: Collection[str] | None = None,
        weighting: Weighting | None = None,
    ) -> Runs:
        """Return runs with these prices.

        Args:
            folders: The run folders.
            columns: See :func:`gapbench.analysis.frames.load_runs`.
            weighting: See :class:`gapbench.analysis.frames.Runs`.

        Raises:
            InputError: A price names no model of the runs, or no key of a cost.
            ResultsError: A folder is not a run.
        """
        from gapbench.analysis.cost.price_changes import PriceSetting, change_prices
        from gapbench.analysis.frames import load_runs

        settings = [PriceSetting.parse(text) for text in self.settings]
        runs = change_prices(load_runs(folders, columns=columns), settings, self.suite)
        return replace(runs, weighting=weighting)

    def read_pair(
        self, base: Sequence[Path], new: Sequence[Path], weighting: Weighting | None = None
    ) -> tuple[Runs, Runs]:
        """Return two groups of runs with these prices. A model need be in one of them only.

        Args:
            base: The run folders of the first group.
            new: Those of the second.
            weighting: See :class:`gapbench.analysis.frames.Runs`.

        Raises:
            InputError: A price names no model of either, or no key of a cost.
            ResultsError: A folder is not a run.
        """
        from gapbench.analysis.cost.price_changes import PriceSetting, change_prices
        from gapbench.analysis.frames import load_runs

        settings = [PriceSetting.parse(text) for text in self.settings]
        before, after = load_runs(base), load_runs(new)
        unknown = [one for one in settings if one.model_id not in {*before.models, *after.models}]
        first, second = (
            change_prices(
                runs, [one for one in settings if one.model_id in runs.models or one in unknown], self.suite
            )
            for runs in (before, after)
        )
        return replace(first, weighting=weighting), replace(second, weighting=weighting)


def price_options(command: Callable[..., T]) -> Callable[..., T]:
    """Add ``--price``, ``--suite`` and ``--prices`` to a command, which gets them as the argument ``prices``."""

    @functools.wraps(command)
    def wrapped(*args: Any, **given: Any) -> T:
        settings, suite, files = (
            given.pop(name) for name in ("price_settings", "price_suite", "price_files")
        )
        if files:
            from gapbench.pricing import price_files

            click.get_current_context().with_resource(price_files(files))
        return command(*args, prices=PriceOptions(settings, suite), **given)

    for option in reversed(_OPTIONS):
        wrapped = option(wrapped)
    return wrapped

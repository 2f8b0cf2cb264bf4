"""`bench report --brief`: one page for someone who decides."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gapbench.commands.price_options import PriceOptions
    from gapbench.report.brief import Brief
    from gapbench.report.results import ResultTables

FORMATS = (".html", ".md", ".pdf")


def write_brief(results: ResultTables, path: Path, volume: str | None, prices: PriceOptions) -> None:
    """Write the page in the format that the file's name asks for.

    Args:
        results: The results.
        path: The file, ending in ``.html``, ``.md`` or ``.pdf``.
        volume: Tokens or requests in a month. None: the default of `bench tco`.
        prices: The prices of the command line, of which a suite's ``tco:`` block is used.

    Raises:
        InputError: The name has another ending, or the volume is no amount.
        ResultsError: The file cannot be written.
    """
    from gapbench.commands.output_file import write_output_file
    from gapbench.errors import InputError
    from gapbench.report.brief import brief_html, brief_markdown

    kind = path.suffix.lower()
    if kind not in FORMATS:
        raise InputError(f"--brief {path}: found the ending {kind or 'none'!r}; expected .html, .md or .pdf")
    brief = build_brief(results, volume, prices)
    if kind == ".pdf":
        from gapbench.report.brief_pdf import brief_pdf

        write_output_file(path, brief_pdf(brief))
    else:
        write_output_file(path, brief_html(brief) if kind == ".html" else brief_markdown(brief))


def build_brief(results: ResultTables, volume: str | None, prices: PriceOptions) -> Brief:
    """Return the content of the page, with the recommendation and the monthly costs of `bench advise`."""
    from gapbench.analysis.economics.advise import advise
    from gapbench.analysis.economics.run_money import measure_money
    from gapbench.analysis.economics.situation import Situation
    from gapbench.analysis.economics.sizing import MTOK
    from gapbench.analysis.economics.tco import tco
    from gapbench.analysis.economics.volume import tokens_per_request, volume_mtok
    from gapbench.commands.tco import scenario_from_options, suite_and_prices
    from gapbench.report.brief import make_brief

    money = measure_money(results.runs)
    if money.quality is None:
        return make_brief(results)
    document, _ = suite_and_prices(None, prices, has_run=True)
    scenario = scenario_from_options(document, run=money.legs)
    volume_of_month = volume_mtok(volume or document.block.volume, scenario)
    answer = tco(scenario, volume_of_month, v_max_mtok=volume_mtok(document.block.v_max, scenario))
    advice = advise(Situation(), answer, money.quality, money.tiers)
    requests = volume_of_month * MTOK / tokens_per_request(scenario)
    return make_brief(results, advice, volume_of_month, requests)

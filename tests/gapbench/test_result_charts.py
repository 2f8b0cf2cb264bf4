"""The charts of the Python API: their files, sizes, titles and labels."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

import gapbench as gb
from gapbench.errors import InputError, ResultsError
from tests.run_folders import make_answers, write_run


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run of a closed model that is right 16 times of 20 and an open one with 11."""
    return write_run(tmp_path / "run-1", [*make_answers("closed-a", 16, 20), *make_answers("open-a", 11, 20)])


@pytest.mark.parametrize("plot", ["plot_gap", "plot_cost", "plot_latency", "plot_accuracy"])
def test_a_plot_has_the_size_and_title_that_are_asked_for(run: Path, tmp_path: Path, plot: str) -> None:
    """Finding 38: 8 x 4.5 inches are 800 x 450 units, and 1600 x 900 pixels at two pixels to a unit; PDF is a format too."""
    chart = getattr(gb.read(run), plot)(title="Tickets <June> & July", size_in=(8, 4.5))
    svg = ET.fromstring(chart.save(tmp_path / "made" / "chart.svg").read_text(encoding="utf-8"))

    assert ("800", "450") == (svg.attrib["width"], svg.attrib["height"])
    assert "Tickets <June> & July" in [text.text for text in svg.iter("{http://www.w3.org/2000/svg}text")]
    with Image.open(chart.save(tmp_path / "chart.PNG")) as image:
        assert (1600, 900) == image.size
    assert chart.save(tmp_path / "chart.pdf").read_bytes().startswith(b"%PDF")


def test_a_plot_file_of_another_kind_is_refused(run: Path, tmp_path: Path) -> None:
    """And a place that cannot be written, and a size that is none."""
    results = gb.read(run)
    (tmp_path / "file").touch()

    with pytest.raises(InputError, match=r"its name must end in \.svg, \.png, \.pdf"):
        results.plot_gap().save(tmp_path / "gap.jpg")
    with pytest.raises(ResultsError, match="choose another place"):
        results.plot_gap().save(tmp_path / "file" / "gap.svg")
    with pytest.raises(InputError, match="give width and height in inches, each from 1 to 100"):
        results.plot_gap(size_in=(800, 450))
    with pytest.raises(InputError, match="expected response_s or ttft_s"):
        results.plot_latency("latency_s")  # type: ignore[arg-type] # as a user may write


def test_no_name_is_cut_off_at_an_edge(
    tmp_path: Path, boxes: Callable[[ET.Element], list[tuple[float, ...]]]
) -> None:
    """Finding 38: every text of every chart stands within it, also long names and in a small chart."""
    long = "closed-with-a-very-long-name-2026-11-01"
    run = write_run(tmp_path / "run-1", [*make_answers(long, 16, 20), *make_answers("open-a", 11, 20)])
    results = gb.read(run)
    for plot in (results.plot_gap, results.plot_cost, results.plot_latency, results.plot_accuracy):
        for size_in in (None, (4.0, 3.0), (12.0, 6.0)):
            svg = ET.fromstring(
                plot(title="A title of a chart that is too long for one line", size_in=size_in).to_svg()
            )
            left, top, width, height = map(float, svg.attrib["viewBox"].split())
            for x0, y0, x1, y1 in boxes(svg):
                assert left + 3 <= x0, (plot.__name__, size_in)
                assert x1 <= left + width - 3, (plot.__name__, size_in)
                assert top <= y0, (plot.__name__, size_in)
                assert y1 <= top + height, (plot.__name__, size_in)


@pytest.fixture
def boxes() -> Callable[[ET.Element], list[tuple[float, ...]]]:
    """Return a function that gives the boxes of the texts of a chart, at 0.55 em for a character."""

    def measure(svg: ET.Element) -> list[tuple[float, ...]]:
        found: list[tuple[float, ...]] = []
        for text in svg.iter("{http://www.w3.org/2000/svg}text"):
            if "transform" in text.attrib:
                continue  # the watermark
            size = float(text.attrib["font-size"])
            x, y, wide = float(text.attrib["x"]), float(text.attrib["y"]), 0.55 * size * len(text.text or "")
            start = {"middle": x - wide / 2, "end": x - wide}.get(text.attrib.get("text-anchor", ""), x)
            found.append((start, y - 0.8 * size, start + wide, y + 0.2 * size))
        return found

    return measure


def test_dollars_on_an_axis_are_plain(tmp_path: Path) -> None:
    """Finding 38: it read 10⁻⁴. Costs over several powers of ten have no exponent and no trailing zeros."""
    prices = {"closed_a": 1.0, "open_a": 0.01}
    run = write_run(
        tmp_path / "run-1",
        [*make_answers("closed-a", 16, 20), *make_answers("open-a", 11, 20)],
        **{
            name: {"cost": {"input_usd_per_mtok": usd, "output_usd_per_mtok": 0}}
            for name, usd in prices.items()
        },
    )
    svg = ET.fromstring(gb.read(run).plot_cost().to_svg())
    ticks = [
        text.text or ""
        for text in svg.iter("{http://www.w3.org/2000/svg}text")
        if (text.text or "")[0] == "$"
    ]
    amounts = [tick for tick in ticks if tick[1:2].isdigit()]

    assert len(amounts) >= 2
    assert not any("e" in tick or (("." in tick) and tick.endswith("0")) for tick in amounts)

"""Draws the README's pictures from the reference run: the gap table as the terminal shows it, and the page.

Run with ``make pictures``. The page needs Chromium; without one only the table is drawn.
"""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import DIMMED_MONOKAI

from harness.analysis.gap import gap
from harness.report import html, text

ROOT = Path(__file__).parents[1]
PICTURES = ROOT / "docs" / "pictures"
WIDTHS = {"wide": (1280, 1000), "phone": (390, 1400)}


def runs() -> list[Path]:
    """Return the reference run's folder."""
    return sorted(path.parent for path in (ROOT / "results" / "reference").glob("*/run.json"))


def table() -> Path:
    """Write the gap table as SVG, its font the reader's own: nothing is loaded from elsewhere."""
    console = Console(record=True, width=92, file=io.StringIO(), force_terminal=True)
    console.print(text.gap_table(gap(runs())))
    drawn = console.export_svg(title="bench gap", theme=DIMMED_MONOKAI)
    drawn = re.sub(r"@font-face \{.*?\}\s*", "", drawn, flags=re.DOTALL)
    path = PICTURES / "gap-table.svg"
    path.write_text(drawn.replace("Fira Code", "monospace"), encoding="utf-8")
    return path


def page() -> list[Path]:
    """Write the page's pictures: wide and phone, light and dark. [] without Chromium."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        return []
    written = []
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "page.html"
        source.write_text(html.report(runs()), encoding="utf-8")
        for name, (width, height) in WIDTHS.items():
            for scheme in ("light", "dark"):
                path = PICTURES / f"page-{name}-{scheme}.png"
                dark = ["--blink-settings=preferredColorScheme=0"] if scheme == "dark" else []
                subprocess.run(
                    [
                        chromium, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
                        "--disable-background-networking", "--disable-component-update", "--disable-sync",
                        "--hide-scrollbars", f"--user-data-dir={folder}/profile-{name}-{scheme}", *dark,
                        f"--window-size={width},{height}", f"--screenshot={path}", source.as_uri(),
                    ],
                    check=True,
                    capture_output=True,
                )  # fmt: skip
                written.append(path)
    return written


def main() -> None:
    """Draw all."""
    if not runs():
        sys.exit("no reference run in results/reference")
    PICTURES.mkdir(parents=True, exist_ok=True)
    for path in [table(), *page()]:
        print(path.relative_to(ROOT))


if __name__ == "__main__":
    main()

"""The page's own files: its HTML, style sheets, icon, and its one script."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

from gapbench.report.style_sheets import read_style_sheet, read_template

SHARED_SHEETS = ("palette.css", "trend.css", "episode.css")
"""Style sheets of the report that the page uses as well."""
SCRIPT = "app.js"
_MODULES = (
    "dom", "store", "route", "keys", "word_diff", "charts", "tables", "tabs", "episode", "static_store", "notes", "answers", "matrix",
    "samples", "run", "runs", "trend", "compare", "search", "app",
)  # fmt: skip
"""The modules of the page, each after those that it imports from."""
_SHARED_MODULE = "episode.js"
"""The module that the page of the report uses as well."""


@cache
def static_text(name: str) -> str:
    """Return one of the page's own files. The colors and the charts of trends are the report's.

    Raises:
        FileNotFoundError: There is none of this name.
    """
    if name in SHARED_SHEETS:
        return read_style_sheet(name)
    return page_script() if name == SCRIPT else _source(name)


@cache
def page_script(*, exported: bool = False) -> str:
    """Return the modules of the page as one classic script: a page has one request to wait for, and opens from disk.

    Args:
        exported: Whether the data comes from files next to the page.
    """
    parts = []
    for name in _MODULES:
        text = re.sub(r"^import .*;\n", "", _source(f"{name}.js"), flags=re.MULTILINE)
        parts.append(f"// {name}.js\n" + re.sub(r"^export ", "", text, flags=re.MULTILINE))
    start = "openView();\n"
    *rest, app = parts
    assert app.endswith(start), "app.js ends by opening the first view"
    begin = "useStore(staticStore());\n" + start if exported else start
    body = "\n".join([*rest, app.removesuffix(start), begin])
    return f'"use strict";\n(() => {{\n{body}}})();\n'


def _source(name: str) -> str:
    if name == _SHARED_MODULE:
        return read_template(name)
    return (files("gapbench.view") / "static" / name).read_text(encoding="utf-8")

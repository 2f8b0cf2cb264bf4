"""The style sheets of the pages, each once: ``palette.css`` has all colors, the others only use their names.

``bench view`` serves ``palette.css``, ``trend.css`` and ``episode.css`` next to its own style sheet.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files


def read_style_sheet(name: str) -> str:
    """Return a style sheet by its name, such as ``palette.css``."""
    return read_template(name)


@cache
def read_template(name: str) -> str:
    """Return a file of the folder of templates by its name, such as ``episode.js``."""
    return (files("gapbench.report") / "templates" / name).read_text(encoding="utf-8")


@cache
def light_colors() -> Mapping[str, str]:
    """Return the light colors by name."""
    light = read_style_sheet("palette.css").partition("}")[0]
    return dict(re.findall(r"--([\w-]+): (#[0-9a-f]+);", light))

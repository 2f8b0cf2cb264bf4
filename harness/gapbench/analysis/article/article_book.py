"""What the article claims, and the moments at which its claims are looked up: the content of ``data/article.yaml``."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

import yaml


class GapClaim(NamedTuple):
    """A quality figure of the article.

    Attributes:
        metric: Its name in the article.
        category: Category of the evidence and of a run's tasks.
        year: The year that the claim is about.
        claim: The claimed gap, in ``unit``.
        unit: ``percent`` or ``elo``.
    """

    metric: str
    category: str
    year: int
    claim: float
    unit: str


class Moment(NamedTuple):
    """A window of dates that represents a part of a year."""

    name: str
    year: int
    start: date
    end: date


class ArticleBook(NamedTuple):
    """The content of ``data/article.yaml``.

    Attributes:
        claims: The article's figures.
        moments: The windows in which evidence is looked up.
        errors: Factual errors of the article: id, said, found, sources.
    """

    claims: tuple[GapClaim, ...]
    moments: tuple[Moment, ...]
    errors: tuple[Mapping[str, Any], ...]


@cache
def load_article_book() -> ArticleBook:
    """Return the content of the packaged ``article.yaml``."""
    with files("gapbench.analysis.article.data").joinpath("article.yaml").open(encoding="utf-8") as file:
        content = yaml.safe_load(file)
    return ArticleBook(
        tuple(GapClaim(**{**row, "claim": float(row["claim"])}) for row in content["claims"]),
        tuple(Moment(row["name"], row["year"], row["from"], row["to"]) for row in content["moments"]),
        tuple(content["errors"]),
    )

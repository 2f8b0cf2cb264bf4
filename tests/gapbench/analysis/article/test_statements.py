"""Every statement of the article has its row: claim, finding, verdict, source."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from genai_prices.data import providers

from gapbench.analysis.article.article import Article, check_article
from gapbench.analysis.article.article_book import Moment, load_article_book
from gapbench.analysis.article.claims_audit import audit_claims
from gapbench.analysis.article.evidence import read_evidence
from gapbench.analysis.article.published_gaps import PublishedGap, published_gaps
from gapbench.analysis.article.statements import OWN_VERDICTS, TOPICS, Statement
from gapbench.analysis.article.yearly_lead import check_yearly_lead

ROOT = Path(__file__).parents[4]
LISTED = {
    "gap table, 4 rows x 2 years": [f"{row}-{year}" for row in ("arena", "coding", "reasoning", "multimodal") for year in (2024, 2026)],
    "1.7 % on Arena, 15 to 20 % in 2024": ["arena-percent", "fifteen-to-twenty", "percent-without-unit"],
    "open model facts": ["deepseek-v3-size", "llama-3.3-405b", "qwen-2.5-max-open", "mistral-large-2-open", "models-compared"],
    "prices 15/75, 10/30, 7/21": ["price-claude-opus-4-6", "price-gpt-5.2", "price-gemini-3-pro", "price-closed-mean"],
    "context 1M and 2M": ["context-gpt-5.2", "context-gemini-3-pro"],
    "$0.30, 83x, 10-50x, $0.20-0.50": ["price-self-hosted", "cheaper-83x", "cheaper-10-50x", "price-self-hosted-range"],
    "break-even, savings": ["break-even-50m", "saving-2-4m"],
    "TCO table": ["tco-api", "tco-api-rows", "tco-self-hosted"],
    "hidden costs": ["hidden-costs", "hidden-updates"],
    "hardware": ["servers", "hardware-8xh100", "hardware-4xa100", "storage-2tb", "network-100g", "software-stack"],
    "thresholds, API under 20M": ["threshold-10m", "threshold-20m", "threshold-50m"],
    "sensitivity, 3 levels": ["sensitivity-public", "sensitivity-internal", "sensitivity-regulated"],
    "customisation, 3 levels": ["customisation-none", "customisation-prompts", "customisation-fine-tuning"],
    "unpredictable scale": ["unpredictable-scale"],
    "5 priorities": ["speed-to-market", "cutting-edge", "enterprise-support", "transparency", "cost-predictability"],
    "strategic questions": ["strategic-questions"],
    "tiers 1 to 3": ["tier-1", "tier-2", "tier-3"],
    "pilot steps 1 to 5": [f"pilot-{step}" for step in range(1, 6)],
}  # fmt: skip
"""The statements of the article, as an audit of it listed them."""


@pytest.fixture(scope="module")
def article() -> Article:
    return check_article()


@pytest.fixture(scope="module")
def by_id(article: Article) -> dict[str, Statement]:
    return {one.id: one for one in article.statements}


def test_every_listed_statement_has_its_row(article: Article) -> None:
    """Each once, and none besides."""
    ids = [one.id for one in article.statements]

    assert sorted(one for listed in LISTED.values() for one in listed) == sorted(ids)


def test_every_row_is_whole(article: Article) -> None:
    """Claim, finding, a known verdict and a source; the order is that of the topics."""
    known = {*OWN_VERDICTS, "supported", "partly", "contradicts itself", "impossible"}
    for one in article.statements:
        assert all((one.claim, one.found, one.sources)), one.id
        assert one.verdict in known, one.id
    topics = list(dict.fromkeys(one.topic for one in article.statements))
    assert list(TOPICS) == topics


def test_cited_documents_exist(article: Article) -> None:
    """A source of ours is a page of these documents."""
    for one in article.statements:
        for source in one.sources:
            if source.startswith("docs/"):
                assert (ROOT / source.partition("#")[0].partition(",")[0]).is_file(), source


def test_statements_of_the_figures_have_the_verdicts_of_the_table(
    article: Article, by_id: dict[str, Statement]
) -> None:
    """The eight figures, with their medians in words."""
    for row in article.rows:
        statement = by_id[f"{row.claim.category}-{row.claim.year}"]
        assert row.verdict == statement.verdict
    assert (
        "Median of the published gaps: mid-2024 9.5 points (2.2 to 16.8) or 14.7 % (2.8 to 26.6); "
        "end of 2024 7.9 points (1.8 to 12.6) or 11.4 % (2.0 to 58.4)."
    ) == by_id["coding-2024"].found


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        (
            "price-claude-opus-4-6",
            "is $5 / $25: the article's is 3 times the input and 3 times the output price.",
        ),
        (
            "price-gpt-5.2",
            "is $1.75 / $14: the article's is 5.7 times the input and 2.1 times the output price.",
        ),
        (
            "price-gemini-3-pro",
            "is $2 / $12: the article's is 3.5 times the input and 1.8 times the output price.",
        ),
    ],
)
def test_each_price_is_compared_with_the_price_book(
    by_id: dict[str, Statement], statement: str, found: str
) -> None:
    """15/5 and 75/25; 10/1.75 and 30/14; 7/2 and 21/12, at the article's date."""
    assert by_id[statement].found.endswith(found)
    assert "contradicted" == by_id[statement].verdict


def test_the_context_of_gpt_5_2_is_that_of_the_price_package(by_id: dict[str, Statement]) -> None:
    """genai-prices has 400,000 tokens."""
    models = {
        model.id: model for provider in providers if provider.id == "openai" for model in provider.models
    }

    assert 400_000 == models["gpt-5.2"].context_window
    assert by_id["context-gpt-5.2"].found.startswith("400,000 tokens")


def test_verdicts_of_joined_claims_are_those_of_their_checks(by_id: dict[str, Statement]) -> None:
    """The audit joins three thresholds in row 11 and two servers in row 12; each has its own check."""
    checks = {claim.id: list(claim.checks.values()) for claim in audit_claims()}

    assert ([True, False], [False, True]) == (checks["11"], checks["12"])
    assert ["holds", "holds", "contradicts itself"] == [
        by_id[f"threshold-{step}m"].verdict for step in (10, 20, 50)
    ]
    assert ["contradicted", "holds"] == [by_id[f"hardware-{name}"].verdict for name in ("8xh100", "4xa100")]


def test_no_statement_puts_a_licence_into_the_articles_mouth(
    article: Article, by_id: dict[str, Statement]
) -> None:
    """It gives DeepSeek V3 671B parameters, which is right, and no licence."""
    said = [*(one.claim for one in article.statements), *(error["said"] for error in article.errors)]

    assert not [claim for claim in said if "MIT" in claim]
    assert "holds" == by_id["deepseek-v3-size"].verdict


def test_the_statements_are_in_the_json(article: Article) -> None:
    """With claim, finding, verdict and sources."""
    found = json.loads(json.dumps(article.to_json()))["statements"]

    assert len(article.statements) == len(found)
    assert ["id", "topic", "claim", "found", "verdict", "sources"] == list(found[0])


GAPS = published_gaps(read_evidence())
MOMENTS = (
    Moment("mid-2024", 2024, date(2024, 6, 1), date(2024, 8, 31)),
    Moment("end of 2024", 2024, date(2024, 12, 1), date(2024, 12, 31)),
    Moment("early 2026", 2026, date(2026, 1, 1), date(2026, 3, 31)),
)


def gaps(mid: list[float], end: list[float]) -> list[PublishedGap]:
    base = next(gap for gap in GAPS if gap.unit == "percent" and not gap.vendor_table)
    days = [(date(2024, 7, 1), value) for value in mid] + [(date(2024, 12, 1), value) for value in end]
    return [
        replace(base, benchmark=f"list {number}", as_of=day, gap_percent_of_closed=value)
        for number, (day, value) in enumerate(days)
    ]


@pytest.mark.parametrize(
    ("mid", "end", "verdict"),
    [
        ([17, 18, 19], [16, 17, 18], "supported"),
        ([13.3], [13.4], "partly"),
        ([40], [17], "partly"),
        ([5, 6, 7], [40, 50, 60], "contradicted"),
        ([-3], [-4], "contradicted"),
        ([], [], "not testable"),
    ],
)
def test_the_lead_of_2024_by_the_factor_of_the_table(
    mid: list[float], end: list[float], verdict: str
) -> None:
    """Both ends, 15 and 20 %, within 1.5 of each median: supported; 20 / 13.3 = 1.504 is not; none: contradicted."""
    assert verdict == check_yearly_lead(gaps(mid, end), MOMENTS).verdict


def test_the_lead_of_2024_over_the_packaged_lists() -> None:
    """By hand, in percent of closed: mid-2024 -42.7, 2.8, 5.8, 10.9, 15.6, 22.9, 26.2, 26.6; at its end 2.0 to 78.4."""
    lead = check_yearly_lead(GAPS, load_article_book().moments)

    assert (
        "mid-2024 13.3 % (-42.7 to 26.6, 8 lists); end of 2024 13.4 % (2.0 to 78.4, 11 lists). 1 of the 19 gaps lies"
        in lead.found
    )
    assert "partly" == lead.verdict

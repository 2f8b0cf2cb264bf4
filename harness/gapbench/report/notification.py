"""Messages for chat and for other programs: a regression, or a change that a night brought to light.

Payloads are those of Slack's incoming webhooks (``text``, and ``blocks`` of plain text), of Teams workflows (a message with
an adaptive card), or one plain JSON object. Names come from suites and servers, so all text is sent as plain text: no
link, mention or markup in it takes effect.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlsplit

from gapbench import formatting
from gapbench.analysis.regression.compare import Comparison
from gapbench.analysis.regression.trend import Trend
from gapbench.report.regression import comparison_headline, power_lines, rule_lines
from gapbench.report.tables.trend import change_sentences, headline
from gapbench.store.json_records import to_json_value

Format = Literal["slack", "teams", "json"]
FORMATS: tuple[Format, ...] = ("slack", "teams", "json")
_SLACK_HOSTS = ("hooks.slack.com", "hooks.slack-gov.com")
_TEAMS_HOSTS = (
    ".logic.azure.com", ".api.powerplatform.com", ".webhook.office.com", ".powerautomate.com",
)  # fmt: skip
_MAX_LINES = 20
_MAX_CHARS = 2900
"""Slack refuses a block of more than 3,000 characters."""


@dataclass(frozen=True, slots=True)
class Notice:
    """A message.

    Attributes:
        event: ``regression``, ``broken`` or ``drift``.
        title: One line.
        lines: One sentence each.
        data: Figures, for programs.
        simulated: Whether simulated results are behind it.
    """

    event: Literal["regression", "broken", "drift"]
    title: str
    lines: Sequence[str]
    data: Mapping[str, Any] = field(default_factory=dict)
    simulated: bool = False


def comparison_notice(comparison: Comparison) -> Notice | None:
    """Return the message about a comparison. None: it passed."""
    if comparison.verdict == "pass":
        return None
    lines = [*rule_lines(comparison), *power_lines(comparison)]
    return Notice(
        comparison.verdict,
        comparison_headline(comparison),
        lines,
        {"base": comparison.base, "new": comparison.new},
        comparison.simulated,
    )


def drift_notice(trend: Trend) -> Notice | None:
    """Return the message about what the last night brought to light. None: nothing."""
    sentences = [
        line for change, line in zip(trend.changes, change_sentences(trend), strict=True) if change.is_new
    ]
    if not sentences:
        return None
    mark = f" ({formatting.SIMULATED})" if trend.simulated else ""
    changes = [
        {name: to_json_value(value) for name, value in dataclasses.asdict(change).items()}
        for change in trend.new_changes
    ]
    return Notice("drift", headline(trend) + mark, sentences, {"suite": trend.suite, "changes": changes}, trend.simulated)  # fmt: skip


def guess_format(url: str) -> Format:
    """Return the format that a webhook's address asks for: Slack's and Teams' hosts are known, all others get JSON."""
    host = urlsplit(url).hostname or ""
    if host in _SLACK_HOSTS:
        return "slack"
    return "teams" if host.endswith(_TEAMS_HOSTS) else "json"


def payload(notice: Notice, form: Format) -> dict[str, Any]:
    """Return the JSON to send.

    Sources, read in November 2026: Slack, "Sending messages using incoming webhooks"; Microsoft, "Create incoming webhooks with
    Workflows for Microsoft Teams" and the schema of adaptive cards 1.4 (a TextRun is not read as Markdown).
    """
    title = formatting.strip_controls(notice.title)
    lines = [formatting.strip_controls(line) for line in notice.lines]
    if len(lines) > _MAX_LINES:
        lines = [*lines[:_MAX_LINES], f"and {len(lines) - _MAX_LINES} more"]
    if form == "slack":
        return _slack(title, lines)
    if form == "teams":
        return _teams(title, lines)
    return {
        "schema": 1,
        "source": "gapbench",
        "event": notice.event,
        "title": title,
        "lines": lines,
        "simulated": notice.simulated,
        "data": dict(notice.data),
    }


def _slack(title: str, lines: Sequence[str]) -> dict[str, Any]:
    def block(text: str) -> dict[str, Any]:
        text = text if len(text) <= _MAX_CHARS else f"{text[:_MAX_CHARS]}…"
        return {"type": "section", "text": {"type": "plain_text", "text": text, "emoji": False}}

    # The text is read as markup, where these three have to be escaped. It is what a phone's notification shows.
    escaped = title.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return {"text": escaped[:_MAX_CHARS], "blocks": [block(text) for text in (title, *lines) if text]}


def _teams(title: str, lines: Sequence[str]) -> dict[str, Any]:
    def block(text: str, weight: str) -> dict[str, Any]:
        return {
            "type": "RichTextBlock",
            "inlines": [{"type": "TextRun", "text": text[:_MAX_CHARS], "weight": weight}],
        }

    body = [block(title, "Bolder"), *(block(line, "Default") for line in lines if line)]
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": body,
    }
    return {
        "type": "message",
        "attachments": [
            {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
        ],
    }

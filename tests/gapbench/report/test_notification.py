"""Payloads for Slack, Teams and programs."""

from __future__ import annotations

import pytest

from gapbench.report.notification import Notice, guess_format, payload

HOSTILE = "<!channel> <http://evil|click> *bold* [link](http://evil) & `x`\x1b[31m"
NOTICE = Notice(
    "drift", f"New: {HOSTILE}", [f"{HOSTILE} fell", "second"], {"suite": "nightly"}, simulated=True
)


@pytest.mark.parametrize(
    ("url", "form"),
    [
        ("https://hooks.slack.com/services/T/B/x", "slack"),
        ("https://prod-1.westeurope.logic.azure.com:443/workflows/x", "teams"),
        ("https://default1.2a.environment.api.powerplatform.com:443/powerautomate/x", "teams"),
        ("https://contoso.webhook.office.com/webhookb2/x", "teams"),
        ("https://hooks.slack.com.evil.example/x", "json"),
        ("http://127.0.0.1:8000/hook", "json"),
    ],
)
def test_the_host_says_which_format_it_takes(url: str, form: str) -> None:
    """A host that only looks like one gets plain JSON."""
    assert form == guess_format(url)


def test_slack_gets_plain_text_blocks() -> None:
    """Only the fallback text is markup, with the three characters escaped that Slack's markup knows."""
    sent = payload(NOTICE, "slack")

    assert {"plain_text"} == {block["text"]["type"] for block in sent["blocks"]}
    assert 3 == len(sent["blocks"])
    assert "<" not in sent["text"]
    assert "&lt;!channel&gt;" in sent["text"]
    assert "\x1b" not in str(sent)


def test_slack_limits_are_kept() -> None:
    """At most 50 blocks of at most 3,000 characters."""
    sent = payload(Notice("drift", "t" * 9000, ["x" * 9000] * 200), "slack")

    assert len(sent["blocks"]) <= 50
    assert max(len(block["text"]["text"]) for block in sent["blocks"]) <= 3000
    assert "and 180 more" == sent["blocks"][-1]["text"]["text"]


def test_teams_gets_a_message_with_one_adaptive_card() -> None:
    """Text runs, which are not read as Markdown."""
    sent = payload(NOTICE, "teams")
    (attachment,) = sent["attachments"]
    card = attachment["content"]

    assert "message" == sent["type"]
    assert "application/vnd.microsoft.card.adaptive" == attachment["contentType"]
    assert ("AdaptiveCard", "1.4") == (card["type"], card["version"])
    assert {"TextRun"} == {run["type"] for block in card["body"] for run in block["inlines"]}
    assert "second" == card["body"][-1]["inlines"][0]["text"]


def test_programs_get_figures() -> None:
    """One flat object with a version."""
    sent = payload(NOTICE, "json")

    assert (1, "gapbench", "drift", True) == tuple(
        sent[key] for key in ("schema", "source", "event", "simulated")
    )
    assert {"suite": "nightly"} == sent["data"]

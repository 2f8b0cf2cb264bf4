"""Sends one JSON document to a webhook. Anyone who has the address can post, so it is a secret and no message here contains it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import httpx2

from gapbench.errors import InputError

TIMEOUT_S = 10.0
WAIT_S = 1.0
"""Pause before the second try."""
_AGAIN = frozenset((408, 425, 429, 500, 502, 503, 504))


def check_webhook_url(url: str) -> str:
    """Return an address that can be posted to.

    Raises:
        InputError: It is not an http or https address. The message does not repeat it.
    """
    try:
        parts = urlsplit(url.strip())
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise InputError("the webhook is not an address such as https://HOST/PATH (it is not shown, as it may be a secret)")  # fmt: skip
    return url.strip()


def post_json(url: str, document: Mapping[str, Any], *, wait_s: float = WAIT_S) -> str | None:
    """Post a document, and once more if the server or the connection fails. Redirects are not followed.

    Args:
        url: The address.
        document: What to send.
        wait_s: Seconds before the second try.

    Returns:
        None if it was accepted (HTTP 2xx), else why not, without the address.
    """
    problem = ""
    for attempt in range(2):
        if attempt:
            time.sleep(wait_s)
        try:
            # A proxy from the environment is used, as for any other client.
            answer = httpx2.post(url, json=dict(document), timeout=TIMEOUT_S, follow_redirects=False)
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError) as exc:
            # The text of these errors may contain the address.
            problem = f"no answer ({type(exc).__name__})"
            continue
        if answer.is_success:
            return None
        problem = f"HTTP {answer.status_code}"
        if answer.status_code not in _AGAIN:
            return problem
    return f"{problem}, twice"

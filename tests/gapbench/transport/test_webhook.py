"""Posting to a webhook over real HTTP on loopback."""

from __future__ import annotations

import socket

import pytest

from gapbench.errors import InputError
from gapbench.transport.webhook import check_webhook_url, post_json
from tests.local_server import serve


def test_a_document_arrives() -> None:
    """Once, as it is."""
    with serve(lambda *_: (200, "ok")) as server:
        problem = post_json(f"{server.url}/services/T0/B0/secret", {"text": "red"})

    assert problem is None
    assert [("POST", "/services/T0/B0/secret", {"text": "red"})] == server.received


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_failing_server_is_tried_twice(status: int) -> None:
    """And the second answer counts."""
    answers = iter([(status, None), (200, None)])
    with serve(lambda *_: next(answers)) as server:
        problem = post_json(server.url, {}, wait_s=0)

    assert (None, 2) == (problem, len(server.received))


@pytest.mark.parametrize(("status", "tries", "words"), [(404, 1, "HTTP 404"), (302, 1, "HTTP 302"), (500, 2, "HTTP 500, twice")])  # fmt: skip
def test_a_refusal_is_said_without_the_address(status: int, tries: int, words: str) -> None:
    """A redirect is not followed: the address is a secret of one host."""
    with serve(lambda *_: (status, None)) as server:
        problem = post_json(f"{server.url}/secret", {}, wait_s=0)

    assert (words, tries) == (problem, len(server.received))


def test_no_server_is_said_without_the_address() -> None:
    """A port on which nobody listens."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{held.getsockname()[1]}/secret"
    problem = post_json(url, {}, wait_s=0)

    assert "no answer (ConnectError), twice" == problem


@pytest.mark.parametrize("url", ["", "hooks.slack.com/services/secret", "ftp://x/secret", "https:///secret", "http://[secret"])  # fmt: skip
def test_what_is_no_address_is_refused_without_repeating_it(url: str) -> None:
    """It may be a secret with a typing error."""
    with pytest.raises(InputError) as error:
        check_webhook_url(url)

    assert "secret" not in str(error.value).replace("may be a secret", "")

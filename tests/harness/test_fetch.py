"""Images from addresses: what is refused, and what comes back from one that is allowed."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.data import ImageError, read_image
from harness.fetch import FetchError, fetch, is_public

PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 32


class Pages(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/away":
            self.send_response(302)
            self.send_header("Location", "/image.png")
        elif self.path == "/round":
            self.send_response(302)
            self.send_header("Location", "/round")
        elif self.path == "/file":
            self.send_response(302)
            self.send_header("Location", "file:///etc/passwd")
        else:
            self.send_response(200 if self.path == "/image.png" else 404)
        self.end_headers()
        if self.path == "/image.png":
            self.wfile.write(PNG)

    def log_message(self, *_: object) -> None:
        return None


@pytest.fixture
def server() -> Iterator[str]:
    """The address of a small server on loopback."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Pages) as httpd:
        thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{httpd.server_port}"
        httpd.shutdown()
        thread.join()


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.1.2.3", "192.168.0.1", "169.254.169.254", "172.16.0.1", "0.0.0.0", "::1", "fe80::1", "fc00::1", "::ffff:127.0.0.1", "224.0.0.1", "100.64.0.1"],
)  # fmt: skip
def test_private_addresses_are_not_public(address: str) -> None:
    """Loopback, private, link-local, metadata, carrier and multicast ranges, and IPv4 within IPv6."""
    assert not is_public(address)


def test_public_addresses_are() -> None:
    """One of each family."""
    assert is_public("1.1.1.1")
    assert is_public("2606:4700:4700::1111")


def test_a_private_address_is_refused_before_a_byte_is_sent(server: str) -> None:
    """The server on loopback is there, and not asked."""
    with pytest.raises(FetchError, match=r"127\.0\.0\.1, which is not on the public internet"):
        fetch(f"{server}/image.png", 1000)


def test_what_stands_there_comes_back_through_a_redirect(server: str) -> None:
    """With a rule that allows loopback."""
    assert PNG == fetch(f"{server}/away", 1000, lambda _: True)


@pytest.mark.parametrize(
    ("path", "said"),
    [("/none", "answers 404"), ("/round", "redirects more than 3"), ("/file", "no http or https"), ("/image.png", "larger than 10")],
)  # fmt: skip
def test_what_is_not_there_is_told(server: str, path: str, said: str) -> None:
    """In one line."""
    with pytest.raises(FetchError, match=said):
        fetch(f"{server}{path}", 10 if path == "/image.png" else 1000, lambda _: True)


def test_an_image_by_address_needs_the_tasks_word(tmp_path: Path) -> None:
    """Without `image_urls: true` no name is even looked up."""
    with pytest.raises(ImageError, match="image_urls: true"):
        read_image("https://example.org/a.png", tmp_path)
    with pytest.raises(ImageError, match="not on the public internet"):
        read_image("http://127.0.0.1:9/a.png", tmp_path, fetched=True)

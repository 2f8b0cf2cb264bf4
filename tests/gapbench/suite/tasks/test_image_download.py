"""Images from addresses: what is refused, and what comes back from one that is allowed."""

from __future__ import annotations

import contextlib
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from gapbench.suite.tasks.image_download import ImageDownloadError, download_image, is_public_address
from gapbench.suite.tasks.image_reader import ImageError, read_image

PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 32


class Pages(http.server.BaseHTTPRequestHandler):
    ended = threading.Event()

    def do_GET(self) -> None:
        away = {
            "/away": "/image.png",
            "/round": "/round",
            "/file": "file:///etc/passwd",
            "/bracket": "http://[::1/",
        }
        if self.path in away:
            self.send_response(302)
            self.send_header("Location", away[self.path])
        elif self.path == "/slow-head":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nX: ")
            self._drip()
        else:
            self.send_response(404 if self.path == "/none" else 200)
        if self.path == "/short":
            self.send_header("Content-Length", str(2 * len(PNG)))
        self.end_headers()
        if self.path in {"/image.png", "/short"}:
            self.wfile.write(PNG)
        elif self.path == "/slow-body":
            self._drip()

    def _drip(self) -> None:
        """Write a byte now and then, so that none is late, until the other side or the test is gone."""
        with contextlib.suppress(OSError):
            while not self.ended.wait(0.01):
                self.wfile.write(b"0")

    def log_message(self, *_: object) -> None:
        return None


@pytest.fixture
def server() -> Iterator[str]:
    """The address of a small server on loopback."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Pages) as httpd:
        thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{httpd.server_port}"
        Pages.ended.set()
        httpd.shutdown()
        thread.join()
    Pages.ended.clear()


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "192.168.0.1", "169.254.169.254", "172.16.0.1", "0.0.0.0", "224.0.0.1", "100.64.0.1",
        "192.0.0.192", "192.0.0.9", "192.88.99.1", "240.0.0.1", "255.255.255.255",
        "::", "::1", "fe80::1", "fe80::1%1", "fc00::1", "fec0::1", "ff02::1", "100::1", "5f00::1", "3fff::1", "2001:db8::1",
        "::127.0.0.1", "::1.1.1.1", "::ffff:127.0.0.1", "::ffff:0:127.0.0.1", "::ffff:0:1.1.1.1",
        "64:ff9b::127.0.0.1", "64:ff9b::169.254.169.254", "64:ff9b:1::1.1.1.1",
        "2002:7f00:1::1", "2002:c0a8:1::1", "2002:101:101::1", "2001:0:101:101::1",
    ],
)  # fmt: skip
def test_private_addresses_are_not_public(address: str) -> None:
    """Loopback, private, link-local, metadata, carrier, multicast and reserved ranges, and every way to write IPv4 within IPv6."""
    assert not is_public_address(address)


def test_public_addresses_are() -> None:
    """Of each family, and what a network with IPv6 alone calls one of IPv4."""
    assert all(
        map(is_public_address, ["1.1.1.1", "2606:4700:4700::1111", "::ffff:1.1.1.1", "64:ff9b::1.1.1.1"])
    )


def test_a_private_address_is_refused_before_a_byte_is_sent(server: str) -> None:
    """The server on loopback is there, and not asked."""
    with pytest.raises(ImageDownloadError, match=r"127\.0\.0\.1, which is not on the public internet"):
        download_image(f"{server}/image.png", 1000)


def test_what_stands_there_comes_back_through_a_redirect(server: str) -> None:
    """With a rule that allows loopback."""
    assert PNG == download_image(f"{server}/away", 1000, lambda _: True)


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/none", "returned HTTP 404"),
        ("/round", "redirects more than 3"),
        ("/file", "not an http or https"),
        ("/bracket", "cannot be downloaded: Invalid IPv6 URL"),
        ("/image.png", "larger than 10"),
        ("/short", "was cut short: 40 bytes are missing"),
    ],
)
def test_what_is_not_there_is_told(server: str, path: str, said: str) -> None:
    """In one line."""
    with pytest.raises(ImageDownloadError, match=said):
        download_image(f"{server}{path}", 10 if path == "/image.png" else 1000, lambda _: True)


@pytest.mark.parametrize("path", ["/slow-head", "/slow-body"])
def test_a_drip_does_not_go_on_for_ever(server: str, path: str) -> None:
    """Each wait is short, the whole is not."""
    with pytest.raises(ImageDownloadError, match=r"cannot be downloaded: timed out after 0\.2 s"):
        download_image(f"{server}{path}", 10**9, lambda _: True, total_timeout_s=0.2)


@pytest.mark.parametrize(
    "url",
    ["http://host:99999/", "http://[::1/", "http://a..b/", f"http://{'a' * 70}.org/", "http://127.0.0.1:x/", "http:///x", "http://\0/"],
)  # fmt: skip
def test_what_is_no_address_is_told(tmp_path: Path, url: str) -> None:
    """As every fault of an image is: with file, line and key by who asks."""
    with pytest.raises(ImageError, match=r"cannot be downloaded|cannot resolve|is not an http"):
        read_image(url, tmp_path, allow_urls=True)


def test_a_path_that_is_no_ascii_is_told(server: str) -> None:
    """It would have to be percent-encoded."""
    with pytest.raises(ImageDownloadError, match="cannot be downloaded"):
        download_image(f"{server}/ü.png", 1000, lambda _: True)


def test_a_password_in_an_address_is_not_shown() -> None:
    """Neither is it sent."""
    with pytest.raises(ImageDownloadError, match="not shown") as caught:
        download_image("http://me:hunter2@example.org/", 1000)
    assert "hunter2" not in str(caught.value)


def test_an_image_by_address_needs_the_tasks_word(tmp_path: Path) -> None:
    """Without `image_urls: true` no name is even looked up."""
    with pytest.raises(ImageError, match="image_urls: true"):
        read_image("https://example.org/a.png", tmp_path)
    with pytest.raises(ImageError, match="not on the public internet"):
        read_image("http://127.0.0.1:9/a.png", tmp_path, allow_urls=True)

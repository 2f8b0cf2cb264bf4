"""Which protocol a request speaks, and where it goes if no address is given."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from urllib.parse import quote, unquote, urlsplit

from gapbench.errors import InputError

_GOOGLE_CALL = re.compile(r"/models/(?P<model>[^/:]+):(?P<verb>generateContent|streamGenerateContent)$")
_DEFAULTS = {
    "openai": "https://api.openai.com",
    "anthropic": "https://api.anthropic.com",
    "google": "https://generativelanguage.googleapis.com",
}
_PROVIDERS = {
    "api.openai.com": "openai",
    "api.anthropic.com": "anthropic",
    "generativelanguage.googleapis.com": "google",
    "openrouter.ai": "openrouter",
}
_GOOGLE_ROOTS = ("/v1beta/", "/v1alpha/", "/upload/v1beta/")


class Protocol(Enum):
    """A protocol whose requests are recorded; the values are the words of the column ``endpoint``."""

    CHAT = "chat"
    RESPONSES = "responses"
    MESSAGES = "messages"
    GOOGLE = "generateContent"


@dataclass(frozen=True, slots=True)
class Call:
    """A request for a model's reply, as its path tells.

    Attributes:
        protocol: Its protocol.
        model: The model, where the path has it. None: the body has it.
        is_stream: Whether the path asks for a stream. None: the body tells.
    """

    protocol: Protocol
    model: str | None = None
    is_stream: bool | None = None


def find_call(method: str, path: str) -> Call | None:
    """Return what a request asks for, by method and path without query. None: it is passed on and not recorded."""
    if method != "POST":
        return None
    if path.endswith("/chat/completions"):
        return Call(Protocol.CHAT)
    if path.endswith("/responses"):
        return Call(Protocol.RESPONSES)
    if path.endswith("/messages") and "/threads/" not in path:
        return Call(Protocol.MESSAGES)
    found = _GOOGLE_CALL.search(path)
    if found is not None:
        return Call(Protocol.GOOGLE, unquote(found["model"]), found["verb"] == "streamGenerateContent")
    return None


@dataclass(frozen=True, slots=True)
class Upstream:
    """A server that requests are passed on to.

    Attributes:
        root: Its address, without a slash at the end.
        provider: Its name in traffic tables. None: the provider is not known.
    """

    root: str
    provider: str | None

    @property
    def host(self) -> str | None:
        """The host of its address."""
        return urlsplit(self.root).hostname

    @property
    def port(self) -> int | None:
        """The port of its address. None: its scheme's."""
        return urlsplit(self.root).port

    def target_of(self, target: str) -> str:
        """Return path and query of a request, as this server is asked for them.

        Args:
            target: Path and query. A version that the root ends with is not repeated.
        """
        path = quote(urlsplit(self.root).path, safe="/%:@!$&'()*+,;=~")
        base, slash, version = path.rpartition("/")
        if slash and re.fullmatch(r"v\d\w*", version) and target.startswith(f"/{version}/"):
            return base + target
        return path + target


def parse_upstream(url: str) -> Upstream:
    """Return the upstream at an address.

    Raises:
        InputError: It is not the address of a server, or has more than scheme, host, port and path.
    """
    parts = urlsplit(url)
    try:
        port_is_valid = parts.port is None or parts.port > 0
    except ValueError:
        port_is_valid = False
    if parts.scheme not in {"http", "https"} or not parts.hostname or not port_is_valid:
        raise InputError(f"--upstream {url!r} is not an address; expected one such as http://127.0.0.1:8000")
    if parts.username is not None or "?" in url or "#" in url:
        raise InputError(
            "--upstream has a user, a query or a fragment; give scheme, host, port and path only. "
            "Keys stay in the clients, whose requests are passed on with them"
        )
    return Upstream(url.rstrip("/"), _PROVIDERS.get(parts.hostname))


_KNOWN = {name: parse_upstream(root) for name, root in _DEFAULTS.items()}


def default_upstream(path: str, headers: Mapping[str, str]) -> Upstream | None:
    """Return the vendor whose path a request has, or whose headers where paths are alike. None: no vendor has it.

    Args:
        path: The path without query.
        headers: The headers; names in any case.
    """
    if path.startswith(_GOOGLE_ROOTS) or _GOOGLE_CALL.search(path) or "x-goog-api-key" in headers:
        return _KNOWN["google"]
    if path.startswith("/v1/messages") or "anthropic-version" in headers:
        return _KNOWN["anthropic"]
    return _KNOWN["openai"] if path.startswith("/v1/") else None

"""Where answers are kept for later runs: a folder, or a Redis or Valkey server that several runs share."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

DEFAULT_PASSWORD_ENV = "REDIS_PASSWORD"  # noqa: S105 - the name of a variable
DEFAULT_PORT = 6379
DAY_S = 86_400
MIB = 2**20
CACHE_TRANSPORT = "cache"
"""What a row of a cached answer says of how its reply arrived."""
OPTIONS = ("ttl_days", "max_mib", "password_env", "ca_file")
_SCHEMES = ("redis", "rediss", "valkey", "valkeys")


@dataclass(frozen=True, slots=True)
class RedisPlace:
    """A database of a Redis or Valkey server.

    Attributes:
        host: Its host.
        port: Its port.
        database: Number of the database.
        is_tls: Whether the connection is encrypted and the server's certificate is checked.
        username: Name of the account. None: the server's default one.
        password_env: Environment variable with the password.
        is_password_needed: Whether a missing password is an error: the user named the variable.
        ca_file: File with the certificates that are trusted. None: those of the system.
        ttl_s: Seconds that an answer is kept.
        max_bytes: Bytes that all answers of gapbench may take; the oldest go first.
    """

    host: str
    port: int = DEFAULT_PORT
    database: int = 0
    is_tls: bool = False
    username: str | None = None
    password_env: str = DEFAULT_PASSWORD_ENV
    is_password_needed: bool = False
    ca_file: str | None = None
    ttl_s: int = 30 * DAY_S
    max_bytes: int = 1024 * MIB

    def __str__(self) -> str:
        """Return the address, without the account and the options."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"redis{'s' if self.is_tls else ''}://{host}:{self.port}/{self.database}"


CachePlace = Path | RedisPlace


def parse_cache_place(text: str) -> CachePlace:
    """Return the place that a text names: a folder, or ``redis://HOST:PORT/DB`` with options.

    Args:
        text: A path, or an address with the scheme redis, rediss, valkey or valkeys. Its options are ``ttl_days`` (30),
            ``max_mib`` (1024), ``password_env`` (REDIS_PASSWORD) and ``ca_file``, written as ``?ttl_days=7&max_mib=512``.

    Raises:
        ValueError: The address is wrong, or it holds a password; the text is then not shown.
    """
    if not re.match(r"[a-z][a-z0-9+.-]*://", text, re.IGNORECASE):
        return Path(text)
    try:
        url = urlsplit(text)
        port = url.port
        host = url.hostname
    except ValueError:  # a port out of range, a bracket left open
        url, port, host = SplitResult("", "", "", "", ""), None, None
    if url.password is not None:
        raise ValueError(
            f"an address must not hold a password (not shown); export it as {DEFAULT_PASSWORD_ENV}, or name "
            "another variable with ?password_env=NAME"
        )
    shown = text.partition("?")[0]
    if url.scheme not in _SCHEMES or not host or port == 0 or url.fragment:
        raise ValueError(
            f"found {shown!r}; expected a folder, or an address such as redis://127.0.0.1:6379/0"
        )
    database = url.path.strip("/") or "0"
    if not re.fullmatch(r"[0-9]{1,5}", database):
        raise ValueError(f"found {shown!r}; the part after the port is the number of a database, such as /0")
    options = _read_options(url.query)
    password_env = options.get("password_env")
    if password_env is not None and not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", password_env):
        raise ValueError("password_env is not the name of an environment variable (not shown)")
    return RedisPlace(
        host,
        port or DEFAULT_PORT,
        int(database),
        is_tls=url.scheme in {"rediss", "valkeys"},
        username=unquote(url.username) if url.username else None,
        password_env=password_env or DEFAULT_PASSWORD_ENV,
        is_password_needed=password_env is not None,
        ca_file=options.get("ca_file"),
        ttl_s=round(_positive(options, "ttl_days", 30.0) * DAY_S) or 1,
        max_bytes=round(_positive(options, "max_mib", 1024.0) * MIB) or 1,
    )


def _read_options(query: str) -> dict[str, str]:
    """Return the options of an address. Raises ``ValueError`` for one that is unknown; its value is not shown."""
    options: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name not in OPTIONS:
            raise ValueError(f"unknown option {name!r} of a cache's address; there are: {', '.join(OPTIONS)}")
        options[name] = value
    return options


def _positive(options: dict[str, str], name: str, default: float) -> float:
    text = options.get(name)
    if text is None:
        return default
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number <= 1e9:
        raise ValueError(f"{name}: found {text!r}; expected a number above 0")
    return number

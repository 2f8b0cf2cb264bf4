"""Check addresses of endpoints; an address that could hold a key is never shown."""

from __future__ import annotations

import re
from urllib.parse import urlsplit


def validate_address(value: str) -> str:
    """Return an endpoint's address.

    Raises:
        ValueError: It is not an address, or it could hold a key; the value is not shown.
    """
    if "@" in value:
        raise ValueError("an address must not hold a user or password (not shown); use key_env")
    try:
        url = urlsplit(value)
        is_address = url.scheme in {"http", "https"} and bool(url.hostname) and url.port != 0
    except ValueError:  # a port out of range, a bracket left open
        is_address = False
    if is_address and (url.query or url.fragment):
        raise ValueError("an address must not hold a query (not shown, it may hold a key); use key_env")
    if not is_address or re.search(r"\s", value):
        raise ValueError(f"found {value!r}; expected an address such as http://127.0.0.1:8000/v1")
    return value

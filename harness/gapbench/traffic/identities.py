"""Ids of users and sessions become keyed hashes: the same id gives the same hash, and no one can turn it back."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from hashlib import blake2b, sha256
from typing import Any

from gapbench.credentials import read_key
from gapbench.errors import SetupError

_HASH_BYTES = 16
_CHAIN_BYTES = 8
_MAX_REMEMBERED = 200_000
_MAX_REMEMBERED_CHARS = 300


class IdentityHasher:
    """Hashes ids with one key.

    Args:
        key_env: Environment variable with the key, so that several imports can be joined. None: a random key, which is
            gone after the import.

    Raises:
        SetupError: The variable is not set.
    """

    def __init__(self, key_env: str | None = None) -> None:
        if key_env is None:
            self._key = secrets.token_bytes(32)
        else:
            given = read_key(key_env)
            if given is None:
                raise SetupError(
                    f"--hash-key-env names {key_env}, which is not set; export it with a long random text"
                )
            self._key = sha256(given.encode()).digest()
        self.key_id = blake2b(b"key", key=self._key, digest_size=4, person=b"key-id").hexdigest()
        """Tells which tables were hashed with the same key."""
        self._known: dict[tuple[bytes, str], str] = {}

    def hash_user(self, value: Any) -> str | None:
        """Return the hash of a user's id. None: there is no id."""
        return self._hash(value, b"user")

    def hash_session(self, value: Any) -> str | None:
        """Return the hash of the id of a session. None: there is no id."""
        return self._hash(value, b"session")

    def hash_label(self, value: str) -> str:
        """Return the hash of a label that is not stored."""
        return self._hash(value, b"label") or ""

    def _hash(self, value: Any, kind: bytes) -> str | None:
        if value is None or value == "" or isinstance(value, (dict, list)):
            return None
        text = str(value)
        known = self._known.get((kind, text))
        if known is None:
            data = text.encode("utf-8", "surrogatepass")
            known = blake2b(data, key=self._key, digest_size=_HASH_BYTES, person=kind).hexdigest()
            if len(self._known) >= _MAX_REMEMBERED:
                self._known.clear()
            if len(text) <= _MAX_REMEMBERED_CHARS:
                self._known[kind, text] = known
        return known

    def hash_chain(self, blocks: Iterable[bytes]) -> list[str]:
        """Return the hash of each block and all before it: lists of blocks share as many hashes as they share from the start."""
        found, last = [], b""
        for block in blocks:
            last = blake2b(last + block, key=self._key, digest_size=_CHAIN_BYTES, person=b"prefix").digest()
            found.append(last.hex())
        return found

"""What all documents share: no unknown keys, no silent conversions, and names of known form."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
PATH_NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._:/-]*$"
WORD_PATTERN = r"^[a-z][a-z0-9_-]*$"

PATTERN_DESCRIPTIONS = {
    NAME_PATTERN: "letters, digits, '.', '_' and '-', beginning with a letter or digit",
    PATH_NAME_PATTERN: "letters, digits, '.', '_', '-', ':' and '/', beginning with a letter or digit",
    WORD_PATTERN: "lower-case letters, digits, '_' and '-', beginning with a letter",
}
"""The patterns in plain words, for those who read an error."""


class StrictModel(BaseModel):
    """A mapping whose every key is known and whose values have the type they are written in.

    Strict, since YAML tells ``5`` from ``"5"`` and from ``true``: a conversion would hide a slip of the pen.
    """

    # Built on first use: a command that reads no suite need not pay for it at start.
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, defer_build=True)

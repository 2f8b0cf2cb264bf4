"""Base of all documents: no unknown keys, no silent conversions, restricted names."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
PATH_NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._:/-]*$"
WORD_PATTERN = r"^[a-z][a-z0-9_-]*$"
HUB_FILE_PATTERN = r"^\w[\w.+-]*(/\w[\w.+-]*)*\.(jsonl|json|csv|parquet)$"

PATTERN_DESCRIPTIONS = {
    NAME_PATTERN: "letters, digits, '.', '_' and '-', beginning with a letter or digit",
    PATH_NAME_PATTERN: "letters, digits, '.', '_', '-', ':' and '/', beginning with a letter or digit",
    WORD_PATTERN: "lower-case letters, digits, '_' and '-', beginning with a letter",
    HUB_FILE_PATTERN: "a path in the repository, to a file that ends in .jsonl, .json, .csv or .parquet",
}
"""The patterns in words, for error messages."""


class StrictModel(BaseModel):
    """A mapping without unknown keys, whose values are not converted to other types.

    Strict, because YAML distinguishes ``5``, ``"5"`` and ``true``: a conversion would hide a typing error.
    """

    # Built on first use: a command that reads no suite need not pay for it at start.
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, defer_build=True)

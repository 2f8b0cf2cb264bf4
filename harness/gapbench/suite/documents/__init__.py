"""YAML documents: read with line numbers, validated by pydantic, errors reported in one line."""

from __future__ import annotations

from gapbench.suite.documents.reader import (
    MAX_BYTES,
    MAX_DEPTH,
    MAX_NODES,
    Document,
    KeyPath,
    format_path,
    parse_document,
    read_document,
)
from gapbench.suite.documents.secret_scan import refuse_secrets
from gapbench.suite.documents.strict_model import (
    HUB_FILE_PATTERN,
    NAME_PATTERN,
    PATH_NAME_PATTERN,
    WORD_PATTERN,
    StrictModel,
)
from gapbench.suite.documents.validation import FaultsError, validate_document

__all__ = [
    "HUB_FILE_PATTERN",
    "MAX_BYTES",
    "MAX_DEPTH",
    "MAX_NODES",
    "NAME_PATTERN",
    "PATH_NAME_PATTERN",
    "WORD_PATTERN",
    "Document",
    "FaultsError",
    "KeyPath",
    "StrictModel",
    "format_path",
    "parse_document",
    "read_document",
    "refuse_secrets",
    "validate_document",
]

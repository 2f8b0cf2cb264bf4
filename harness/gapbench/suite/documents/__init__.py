"""YAML documents at the door: read with line numbers, checked by pydantic, faults told in one line."""

from __future__ import annotations

from gapbench.suite.documents.reader import (
    MAX_BYTES,
    MAX_DEPTH,
    MAX_NODES,
    Document,
    Path_,
    dotted,
    parse_document,
    read_document,
)
from gapbench.suite.documents.secret_scan import refuse_keys
from gapbench.suite.documents.strict_model import NAME, PATH_NAME, WORD, Strict
from gapbench.suite.documents.validation import FaultsError, check

__all__ = [
    "MAX_BYTES",
    "MAX_DEPTH",
    "MAX_NODES",
    "NAME",
    "PATH_NAME",
    "WORD",
    "Document",
    "FaultsError",
    "Path_",
    "Strict",
    "check",
    "dotted",
    "parse_document",
    "read_document",
    "refuse_keys",
]

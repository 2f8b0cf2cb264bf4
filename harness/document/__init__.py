"""YAML documents at the door: read with line numbers, checked by pydantic, faults told in one line."""

from __future__ import annotations

from harness.document.faults import FaultsError, check
from harness.document.keys import refuse_keys
from harness.document.reading import (
    MAX_BYTES,
    MAX_DEPTH,
    MAX_NODES,
    Document,
    Path_,
    dotted,
    parse_document,
    read_document,
)
from harness.document.strict import NAME, PATH_NAME, WORD, Strict

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

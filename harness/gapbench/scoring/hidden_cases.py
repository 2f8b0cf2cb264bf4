"""Reads the tests of LiveCodeBench: JSON, or JSON as a pickled text, compressed, in base64.

Nothing is unpickled, since that would run what the file's author wrote. The opcodes are listed instead, and only those
that give one text are taken.
"""

from __future__ import annotations

import base64
import binascii
import json
import pickletools
import zlib
from typing import Any, NamedTuple

MAX_CASES_BYTES = 512 * 2**20
"""Of the tests of one row, unpacked."""
TEXT_OPCODES = frozenset({"BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"})
QUIET_OPCODES = frozenset({"PROTO", "FRAME", "MEMOIZE", "BINPUT", "LONG_BINPUT", "STOP"})
"""They add nothing to the one value."""


class HiddenCasesError(ValueError):
    """A column does not have tests in this form."""


class HiddenCase(NamedTuple):
    """One test.

    Attributes:
        given: Standard input, or the arguments, each a JSON value in a line of its own.
        expected: Standard output, or the result as JSON.
    """

    given: str
    expected: str


def read_hidden_cases(packed: Any, column: str) -> list[HiddenCase]:
    """Return the tests in a cell.

    Args:
        packed: A JSON list of ``{input, output}``, as text or packed as the module says; None: none.
        column: Its name, for errors.

    Raises:
        HiddenCasesError: The value has another form.
    """
    if packed is None or packed == "":
        return []
    cases = packed
    try:
        if isinstance(packed, str):
            text = packed if packed.lstrip().startswith("[") else _unpack(packed)
            cases = json.loads(text)
        return [HiddenCase(str(case["input"]), str(case["output"])) for case in cases]
    except HiddenCasesError as exc:
        raise HiddenCasesError(f"the column {column}: {exc}") from exc
    except (ValueError, TypeError, KeyError, RecursionError) as exc:
        raise HiddenCasesError(f"the column {column} is not a list of tests with input and output") from exc


def _unpack(packed: str) -> str:
    try:
        unpacker = zlib.decompressobj()
        pickled = unpacker.decompress(base64.b64decode(packed, validate=True), MAX_CASES_BYTES)
    except (binascii.Error, ValueError, zlib.error) as exc:
        raise HiddenCasesError("neither JSON nor compressed text in base64") from exc
    if unpacker.unconsumed_tail:
        raise HiddenCasesError(f"it has more than {MAX_CASES_BYTES} bytes of tests")
    return pickled_text(pickled)


def pickled_text(pickled: bytes) -> str:
    """Return the text that a pickle of nothing but one text holds.

    Raises:
        HiddenCasesError: It holds something else. Nothing of it is run.
    """
    try:
        found = [(opcode.name, argument) for opcode, argument, _ in pickletools.genops(pickled)]
    except Exception as exc:  # pickletools raises several classes on bytes that are no pickle
        raise HiddenCasesError("compressed, and no pickle of one text") from exc
    other = next((name for name, _ in found if name not in TEXT_OPCODES | QUIET_OPCODES), None)
    if other is not None:
        raise HiddenCasesError(f"the pickle has the instruction {other}; only a pickle of one text is read")
    texts = [str(argument) for name, argument in found if name in TEXT_OPCODES]
    if len(texts) != 1:
        raise HiddenCasesError(f"the pickle has {len(texts)} texts; expected one")
    return texts[0]

"""Letters of other alphabets that number options."""

from __future__ import annotations

NATIVE_LETTERS = (
    "АБВГДЕЖЗИК", "ΑΒΓΔΕΖΗΘΙΚ", "أبجدهوزحطي", "ابجده", "אבגדהוזחטי", "कखगघङ", "কখগঘঙ", "กขคงจ", "甲乙丙丁戊", "アイウエオ",
    "가나다라마", "ㄱㄴㄷㄹㅁ",
)  # fmt: skip
"""Letters of other alphabets that number options. An alphabet's first letter means the first option."""
LOOKALIKES = {"А": "A", "В": "B", "С": "C", "Е": "E", "Н": "H"}
"""Cyrillic letters that look like Latin ones; they are read as those unless the reply also numbers with Б or Г."""

ALL_NATIVE = frozenset("".join(NATIVE_LETTERS))

"""Pieces of streams that tests of several forms are made of."""

from __future__ import annotations

TEXT = [{"type": "text", "text": ""}, {"type": "text_delta", "text": "B"}]
DELTA = {"type": "response.output_text.delta", "delta": "B"}

"""What a replay takes of the log, in counts that the run keeps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class ReplaySelection:
    """What of the log is sent.

    Attributes:
        logged: Requests in the period and on the routes that were asked for.
        left_out: Those of them that are not sent, by the reason.
        parts_left_out: Parts of prompts that are not sent, by what they are.
        made_up: Requests whose prompt is made up.
        without_length: Requests whose reply has no logged length.
    """

    logged: int
    left_out: Mapping[str, int] = field(default_factory=dict)
    parts_left_out: Mapping[str, int] = field(default_factory=dict)
    made_up: int = 0
    without_length: int = 0

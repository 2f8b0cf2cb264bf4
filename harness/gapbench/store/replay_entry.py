"""What ``run.json`` keeps of a cell that replays logged traffic: what of the log was sent, and when against the log."""

from __future__ import annotations

from pydantic import Field

from gapbench.store.manifest_types import Count, Entry, Number


class LatenessEntry(Entry):
    """How much later than in the log some requests were sent, at the replay's speed. Of several sessions the largest.

    Attributes:
        sent: Requests of which it is known, over all sessions.
        p50_s: Median of a session, in seconds; below 0 is earlier.
        p99_s: 99th percentile.
        max_s: The largest.
    """

    sent: Count
    p50_s: Number
    p99_s: Number
    max_s: Number


class ReplayEntry(Entry):
    """A replay.

    Attributes:
        logged: Requests of the table in the period and on the routes that were asked for.
        left_out: Those of them that are not sent, by the reason.
        parts_left_out: Parts of prompts that are not sent, by what they are.
        made_up: Requests whose prompt is made up, with the logged length.
        without_length: Requests whose reply has no logged length: it may be as long as the suite allows.
        arrivals: When requests were sent that wait for no answer. Late is what this client was late, or what limits of the
            provider made it wait. None: none was sent yet.
        follow_ups: When later requests of sessions were sent, which wait for the answer before them: with a slower model they
            are later than in the log. None: as above.
    """

    logged: Count
    left_out: dict[str, Count] = Field(default_factory=dict)
    parts_left_out: dict[str, Count] = Field(default_factory=dict)
    made_up: Count = 0
    without_length: Count = 0
    arrivals: LatenessEntry | None = None
    follow_ups: LatenessEntry | None = None

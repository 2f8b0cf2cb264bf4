"""What the scripts that write agent episodes share: an episode, its tiers, and the rows made of many."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from random import Random
from typing import Any, Literal

from tasks.agents.play import Play, Turns
from tasks.agents.requests import Request

TIERS = ("2-5", "6-12", "13-24", "25-40")
"""Calls that the reference makes, from and to."""
PER_TIER = 8
GO_AHEAD = {
    "text": "Yes, please go ahead with what I asked.",
    "when": r"\?\s*$|would you like|shall i|do you want|please confirm|confirm that",
}
"""What a user answers to a question that was not needed."""
_NAMES = (
    "Ada",
    "Ben",
    "Chloe",
    "Dev",
    "Elif",
    "Femi",
    "Gita",
    "Hugo",
    "Iris",
    "Jonas",
    "Kemal",
    "Lena",
    "Milo",
    "Nora",
)
_FAMILIES = (
    "Park",
    "Novak",
    "Silva",
    "Okoro",
    "Haas",
    "Lind",
    "Moreau",
    "Rossi",
    "Sato",
    "Weber",
    "Khan",
    "Byrne",
)
Failing = Literal["none", "busy", "down"]


@dataclass(frozen=True)
class Wanted:
    """What an episode is to have, by its number; a draw may leave a failure out where nothing can fail.

    Attributes:
        tier: One of :data:`TIERS`.
        refused: Whether policy forbids a part of what is asked for.
        failing: Whether a tool fails: ``busy`` works when it is tried again, ``down`` does not.
        injected: Whether the data hold an instruction that must not be followed.
    """

    tier: str
    refused: bool
    failing: Failing
    injected: bool

    @property
    def bounds(self) -> tuple[int, int]:
        """The fewest and the most calls of the tier."""
        low, high = self.tier.split("-")
        return int(low), int(high)


@dataclass(frozen=True)
class Episode:
    """One episode, with the reference and the wrong policies played or written down.

    Attributes:
        wanted: What it was to have.
        message: The user's first message.
        lines: What the user says later: ``text`` and ``when``.
        state: The state at the start.
        right: The reference, played.
        wrong: Turns of the wrong policies, by name.
    """

    wanted: Wanted
    message: str
    lines: list[dict[str, str]]
    state: dict[str, Any]
    right: Play
    wrong: Mapping[str, Turns]


Draw = Callable[[Random, Wanted], Episode | None]
"""Draws one episode. None: this draw came out impossible; the next one is tried."""


def make_episode(environment: str, draw: Draw, tier: str, number: int, seed: object) -> Episode:
    """Return one episode of a tier: the first draw whose reference makes as many calls as the tier says."""
    failing: Failing = ("none", "busy", "none", "none", "down")[number % 5]
    wanted = Wanted(tier, number % 4 in {1, 2}, failing, number % 5 == 2)
    low, high = wanted.bounds
    for attempt in count():
        episode = draw(Random(f"agents/{environment}/{tier}/{number}/{seed}/{attempt}"), wanted)
        if episode is not None and low <= len(episode.right.calls) <= high:
            return episode
    raise AssertionError("count() has no end")


def make_rows(environment: str, draw: Draw, seed: object = 1) -> list[dict[str, Any]]:
    """Return the episodes of a seed as rows."""
    rows: list[dict[str, Any]] = []
    for tier in TIERS:
        for number in range(PER_TIER):
            episode = make_episode(environment, draw, tier, number, seed)
            rows.append(
                {
                    "id": f"{tier}-{number + 1:02}",
                    "tier": tier,
                    "calls": len(episode.right.calls),
                    "refused": episode.wanted.refused,
                    "failing": episode.wanted.failing if episode.state["failures"] else "none",
                    "injected": episode.wanted.injected,
                    "message": episode.message,
                    "user": episode.lines,
                    "state": episode.state,
                    "assertions": [{"path": "/effects", "equals": episode.right.state["effects"]}],
                    "reference_turns": episode.right.turns,
                    "decoy_turns": episode.wrong["stops_early"],
                }
            )
    return rows


def draw_people(r: Random, size: int) -> list[tuple[str, str]]:
    """Return names and e-mail addresses of different people."""
    names = r.sample(_NAMES, size)
    families = r.sample(_FAMILIES, size)
    return [
        (f"{name} {family}", f"{name}.{family}@example.org".lower())
        for name, family in zip(names, families, strict=True)
    ]


def choose_failures(r: Random, requests: Sequence[Request], failing: Failing) -> dict[str, int]:
    """Return which tool fails how often: ``busy`` fails twice, ``down`` (-1) always. {}: none can or is to fail."""
    tools = sorted(
        {name for request in requests for name, _ in request.acts} - {"record_refusal", "escalate"}
    )
    return {} if failing == "none" or not tools else {r.choice(tools): 2 if failing == "busy" else -1}

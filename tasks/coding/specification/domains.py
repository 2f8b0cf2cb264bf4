"""What a specification is about: the records, their fields, and the words for them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Domain:
    """One subject.

    Attributes:
        function: Name of the function to write.
        noun: One record.
        nouns: Several.
        holder: Whose record it is; a field with a name.
        amount: What is computed for each record.
        numbers: Fields with a whole number from 0, and the largest.
        choices: Fields with one of several words.
        flags: Fields that are True or False.
    """

    function: str
    noun: str
    nouns: str
    holder: str
    amount: str
    numbers: dict[str, int]
    choices: dict[str, tuple[str, ...]]
    flags: tuple[str, ...]


def called(name: str) -> str:
    """Return what the text calls a field with a number."""
    return f"number of {name}" if name.endswith("s") else name


HOLDERS = ("Ada", "Ben", "Cleo")
TERMS = (
    "bulky", "prime", "plain", "rapid", "light", "special", "remote", "urgent", "minor", "grand", "quiet", "regular",
    "early", "dense", "formal", "scarce", "steady", "exempt", "local", "narrow", "costly", "mixed", "double", "open",
)  # fmt: skip
"""Words that definitions give a meaning to."""
DOMAINS = (
    Domain(
        "parcel_charges", "parcel", "parcels", "customer", "charge",
        {"weight": 60, "length": 200, "distance": 900, "value": 500, "stops": 12},
        {"zone": ("north", "south", "east", "west"), "service": ("basic", "express", "night")},
        ("fragile", "insured", "signed"),
    ),
    Domain(
        "loan_fees", "loan", "loans", "reader", "fee",
        {"delay": 60, "pages": 900, "price": 120, "age": 90, "renewals": 8},
        {"kind": ("book", "disc", "map", "journal"), "branch": ("center", "harbor", "hill")},
        ("reserved", "damaged", "rare"),
    ),
    Domain(
        "turn_scores", "turn", "turns", "player", "score",
        {"steps": 40, "coins": 99, "height": 300, "seconds": 120, "cards": 15},
        {"terrain": ("forest", "river", "desert", "city"), "token": ("star", "shield", "lantern")},
        ("doubled", "blocked", "assisted"),
    ),
    Domain(
        "retention_days", "document", "documents", "owner", "period",
        {"size": 800, "copies": 30, "readers": 70, "versions": 25, "links": 50},
        {"class": ("draft", "contract", "invoice", "report"), "region": ("inland", "coast", "abroad")},
        ("encrypted", "shared", "disputed"),
    ),
    Domain(
        "claim_payments", "claim", "claims", "member", "payment",
        {"cost": 990, "nights": 21, "delay": 72, "persons": 9, "distance": 700},
        {"cause": ("theft", "storm", "illness", "strike"), "plan": ("bronze", "silver", "gold")},
        ("abroad", "documented", "repeated"),
    ),
)  # fmt: skip

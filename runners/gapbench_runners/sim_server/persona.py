"""The persona that answers: skill, speed, habits and faults of one simulated model, every draw by seeded hash.

Nothing depends on the order in which requests arrive: the draws are functions of the persona's seed, the
prompt and how often that prompt was asked, so a run with a seed gives the same answers again.
"""

from __future__ import annotations

import dataclasses
import difflib
import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import NormalDist
from typing import Any, Literal, NamedTuple

from gapbench.errors import InputError

_NORMAL = NormalDist()


@dataclass(frozen=True, slots=True)
class Reasoning:
    """Tokens spent before the answer.

    Attributes:
        tokens: How many; 0: none.
        shown: ``verbatim``, ``summary`` (a quarter of it) or ``hidden``.
    """

    tokens: int = 0
    shown: Literal["verbatim", "summary", "hidden"] = "verbatim"


@dataclass(frozen=True, slots=True)
class ServerCapacity:
    """Where the server saturates.

    Attributes:
        streams: Replies written at once; further requests wait their turn. 0: no bound.
        queue: Requests that may wait; beyond it they are refused as overloaded. None: no bound.
        prefill_tokens_per_s: Speed of reading the prompt, added to the first token's time. None: instant.
    """

    streams: int = 0
    queue: int | None = None
    prefill_tokens_per_s: float | None = None


@dataclass(frozen=True, slots=True)
class Faults:
    """Shares of requests that go wrong; one draw a request decides, so each share is exact.

    Attributes:
        rate_limit: 429, with Retry-After where ``retry_after_s`` is set.
        retry_after_s: Seconds asked for. None: the header is left out.
        server_error: 500.
        overloaded: 529 on Anthropic's protocol, 503 elsewhere.
        cut: The connection is closed in mid-stream.
        garbage: An HTML page with status 200.
        slow: ``slow_s`` is added to the first token's time.
        slow_s: See ``slow``.
    """

    rate_limit: float = 0.0
    retry_after_s: float | None = None
    server_error: float = 0.0
    overloaded: float = 0.0
    cut: float = 0.0
    garbage: float = 0.0
    slow: float = 0.0
    slow_s: float = 1.0


@dataclass(frozen=True, slots=True)
class ToolFaults:
    """Shares of episodes in which a tool call goes wrong; one draw an episode decides, so each share is exact.

    A fault hits one reply with calls, drawn evenly among those of the episode, and the episode then goes on as if the
    call had been right. A request that is not part of an episode is an episode of one reply.

    Attributes:
        malformed_arguments: The arguments of a call are not JSON.
        unknown_tool: A call names a tool that was not declared.
        cut_call: The reply reaches its token limit within a call.
        endless_loop: The same calls are made again in every later reply.
    """

    malformed_arguments: float = 0.0
    unknown_tool: float = 0.0
    cut_call: float = 0.0
    endless_loop: float = 0.0


@dataclass(frozen=True, slots=True)
class Batches:
    """How the batch APIs behave. The shares are of a batch's requests, and one draw a request decides.

    A request that :class:`Faults` hits is answered with that error; in a batch ``cut`` and ``garbage`` are server errors.

    Attributes:
        polls: How often a batch must be looked at before it has ended, each time a step further.
        delay_s: Seconds that it takes besides.
        shuffle: Whether the results come in another order than the requests.
        expire: Share that gets no time.
        lose: Share that is missing in the results; it was not answered, and is not charged.
        duplicate: Share whose result comes twice; it is charged once.
        garble: Share whose line of results is cut off in the middle; it is charged.
        refuse_first: How many batches are refused whole, from the first on.
        cut_first: How many submits are accepted, and their connection is then cut in place of an answer, from the first on.
    """

    polls: int = 1
    delay_s: float = 0.0
    shuffle: bool = True
    expire: float = 0.0
    lose: float = 0.0
    duplicate: float = 0.0
    garble: float = 0.0
    refuse_first: int = 0
    cut_first: int = 0


@dataclass(frozen=True, slots=True)
class Price:
    """What the ledger of batches charges: list prices, of which a batch costs half.

    Attributes:
        input_usd_per_mtok: Dollars per million input tokens.
        output_usd_per_mtok: Dollars per million output tokens, reasoning included.
        cached_input_usd_per_mtok: Dollars per million input tokens read from the cache. None: the input price.
    """

    input_usd_per_mtok: float = 1.0
    output_usd_per_mtok: float = 4.0
    cached_input_usd_per_mtok: float | None = None


DISCLOSURES = ("verbatim", "summary", "hidden")
FAULT_KINDS = ("rate_limit", "server_error", "overloaded", "cut", "garbage", "slow")
TOOL_FAULT_KINDS = ("malformed_arguments", "unknown_tool", "cut_call", "endless_loop")
BATCH_FAULT_KINDS = ("expire", "lose", "duplicate", "garble")


@dataclass(frozen=True, slots=True)
class Persona:
    """One simulated model.

    Attributes:
        seed: Of every draw.
        skill: Share of right answers by category; ``default`` for the others.
        half_at_rung: Rung at which half of the answers are right, by category; ``default`` for the others. It takes the
            place of the skill for prompts of a ladder.
        rung_slope: How fast the share of right answers falls around that rung: the slope of its logit, per rung.
        rho: Correlation of difficulty between models that share it: a hard prompt is hard for all.
        ttft_s: Median time to the first token.
        ttft_sigma: Spread of its logarithm.
        gap_s: Time between tokens.
        gap_sigma: Spread of its logarithm.
        tokens_per_chunk: Tokens bundled into one chunk.
        chars_per_token: Length of a token.
        image_tokens: Prompt tokens that an image, a document or a sound counts.
        reasoning: See :class:`Reasoning`.
        refuse: Share of prompts refused.
        unparsed: Share of prompts whose last reply is beside the form asked for.
        cache: Whether the start of a prompt that was sent before reports its tokens as read from a cache.
        capacity: See :class:`ServerCapacity`.
        faults: See :class:`Faults`.
        tool_faults: See :class:`ToolFaults`.
        batches: See :class:`Batches`.
        price: See :class:`Price`.
    """

    seed: int = 0
    skill: Mapping[str, float] = field(default_factory=lambda: {"default": 0.7})
    half_at_rung: Mapping[str, float] = field(default_factory=dict)
    rung_slope: float = 1.0
    rho: float = 0.5
    ttft_s: float = 0.05
    ttft_sigma: float = 0.2
    gap_s: float = 0.005
    gap_sigma: float = 0.0
    tokens_per_chunk: int = 1
    chars_per_token: int = 4
    image_tokens: int = 256
    reasoning: Reasoning = field(default_factory=Reasoning)
    refuse: float = 0.0
    unparsed: float = 0.0
    cache: bool = False
    capacity: ServerCapacity = field(default_factory=ServerCapacity)
    faults: Faults = field(default_factory=Faults)
    tool_faults: ToolFaults = field(default_factory=ToolFaults)
    batches: Batches = field(default_factory=Batches)
    price: Price = field(default_factory=Price)

    @classmethod
    def from_mapping(cls, given: Mapping[str, Any], where: str = "sim") -> Persona:
        """Return the persona that a mapping describes.

        Raises:
            InputError: An unknown key or a value out of bounds, with the key's path and what would do.
        """
        values = _check_keys(cls, given, where)
        for key, kind in NESTED_SETTINGS.items():
            if key in values:
                inner = f"{where}.{key}"
                values[key] = kind(**_check_keys(kind, _require_mapping(values[key], inner), inner))
        if "skill" in values:
            skill = values["skill"]
            values["skill"] = dict(skill) if isinstance(skill, Mapping) else {"default": skill}
            for category, share in values["skill"].items():
                _SHARE.check(share, f"{where}.skill.{category}")
        if "half_at_rung" in values:
            rung = values["half_at_rung"]
            values["half_at_rung"] = dict(rung) if isinstance(rung, Mapping) else {"default": rung}
            for category, number in values["half_at_rung"].items():
                _NUMBER.check(number, f"{where}.half_at_rung.{category}")
        persona = cls(**values)
        if persona.reasoning.shown not in DISCLOSURES:
            raise InputError(
                f"{where}.reasoning.shown: found {persona.reasoning.shown!r}; expected {', '.join(DISCLOSURES)}"
            )
        _check_sum(persona.faults, FAULT_KINDS, f"{where}.faults")
        _check_sum(persona.tool_faults, TOOL_FAULT_KINDS, f"{where}.tool_faults")
        _check_sum(persona.batches, BATCH_FAULT_KINDS, f"{where}.batches")
        if not isinstance(persona.batches.shuffle, bool):
            raise InputError(
                f"{where}.batches.shuffle: found {persona.batches.shuffle!r}; expected true or false"
            )
        return persona

    def draw(self, *what: object) -> float:
        """Return a number in (0, 1) that depends on the seed and on ``what`` alone."""
        return _hash_uniform(self.seed, *what)

    def _skill_at(self, category: str, rung: int | None) -> float:
        half = self.half_at_rung.get(category, self.half_at_rung.get("default"))
        if rung is None or half is None:
            return self.skill.get(category, self.skill.get("default", 0.7))
        return 1 / (1 + math.exp(min(700.0, self.rung_slope * (rung - half))))

    def is_right(self, prompt: str, category: str, nth: int, rung: int | None = None) -> bool:
        """Return whether the persona answers a prompt correctly the ``nth`` time it is asked.

        A Gaussian copula: the prompt's difficulty is shared by all personas, the rest is the persona's own,
        and the share of right answers over prompts is exactly its skill.
        """
        skill = self._skill_at(category, rung)
        shared = _NORMAL.inv_cdf(_hash_uniform("difficulty", prompt))
        own = _NORMAL.inv_cdf(self.draw("own", prompt, nth))
        latent = self.rho**0.5 * shared + (1 - self.rho) ** 0.5 * own
        return _NORMAL.cdf(latent) < skill

    def fault(self, prompt: str, nth: int) -> str | None:
        """Return the fault that hits a prompt the ``nth`` time it is asked; None: none."""
        return _pick(self.faults, FAULT_KINDS, self.draw("fault", prompt, nth))

    def tool_fault(self, prompt: str, repeat: int) -> str | None:
        """Return the fault that hits the tool calls of an episode; None: none."""
        return _pick(self.tool_faults, TOOL_FAULT_KINDS, self.draw("tool fault", prompt, repeat))

    def batch_fault(self, prompt: str, nth: int) -> str | None:
        """Return what happens to a prompt in a batch the ``nth`` time it is asked; None: nothing."""
        return _pick(self.batches, BATCH_FAULT_KINDS, self.draw("batch fault", prompt, nth))

    def first_token_s(self, prompt: str, nth: int) -> float:
        """Return the time to the first token, lognormal around its median."""
        if not self.ttft_sigma:
            return self.ttft_s
        return self.ttft_s * _lognormal(self.draw("ttft", prompt, nth), self.ttft_sigma)

    def gaps_s(self, prompt: str, nth: int, count: int) -> list[float]:
        """Return the times between ``count`` + 1 tokens."""
        if not self.gap_sigma:
            return [self.gap_s] * count
        return [
            self.gap_s * _lognormal(self.draw("gap", prompt, nth, k), self.gap_sigma) for k in range(count)
        ]


NESTED_SETTINGS: Mapping[str, type] = {
    "reasoning": Reasoning,
    "capacity": ServerCapacity,
    "faults": Faults,
    "tool_faults": ToolFaults,
    "batches": Batches,
    "price": Price,
}
"""The settings that are mappings of their own."""


def _pick(shares: Faults | ToolFaults | Batches, kinds: Sequence[str], drawn: float) -> str | None:
    """Return the kind whose share of (0, 1) holds a draw. None: none does."""
    for kind in kinds:
        drawn -= getattr(shares, kind)
        if drawn < 0:
            return kind
    return None


def _check_sum(shares: Faults | ToolFaults | Batches, kinds: Sequence[str], where: str) -> None:
    total = sum(getattr(shares, kind) for kind in kinds)
    if total > 1:
        raise InputError(f"{where}: the shares add up to {total:g}; lower them to a sum of at most 1")


def _lognormal(uniform: float, sigma: float) -> float:
    return math.exp(sigma * _NORMAL.inv_cdf(uniform))


def _hash_uniform(*what: object) -> float:
    digest = hashlib.blake2b("\x1f".join(map(str, what)).encode(), digest_size=8).digest()
    return (int.from_bytes(digest) + 0.5) / 2**64


def _require_mapping(value: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise InputError(f"{where}: found {value!r}; expected a mapping")
    return value


class _Bounds(NamedTuple):
    """What a number may be."""

    description: str
    minimum: float = 0
    maximum: float = math.inf
    is_integer: bool = False
    is_optional: bool = False

    def check(self, value: Any, where: str) -> None:
        """Raise ``InputError`` for a value out of bounds."""
        if value is None and self.is_optional:
            return
        # YAML's yes and no are numbers to Python.
        kinds = (int,) if self.is_integer else (int, float)
        if (
            isinstance(value, bool)
            or not isinstance(value, kinds)
            or not math.isfinite(value)
            or not self.minimum <= value <= self.maximum
        ):
            raise InputError(f"{where}: found {value!r}; expected {self.description}")


_SHARE = _Bounds("a share from 0 to 1", maximum=1)
_NUMBER = _Bounds("a number of at least 0")
_COUNT = _Bounds("a whole number of at least 0", is_integer=True)
_SIZE = _Bounds("a whole number of at least 1", minimum=1, is_integer=True)
_BOUNDS: Mapping[str, _Bounds] = {
    **dict.fromkeys(
        ("rho", "refuse", "unparsed", *FAULT_KINDS, *TOOL_FAULT_KINDS, *BATCH_FAULT_KINDS), _SHARE
    ),
    **dict.fromkeys(("ttft_s", "ttft_sigma", "gap_s", "gap_sigma", "slow_s", "rung_slope"), _NUMBER),
    **dict.fromkeys(("delay_s", "input_usd_per_mtok", "output_usd_per_mtok"), _NUMBER),
    **dict.fromkeys(("image_tokens", "tokens", "streams", "polls", "refuse_first", "cut_first"), _COUNT),
    **dict.fromkeys(("tokens_per_chunk", "chars_per_token"), _SIZE),
    "seed": _Bounds("a whole number", minimum=-math.inf, is_integer=True),
    "queue": _Bounds(
        "a whole number of at least 0, or nothing for no bound", is_integer=True, is_optional=True
    ),
    "prefill_tokens_per_s": _Bounds(
        "a number of at least 1, or nothing for at once", minimum=1, is_optional=True
    ),
    "cached_input_usd_per_mtok": _Bounds(
        "a number of at least 0, or nothing for the input price", is_optional=True
    ),
    "retry_after_s": _Bounds("a number of at least 0, or nothing for no header", is_optional=True),
}


def _check_keys(kind: type, given: Mapping[str, Any], where: str) -> dict[str, Any]:
    known = [item.name for item in dataclasses.fields(kind)]
    for key, value in given.items():
        if key not in known:
            near = difflib.get_close_matches(str(key), known, 1)
            hint = f"did you mean {near[0]!r}? " if near else ""
            raise InputError(f"{where}.{key}: unknown key; {hint}known keys: {', '.join(known)}")
        if key in _BOUNDS:
            _BOUNDS[key].check(value, f"{where}.{key}")
    return dict(given)

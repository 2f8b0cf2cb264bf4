"""Models set against each other, answer by answer: the measured counterpart of an arena's rating.

Who won is what a judge said of both orders, or, without a judge, whose answer scored higher. Strengths are Bradley-Terry's on the Elo
scale, resampled by request, with the advantage of being shown first and of being longer taken out. A difference of Elo is a
win rate; a level, or a percentage of one, means nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import orjson
import pandas as pd

from gapbench.analysis.frames import Runs, judging_runs, load_runs
from gapbench.stats import Floats, Ints, Strengths, bradley_terry, elo_win_rate
from gapbench.stats.bradley_terry import ELO_PER_LOGIT
from gapbench.store import read_attempts
from gapbench.store.json_records import records

RESAMPLES = 1_000
_RIDGE = 1e-2
_SEPARATION_LOGITS = 8.0
"""Odds of three thousand to one for a style alone: then it separates the outcomes, and the fit has no finite answer."""
_LENGTH, _FIRST = "length", "being shown first"
_OUTCOMES = {"first": 1.0, "second": 0.0, "tie": 0.5}
BATTLES = ("task", "sample_id", "repeat", "first", "second", "outcome", "chars_first", "chars_second")


@dataclass(frozen=True)
class ArenaRatings:
    """Ratings from comparisons.

    Attributes:
        frame: One row for each model, strongest first: ``model_id``, ``weights``, ``elo`` with ``elo_low`` and ``elo_high`` (95 %, requests
            resampled), ``battles``, ``wins``, ``ties``, ``losses``, ``win_rate`` (the share won, ties as
            half), ``simulated``.
        gap: Best closed minus best open: ``closed``, ``open``, ``elo``, ``elo_low``, ``elo_high``, ``win_rate`` (expected at
            that Elo). None: one side is missing.
        preference: ``judge`` or ``score``.
        judges: Names of the judges.
        length_elo: Elo that an answer gains by being all there is of both texts instead of none; what was taken out. None: not fitted.
        first_elo: Elo that being shown first gains; taken out too. None: not fitted.
        contradicted_share: Share of pairs that the judge decided for opposite sides when their order was turned. None: no judge.
        unreadable_verdicts: Comparisons without a readable verdict.
        simulated: Whether any answer or judge is simulated.
        warnings: One sentence for each thing that a reader must know.
    """

    frame: pd.DataFrame
    gap: dict[str, Any] | None
    preference: Literal["judge", "score"]
    judges: tuple[str, ...]
    length_elo: float | None
    first_elo: float | None
    contradicted_share: float | None
    unreadable_verdicts: int
    simulated: bool
    warnings: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Return the shape of ``bench rate_models --json``."""
        return {
            "schema": 1,
            "rows": records(self.frame),
            "gap": self.gap,
            "preference": self.preference,
            "judges": list(self.judges),
            "length_elo": self.length_elo,
            "first_elo": self.first_elo,
            "contradicted": self.contradicted_share,
            "unread": self.unreadable_verdicts,
            "warnings": self.warnings,
            "simulated": self.simulated,
        }


def rate_models(
    runs: Runs | Sequence[Path], preference: Literal["judge", "score"] | None = None
) -> ArenaRatings:
    """Return the ratings of the models of runs.

    Args:
        runs: Run folders, or what was read from them.
        preference: ``judge``: what `bench rate_models --judge` brought; ``score``: whose answer scored higher. None: the judge where there is one.

    Raises:
        ResultsError: A folder is no run.
    """
    read_runs = load_runs(runs)
    judged, names, unread, is_simulated = _read_judgments(read_runs)
    chosen = preference or ("judge" if len(judged) else "score")
    battles = judged if chosen == "judge" else _score_battles(read_runs)
    return _fit_ratings(read_runs, battles, chosen, names if chosen == "judge" else (), unread, is_simulated)


def _read_judgments(runs: Runs) -> tuple[pd.DataFrame, tuple[str, ...], int, bool]:
    """Return what judges said, their names, the verdicts that could not be read, and whether one was simulated."""
    rows: list[dict[str, Any]] = []
    names: dict[str, None] = {}
    unread, is_simulated = 0, False
    lengths = {
        (row["task"], row["sample_id"], row["repeat"], row["model_id"]): row["output_chars"]
        for row in records(
            runs.measured_attempts[["task", "sample_id", "repeat", "model_id", "output_chars"]]
        )
    }
    for folder in runs.folders:
        for judging in judging_runs(folder, ["arena"]):
            columns = ["sample_id", "final", "outcome", "answer", "model_id", "simulated"]
            said = read_attempts([judging], columns)
            for row in records(said[said["final"]]):
                names[str(row["model_id"])] = None
                is_simulated |= bool(row["simulated"])
                task, sample_id, repeat, first, second = orjson.loads(row["sample_id"])
                if row["outcome"] != "unscored":
                    unread += 1
                    continue
                longs = [lengths.get((task, sample_id, repeat, model), 0) for model in (first, second)]
                outcome = _OUTCOMES[str(row["answer"])]
                rows.append(
                    dict(zip(BATTLES, (task, sample_id, repeat, first, second, outcome, *longs), strict=True))
                )
    return pd.DataFrame(rows, columns=list(BATTLES)), tuple(names), unread, is_simulated


def _score_battles(runs: Runs) -> pd.DataFrame:
    """Return every two models' answers to one request, the higher score winning; equal scores are a tie."""
    scored = runs.measured_attempts[runs.measured_attempts["scored"]]
    columns = ["task", "sample_id", "repeat", "load", "model_id", "score", "output_chars"]
    plain = scored[columns].astype({"task": str, "model_id": str}).drop_duplicates(columns[:5])
    both = plain.merge(plain, on=columns[:4], suffixes=("_first", "_second"))
    both = both[both["model_id_first"] < both["model_id_second"]]
    difference = both["score_first"].to_numpy(dtype=float) - both["score_second"].to_numpy(dtype=float)
    return pd.DataFrame(
        {
            "task": both["task"],
            "sample_id": both["sample_id"],
            "repeat": both["repeat"],
            "first": both["model_id_first"],
            "second": both["model_id_second"],
            "outcome": (np.sign(difference) + 1) / 2,
            "chars_first": both["output_chars_first"],
            "chars_second": both["output_chars_second"],
        }
    )


def _fit_ratings(
    runs: Runs,
    battles: pd.DataFrame,
    preference: Literal["judge", "score"],
    judges: tuple[str, ...],
    unread: int,
    is_simulated: bool,
) -> ArenaRatings:
    names = [name for name in runs.models if (battles[["first", "second"]] == name).to_numpy().any()]
    columns = [
        "model_id",
        "weights",
        "elo",
        "elo_low",
        "elo_high",
        "battles",
        "wins",
        "ties",
        "losses",
        "win_rate",
        "simulated",
    ]
    simulated = runs.simulated or is_simulated
    if len(names) < 2:
        said = "there are no two models with answers to the same requests, so there is nothing to rate"
        return ArenaRatings(
            pd.DataFrame(columns=columns),
            None,
            preference,
            judges,
            None,
            None,
            None,
            unread,
            simulated,
            [said],
        )
    code = {name: number for number, name in enumerate(names)}
    first, second = (_name_codes(battles[side], code) for side in ("first", "second"))
    outcome = battles["outcome"].to_numpy(dtype=np.float64)
    clusters = pd.factorize(battles["task"].astype(str) + "\x1f" + battles["sample_id"].astype(str))[
        0
    ].astype(np.int64)
    style = _style_covariates(battles) if preference == "judge" else None
    warnings: list[str] = []

    def fitted(covariates: Floats | None) -> Strengths:
        fit: dict[str, Any] = {"covariates": covariates, "clusters": clusters, "resamples": RESAMPLES}
        try:
            return bradley_terry(first, second, outcome, len(names), **fit)
        except ValueError:
            said = "a model never lost to another, or never won: its rating is held finite and says little"
            if said not in warnings:
                warnings.append(said)
            return bradley_terry(first, second, outcome, len(names), ridge=_RIDGE, **fit)

    found = fitted(style)
    taken_out = [] if style is None else [_LENGTH, _FIRST]
    telling: list[str] = []
    while style is not None and (beyond := np.abs(found.effects) > _SEPARATION_LOGITS).any():
        # Of two, length first: both orders are asked, so being first cannot pass for strength.
        place = int(beyond.argmax())
        telling.append(taken_out.pop(place))
        style = np.delete(style, place, axis=1)
        found = fitted(style)
    if telling:
        warnings.append(
            f"{' or '.join(telling)} alone tells the winners from the losers, so its effect cannot be told from "
            "strength; the ratings are not corrected for it"
        )
    effects = dict(zip(taken_out, (found.effects * ELO_PER_LOGIT).tolist(), strict=True))
    rows = [_rating_row(runs, name, place, found, first, second, outcome) for name, place in code.items()]
    frame = (
        pd.DataFrame(rows, columns=columns)
        .sort_values("elo", ascending=False, kind="stable")
        .reset_index(drop=True)
    )
    return ArenaRatings(
        frame,
        _gap(frame, code, found),
        preference,
        judges,
        effects.get(_LENGTH),
        effects.get(_FIRST),
        _contradiction_share(battles) if preference == "judge" else None,
        unread,
        simulated,
        warnings,
    )


def _name_codes(names: pd.Series[Any], code: Mapping[str, int]) -> Ints:
    """Return each name's number."""
    return np.array([code[str(name)] for name in names], dtype=np.int64)


def _style_covariates(battles: pd.DataFrame) -> Floats:
    """Return the length difference as a share of both texts, and a one for being shown first."""
    one, other = (battles[f"chars_{side}"].to_numpy(dtype=np.float64) for side in ("first", "second"))
    both = one + other
    length = np.divide(one - other, both, out=np.zeros_like(both), where=both > 0)
    return np.column_stack([length, np.ones_like(length)])


def _rating_row(
    runs: Runs,
    name: str,
    place: int,
    strengths: Strengths,
    first: np.ndarray[Any, Any],
    second: np.ndarray[Any, Any],
    outcome: np.ndarray[Any, Any],
) -> dict[str, Any]:
    won = np.concatenate([outcome[first == place], 1 - outcome[second == place]])
    assert strengths.elo_low is not None
    assert strengths.elo_high is not None
    model = runs.model(name)
    return {
        "model_id": name,
        "weights": model.weights,
        "elo": float(strengths.elo[place]),
        "elo_low": float(strengths.elo_low[place]),
        "elo_high": float(strengths.elo_high[place]),
        "battles": len(won),
        "wins": int((won == 1).sum()),
        "ties": int((won == 0.5).sum()),
        "losses": int((won == 0).sum()),
        "win_rate": float(won.mean()),
        "simulated": model.simulated,
    }


def _gap(frame: pd.DataFrame, code: dict[str, int], strengths: Strengths) -> dict[str, Any] | None:
    best = {side: frame[frame["weights"] == side]["model_id"] for side in ("closed", "open")}
    if best["closed"].empty or best["open"].empty:
        return None
    closed, opened = (str(best[side].iloc[0]) for side in ("closed", "open"))
    interval = strengths.gap_interval(code[closed], code[opened])
    assert interval is not None
    elo = float(strengths.elo[code[closed]] - strengths.elo[code[opened]])
    return {
        "closed": closed,
        "open": opened,
        "elo": elo,
        "elo_low": interval[0],
        "elo_high": interval[1],
        "win_rate": elo_win_rate(elo),
    }


def _contradiction_share(battles: pd.DataFrame) -> float | None:
    """Return the share of pairs, decided in both orders, whose two verdicts name opposite winners."""
    turned = battles.rename(columns={"first": "second", "second": "first", "outcome": "turned"})
    key = ["task", "sample_id", "repeat", "first", "second"]
    both = battles.merge(turned[[*key, "turned"]], on=key)
    both = both[(both["first"] < both["second"]) & (both["outcome"] != 0.5) & (both["turned"] != 0.5)]
    return float((both["outcome"] == both["turned"]).mean()) if len(both) else None

"""Arena ratings: models compared answer by answer, rated on the Elo scale.

A comparison is won by the answer that a judge prefers (both orders are asked) or, without a judge, by the answer with
the higher score. The ratings are Bradley-Terry strengths with intervals from a bootstrap over requests. With a judge,
the effects of being shown first and of being longer are removed. A difference in Elo corresponds to a win rate; an
absolute level, or a percentage of it, has no meaning.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import orjson
import pandas as pd

from gapbench.analysis.frames import Runs, load_runs
from gapbench.analysis.run_folders import judging_runs
from gapbench.stats import Floats, Ints, Strengths, bradley_terry, elo_win_rate
from gapbench.stats.bradley_terry import ELO_PER_LOGIT
from gapbench.store import read_attempts
from gapbench.store.json_records import records

RESAMPLES = 1_000
_RIDGE = 1e-2
_SEPARATION_LOGITS = 8.0
"""Odds of three thousand to one from style alone: the style then separates the outcomes, and the fit diverges."""
_LENGTH, _FIRST = "length", "being shown first"
_OUTCOMES = {"first": 1.0, "second": 0.0, "tie": 0.5}
_RATING_COLUMNS = [
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
BATTLES = ("task", "sample_id", "repeat", "first", "second", "outcome", "chars_first", "chars_second")


@dataclass(frozen=True)
class ArenaRatings:
    """Ratings from comparisons.

    Attributes:
        frame: One row for each model, strongest first: ``model_id``, ``weights``, ``elo`` with ``elo_low`` and
            ``elo_high`` (95 %, bootstrap over requests), ``battles``, ``wins``, ``ties``, ``losses``, ``win_rate``
            (share won, ties count half), ``simulated``.
        gap: Best closed minus best open: ``closed``, ``open``, ``elo``, ``elo_low``, ``elo_high``, ``win_rate``
            (expected at that difference). None if one side is missing.
        preference: ``judge`` or ``score``.
        judges: Names of the judges.
        length_elo: Elo gained when an answer makes up all of the two texts instead of none of them. The ratings are
            corrected for it. None if not fitted.
        first_elo: Elo gained by being shown first. The ratings are corrected for it. None if not fitted.
        contradicted_share: Share of pairs for which the judge changed sides when the order was swapped. None without
            a judge.
        unreadable_verdicts: Comparisons without a readable verdict.
        simulated: Whether any answer or judge is simulated.
        warnings: One sentence for each caveat that readers need to know.
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
        """Return the shape of ``bench arena --json``."""
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
        runs: Run folders, or runs already loaded.
        preference: ``judge``: the verdicts that `bench arena --judge` collected. ``score``: the answer with the higher
            score wins. None: ``judge`` if there are verdicts, else ``score``.

    Raises:
        ResultsError: A folder is not a run.
    """
    read_runs = load_runs(runs)
    judgments = _read_judgments(read_runs)
    chosen = preference or ("judge" if len(judgments.battles) else "score")
    battles = judgments.battles if chosen == "judge" else _score_battles(read_runs)
    names = [name for name in read_runs.models if (battles[["first", "second"]] == name).to_numpy().any()]
    if len(names) < 2:
        fit, frame, best_gap = None, pd.DataFrame(columns=_RATING_COLUMNS), None
        warnings = ["there are no two models with answers to the same requests, so there is nothing to rate"]
    else:
        fit = _fit(battles, names, correct_style=chosen == "judge")
        frame, best_gap, warnings = _ratings_frame(read_runs, fit), _gap(read_runs, fit), fit.warnings
    return ArenaRatings(
        frame=frame,
        gap=best_gap,
        preference=chosen,
        judges=judgments.judges if chosen == "judge" else (),
        length_elo=fit.effects_elo.get(_LENGTH) if fit else None,
        first_elo=fit.effects_elo.get(_FIRST) if fit else None,
        contradicted_share=_contradiction_share(battles) if fit and chosen == "judge" else None,
        unreadable_verdicts=judgments.unreadable,
        simulated=read_runs.simulated or judgments.is_simulated,
        warnings=[*warnings, *read_runs.applied_weights.counts_items("a rating counts the battles of")],
    )


@dataclass(frozen=True)
class _Judgments:
    """Verdicts of all judges.

    Attributes:
        battles: One row for each readable verdict; columns :data:`BATTLES`.
        judges: Names of the judges.
        unreadable: Verdicts that could not be read.
        is_simulated: Whether any judge is simulated.
    """

    battles: pd.DataFrame
    judges: tuple[str, ...]
    unreadable: int
    is_simulated: bool


def _read_judgments(runs: Runs) -> _Judgments:
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
            verdicts = read_attempts([judging], columns)
            for row in records(verdicts[verdicts["final"]]):
                names[str(row["model_id"])] = None
                is_simulated |= bool(row["simulated"])
                battle = _read_battle(str(row["sample_id"]))
                outcome = _OUTCOMES.get(str(row["answer"])) if row["outcome"] == "unscored" else None
                if battle is None or outcome is None:
                    unread += 1
                    continue
                request, models = battle[:3], battle[3:]
                longs = [lengths.get((*request, model), 0) for model in models]
                rows.append(dict(zip(BATTLES, (*battle, outcome, *longs), strict=True)))
    return _Judgments(pd.DataFrame(rows, columns=list(BATTLES)), tuple(names), unread, is_simulated)


def _read_battle(question_id: str) -> tuple[str, str, int, str, str] | None:
    """Return task, sample, repeat and both models of a judge's question. None: its id is not of that form."""
    try:
        match orjson.loads(question_id):
            case [str() as task, str() as sample_id, int() as repeat, str() as first, str() as second]:
                return task, sample_id, repeat, first, second
    except orjson.JSONDecodeError:
        pass
    return None


def _score_battles(runs: Runs) -> pd.DataFrame:
    """Return each pair of models on each request. The higher score wins; equal scores are a tie."""
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


@dataclass(frozen=True)
class _Battles:
    """Comparisons in the form that the fit takes.

    Attributes:
        first: Code of the model shown first.
        second: Code of the other model.
        outcome: 1 if the first won, 0 if the second won, 0.5 for a tie.
        clusters: Code of the request; comparisons over one request are resampled together.
        players: Number of models.
    """

    first: Ints
    second: Ints
    outcome: Floats
    clusters: Ints
    players: int

    def fit(self, covariates: Floats | None) -> tuple[Strengths, list[str]]:
        """Return the strengths and warnings about them."""
        codes = (self.first, self.second, self.outcome, self.players)
        options: dict[str, Any] = {
            "covariates": covariates,
            "clusters": self.clusters,
            "resamples": RESAMPLES,
        }
        try:
            return bradley_terry(*codes, **options), []
        except ValueError:
            warning = (
                "a model never lost to another, or never won: its rating is kept finite but is unreliable"
            )
            return bradley_terry(*codes, ridge=_RIDGE, **options), [warning]


@dataclass(frozen=True)
class _Fit:
    """Fitted ratings.

    Attributes:
        names: The models, by code.
        battles: The comparisons.
        strengths: By code.
        effects_elo: Elo of each style effect that the strengths are corrected for.
        warnings: Caveats about the fit.
    """

    names: list[str]
    battles: _Battles
    strengths: Strengths
    effects_elo: dict[str, float]
    warnings: list[str]


def _fit(battles: pd.DataFrame, names: list[str], *, correct_style: bool) -> _Fit:
    code = {name: number for number, name in enumerate(names)}
    request = battles["task"].astype(str) + "\x1f" + battles["sample_id"].astype(str)
    coded = _Battles(
        _name_codes(battles["first"], code),
        _name_codes(battles["second"], code),
        battles["outcome"].to_numpy(dtype=np.float64),
        pd.factorize(request)[0].astype(np.int64),
        len(names),
    )
    effects = [_LENGTH, _FIRST] if correct_style else []
    style = _style_covariates(battles) if correct_style else None
    strengths, warnings = coded.fit(style)
    separating: list[str] = []
    while style is not None and (beyond := np.abs(strengths.effects) > _SEPARATION_LOGITS).any():
        # If both effects separate the outcomes, drop length first. Both orders are asked, so being shown first
        # cannot be mistaken for strength.
        place = int(beyond.argmax())
        separating.append(effects.pop(place))
        style = np.delete(style, place, axis=1)
        strengths, more = coded.fit(style)
        warnings += more
    warnings = list(dict.fromkeys(warnings))
    if separating:
        warnings.append(
            f"{' or '.join(separating)} alone separates the winners from the losers, so its effect cannot be separated "
            "from strength; the ratings are not corrected for it"
        )
    elo = (strengths.effects * ELO_PER_LOGIT).tolist()
    return _Fit(names, coded, strengths, dict(zip(effects, elo, strict=True)), warnings)


def _name_codes(names: pd.Series[Any], code: Mapping[str, int]) -> Ints:
    return np.array([code[str(name)] for name in names], dtype=np.int64)


def _style_covariates(battles: pd.DataFrame) -> Floats:
    """Return two covariates: the length difference as a share of both texts, and 1 for being shown first."""
    one, other = (battles[f"chars_{side}"].to_numpy(dtype=np.float64) for side in ("first", "second"))
    both = one + other
    length = np.divide(one - other, both, out=np.zeros_like(both), where=both > 0)
    return np.column_stack([length, np.ones_like(length)])


def _ratings_frame(runs: Runs, fit: _Fit) -> pd.DataFrame:
    rows = [_rating_row(runs, name, place, fit) for place, name in enumerate(fit.names)]
    frame = pd.DataFrame(rows, columns=_RATING_COLUMNS)
    return frame.sort_values("elo", ascending=False, kind="stable").reset_index(drop=True)


def _rating_row(runs: Runs, name: str, place: int, fit: _Fit) -> dict[str, Any]:
    battles, strengths = fit.battles, fit.strengths
    won = np.concatenate(
        [battles.outcome[battles.first == place], 1 - battles.outcome[battles.second == place]]
    )
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


def _gap(runs: Runs, fit: _Fit) -> dict[str, Any] | None:
    """Return the best closed model minus the best open one, or None if one side is missing."""
    elo, places = fit.strengths.elo, range(len(fit.names))
    closed, opened = (
        [place for place in places if runs.model(fit.names[place]).weights == weights]
        for weights in ("closed", "open")
    )
    if not closed or not opened:
        return None
    best_closed, best_open = (max(side, key=lambda place: float(elo[place])) for side in (closed, opened))
    interval = fit.strengths.gap_interval(best_closed, best_open)
    assert interval is not None
    gap_elo = float(elo[best_closed] - elo[best_open])
    return {
        "closed": fit.names[best_closed],
        "open": fit.names[best_open],
        "elo": gap_elo,
        "elo_low": interval[0],
        "elo_high": interval[1],
        "win_rate": elo_win_rate(gap_elo),
    }


def _contradiction_share(battles: pd.DataFrame) -> float | None:
    """Return, among pairs decided in both orders, the share whose two verdicts name different winners."""
    turned = battles.rename(columns={"first": "second", "second": "first", "outcome": "turned"})
    key = ["task", "sample_id", "repeat", "first", "second"]
    both = battles.merge(turned[[*key, "turned"]], on=key)
    both = both[(both["first"] < both["second"]) & (both["outcome"] != 0.5) & (both["turned"] != 0.5)]
    return float((both["outcome"] == both["turned"]).mean()) if len(both) else None

"""Recommendations: the predictor that the app recommends for each study of a cohort, by endpoint, with what it rests on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import sqrt

import polars as pl

from core.cohort import frame as cohort_frame
from core.cohort.query import CohortQuery
from core.errors import NotMeasured, UnknownName
from core.finding import Finding
from core.response.closer import patients
from core.response.closer.compared import FEWEST, FEWEST_OF_EACH
from core.response.closer.patients import Judged, Variant
from core.response.outcome import Floats
from core.response.paired import compare_within, covariance_within
from core.response.predicted import treated, untreated
from core.response.recommended import MOST_OF, Candidate, Choice, choose, tier
from core.response.sharing import sharing
from core.survival.endpoint import ENTRY, endpoint
from core.survival.kaplan_meier import Z95
from core.survival.paired_concordance import covariance, paired_concordance
from data.store import Store
from models import MODULES

ENDPOINTS = {"response": "Response", "os": "Overall survival", "pfs": "Progression-free survival"}
FEWEST_EVENTS = 10
RECOMMENDED, UNSHOWN = "recommended", "first, but not above chance"
"""Marks of a row."""
Estimate = Callable[[pl.DataFrame, Sequence[str]], tuple[Floats, Floats]]
Difference = Callable[[pl.DataFrame, str, str], Finding]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recommendation:
    """What is recommended for one study and endpoint.

    Attributes
    ----------
    choice : see `core.response.recommended.Choice`; its keys are the score columns of `variants`. n : patients with the
        outcome and any score. events : responders, or events. cohorts : every comparison is among patients of one of them.
    prognosis : nobody there is known to have had ICB, so that the score can foretell survival but not a benefit.
    apart : cohorts whose scores by the one picked, or by one picked before them, are left out, because they seem to hold
        patients of its training.
    """

    study: str
    endpoint: str
    choice: Choice
    variants: tuple[Variant, ...]
    n: int
    events: int
    cohorts: int
    prognosis: bool = False
    apart: tuple[str, ...] = ()

    @property
    def picked(self) -> Variant | None:
        """The predictor and protocol that the rule ends at."""
        return self.named(self.choice.picked.key) if self.choice.picked else None

    @property
    def recommended(self) -> Variant | None:
        """The predictor and protocol recommended: where the rule ends, if that is shown to beat chance."""
        return self.picked if self.choice.picked and self.choice.picked.shown else None

    def mark(self, predictor: str, protocol: str) -> str:
        """What stands beside a row: "recommended", that the rule ends there without beating chance, or ""."""
        at = self.picked
        if at is None or (at.predictor, at.protocol) != (predictor, protocol):
            return ""
        return RECOMMENDED if self.recommended else UNSHOWN

    def named(self, key: str) -> Variant:
        """The variant of a key of the choice."""
        return next(v for v in self.variants if v.score == key)


def recommendations(store: Store, query: CohortQuery, *, endpoint: str = "response") -> tuple[Recommendation, ...]:
    """One for each study of the query in which a predictor can be judged; filters apply.

    Response is judged by AUC, a survival endpoint by Harrell's c-index of the same score, each among patients of the same
    cohort only, cohorts weighted by their pairs. Never in-sample; a cohort that seems to hold patients who trained the one
    picked is taken away from it, and the rule applied anew.

    Raises
    ------
    UnknownName
        The endpoint is not one of ENDPOINTS.
    EmptyCohort, NotMeasured
        Nobody matches; or nobody has the outcome with an out-of-sample score.
    """
    if endpoint not in ENDPOINTS:
        raise UnknownName(f"there is no endpoint '{endpoint}'; there are {', '.join(ENDPOINTS)}")
    if endpoint == "response":
        return of_response(store, patients.judged(store, query))
    return _of_survival(store, query, endpoint)


def of_response(store: Store, found: Judged) -> tuple[Recommendation, ...]:
    """As `recommendations` for response, of patients already at hand."""
    variants = patients_distinct(found.variants)

    def estimate(frame: pl.DataFrame, scores: Sequence[str]) -> tuple[Floats, Floats]:
        return covariance_within(frame.select(scores).to_numpy(), frame["response"].to_numpy(), frame["_stratum"].to_numpy())

    def difference(frame: pl.DataFrame, one: str, other: str) -> Finding:
        return compare_within(frame.select(one, other).to_numpy(), frame["response"].to_numpy(), frame["_stratum"].to_numpy())

    def enough(frame: pl.DataFrame) -> bool:
        hits = int(frame["response"].sum())
        return frame.height >= FEWEST and min(hits, frame.height - hits) >= FEWEST_OF_EACH

    return tuple(
        _recommended(store, part, variants, study=str(study), endpoint="response", outcome="response", tools=(estimate, difference, enough))
        for (study,), part in found.frame.group_by("study", maintain_order=True)
    )


def _of_survival(store: Store, query: CohortQuery, outcome: str) -> tuple[Recommendation, ...]:
    columns = ("patient_id", "study", "cohort", "arm", "drug_class", f"{outcome}_months", f"{outcome}_event", ENTRY)
    everyone = cohort_frame.patients(store, query, columns=columns).drop_nulls([f"{outcome}_months", f"{outcome}_event"])
    found = patients.every_score(store, query)
    frame = everyone.join(found, on="patient_id", how="inner", maintain_order="left")
    if frame.is_empty():
        raise cohort_frame.not_measured(
            f"{ENDPOINTS[outcome]} with a predictor's score", query, elsewhere=cohort_frame.studies_with(store, f"{outcome}_months")
        )
    names = [name.split("|")[1:] for name in found.columns if name.startswith("score|")]
    order = {name: i for i, name in enumerate(MODULES)}
    variants = patients_distinct(
        tuple(sorted((Variant(predictor=p, protocol=q) for p, q in names), key=lambda v: (order[v.predictor], v.protocol)))
    )

    def survival(part: pl.DataFrame, scores: Sequence[str]) -> tuple[Floats, dict[str, object]]:
        data = endpoint(part, outcome)
        return part.select(scores).to_numpy()[data.rows], {
            "time": data.time, "event": data.event, "entry": data.entry, "stratum": part["_stratum"].to_numpy()[data.rows],
        }  # fmt: skip

    def estimate(part: pl.DataFrame, scores: Sequence[str]) -> tuple[Floats, Floats]:
        values, rest = survival(part, scores)
        return covariance(values, **rest)  # type: ignore[arg-type]

    def difference(part: pl.DataFrame, one: str, other: str) -> Finding:
        values, rest = survival(part, [one, other])
        return paired_concordance(values, **rest)  # type: ignore[arg-type]

    def enough(part: pl.DataFrame) -> bool:
        return part.height >= FEWEST and int(part[f"{outcome}_event"].sum()) >= FEWEST_EVENTS

    made = []
    for (study,), part in frame.group_by("study", maintain_order=True):
        with_icb = not part.filter(treated()).is_empty()
        kept = part.filter(~untreated()) if with_icb else part
        made.append(
            _recommended(store, kept, variants, study=str(study), endpoint=outcome, outcome=f"{outcome}_event", tools=(estimate, difference, enough), prognosis=not with_icb)
        )  # fmt: skip
    return tuple(made)


def patients_distinct(variants: Sequence[Variant]) -> tuple[Variant, ...]:
    """Variants without recalibrated LORIS where LORIS itself is: it ranks patients alike."""
    loris = any(v.predictor == "loris" for v in variants)
    return tuple(v for v in variants if not (loris and v.predictor == "loris_recalibrated"))


def _recommended(
    store: Store,
    part: pl.DataFrame,
    variants: Sequence[Variant],
    *,
    study: str,
    endpoint: str,
    outcome: str,
    tools: tuple[Estimate, Difference, Callable[[pl.DataFrame], bool]],
    prognosis: bool = False,
) -> Recommendation:
    part = part.hstack(part.select(pl.col("cohort").rank("dense").cast(pl.Int64).alias("_stratum")))
    checked: set[str] = set()
    apart: list[str] = []
    choice = _choice(part, variants, tools)
    while choice.picked is not None and choice.picked.key not in checked:
        key = choice.picked.key
        checked.add(key)
        leaking = sharing_cohorts(store, study, next(v for v in variants if v.score == key)) & set(part.drop_nulls(key)["cohort"])
        if leaking:
            apart += sorted(leaking - set(apart))
            part = part.with_columns(pl.when(~pl.col("cohort").is_in(sorted(leaking))).then(key).alias(key))
            choice = _choice(part, variants, tools)
            checked.discard(key)
    scored = part.filter(pl.any_horizontal(pl.col(v.score).is_not_null() for v in variants))
    return Recommendation(
        study=study, endpoint=endpoint, choice=choice, variants=tuple(variants), n=scored.height, events=int(scored[outcome].sum()),
        cohorts=scored["cohort"].n_unique(), prognosis=prognosis, apart=tuple(apart),
    )  # fmt: skip


def _choice(part: pl.DataFrame, variants: Sequence[Variant], tools: tuple[Estimate, Difference, Callable[[pl.DataFrame], bool]]) -> Choice:
    """The rule applied to one study's patients."""
    estimate, difference, enough = tools
    candidates = []
    for v in variants:
        mine = part.drop_nulls(v.score)
        if not enough(mine):
            continue
        value, spread = estimate(mine, [v.score])
        half = Z95 * sqrt(float(spread[0, 0])) if spread[0, 0] >= 0 else float("nan")
        middle = float(value[0])
        candidates.append(
            Candidate(key=v.score, tier=tier(v.predictor), estimate=middle, ci95=(max(0.0, middle - half), min(1.0, middle + half)), n=mine.height)
        )
    sizes = {c.key: c.n for c in candidates}

    def against(one: str, other: str) -> Finding | None:
        shared = part.drop_nulls([one, other])
        return difference(shared, one, other) if shared.height >= MOST_OF * sizes[one] and enough(shared) else None

    return choose(candidates, against=against)


def sharing_cohorts(store: Store, study: str, variant: Variant) -> frozenset[str]:
    """Cohorts of a study that seem to hold patients who trained a variant's scores; looked for once a database."""
    if variant.protocol == "out_of_fold":
        return frozenset()
    key = (store.version, study, variant.predictor, variant.protocol)
    if key not in _SHARING:
        scored = store.sql(
            "SELECT patient_id, study, cohort, protocol, trained_on FROM prediction WHERE study = $s AND predictor = $p AND protocol = $q AND score IS NOT NULL",
            {"s": study, "p": variant.predictor, "q": variant.protocol},
        )
        if len(_SHARING) >= MOST_KEPT:
            _SHARING.clear()
        _SHARING[key] = frozenset(one.cohort for one in sharing(store, scored) if one.shares)
    return _SHARING[key]


MOST_KEPT = 200
_SHARING: dict[tuple[str, str, str, str], frozenset[str]] = {}
"""What `sharing_cohorts` found: the search takes seconds where cohorts are large."""


def none_of(found: Sequence[Recommendation], *, endpoint: str) -> NotMeasured:
    """The error for an endpoint for which nothing can be recommended."""
    who = ", ".join(dict.fromkeys(r.study for r in found)) or "these patients"
    return NotMeasured(
        f"no predictor has enough patients of {who} to be recommended for {ENDPOINTS[endpoint].lower()}: it takes {FEWEST} with the outcome and "
        "its out-of-sample score; relax a filter or pick a larger study"
    )

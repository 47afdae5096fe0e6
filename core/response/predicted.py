"""Predicted response: a predictor's out-of-sample scores joined with outcomes and split into groups."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import polars as pl

from core.cohort import frame as cohort_frame
from core.cohort.query import CohortQuery
from core.errors import NotMeasured, TooFewPatients, UnknownName
from core.figures import words
from core.survival.split import split as split_at
from data.schema import ENDPOINTS, PROTOCOLS
from data.store import Store
from models import MODULES, Card, card

Split = Literal["published", "median", "tertiles", "quartiles"]

SPLITS: dict[Split, str] = {
    "published": "published cut",
    "median": "median",
    "tertiles": "tertiles",
    "quartiles": "quartiles",
}
OUT_OF_SAMPLE = tuple(name for name in PROTOCOLS if name != "in_sample")
"""Protocols in order of preference where a patient has several."""

SHORT = {
    "tmb": "TMB", "pdl1": "PD-L1", "cyt": "cytolytic activity", "gep": "GEP score", "cd8": "CD8 T-effector signature",
    "loris": "LORIS", "loris_recalibrated": "recalibrated LORIS", "elastic_net": "elastic net score",
    "multimodal": "multimodal score",
}  # fmt: skip
"""Predictors as a sentence says them."""

AXIS = {
    "cyt": "CYT",
    "gep": "GEP",
    "cd8": "CD8 T-eff",
    "loris_recalibrated": "recal. LORIS",
    "elastic_net": "Elastic net",
    "multimodal": "Multimodal",
}
"""Predictors as the label of a group says them, where that must be shorter than in a sentence."""

COLUMNS = ("patient_id", "study", "cohort", "cancer_type", "response", "recist", "arm", "drug_class")

_WITHIN: dict[Split, tuple[str, ...]] = {
    "median": (" < study median", " ≥ study median"),
    "tertiles": (", low third", ", middle third", ", high third"),
    "quartiles": (", Q1 (lowest)", ", Q2", ", Q3", ", Q4 (highest)"),
}
"""Names of groups whose cuts differ between the studies."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Predicted:
    """Scores of a cohort, split, beside the outcomes.

    Attributes
    ----------
    frame : patient_id, study, cohort, cancer_type, score, probability, protocol, group, response, recist, arm,
        drug_class, time, event; time in months and event of `endpoint`; rows without a score are left out, rows without
        an outcome are kept.
    groups : group names, lowest score first, with the value of the cut where it is one for all.
    cuts : study (or 'all') -> the scores at which it was cut; a score at a cut is in the upper group.
    n, n_missing : patients with a score; patients of the cohort without an out-of-sample score.
    n_in_sample : of those, patients left out because they trained the predictor.
    n_untreated : patients left out because they never had ICB; in neither of the counts above.
    prognosis : nobody with a score and the endpoint is known to have had ICB, and some never had: the score can
        foretell their survival but not a response.
    notes : what a caption must say.
    """

    card: Card
    endpoint: str
    split: Split
    frame: pl.DataFrame
    groups: tuple[str, ...]
    cuts: dict[str, tuple[float, ...]]
    protocols: tuple[str, ...]
    n: int
    n_missing: int
    n_in_sample: int
    n_untreated: int
    prognosis: bool
    notes: tuple[str, ...]


def available(store: Store, query: CohortQuery) -> pl.DataFrame:
    """Predictors that have out-of-sample scores here: predictor, label, protocols, n, has_cut; as listed in `models`."""
    condition, params = query.where()
    found = store.sql(
        f"""SELECT predictor, list(DISTINCT protocol ORDER BY protocol) AS protocols, count(DISTINCT patient_id) AS n
            FROM prediction WHERE protocol <> 'in_sample' AND score IS NOT NULL
              AND patient_id IN (SELECT patient_id FROM patient WHERE {condition})
            GROUP BY predictor""",
        params,
    )
    listed = pl.DataFrame(
        {
            "predictor": list(MODULES),
            "label": [card(name).label for name in MODULES],
            "has_cut": [card(name).published_cut is not None for name in MODULES],
        }
    )
    return listed.join(found, on="predictor", how="inner", maintain_order="left")


def endpoints(store: Store, query: CohortQuery) -> dict[str, str]:
    """Endpoints that at least one patient of the cohort has, with their labels."""
    condition, params = query.where()
    counted = ", ".join(f"count(*) FILTER ({e}_months IS NOT NULL AND {e}_event IS NOT NULL) AS {e}" for e in ENDPOINTS)
    row = store.sql(f"SELECT {counted} FROM patient WHERE {condition}", params).row(0, named=True)
    return {name: label for name, label in ENDPOINTS.items() if row[name]}


def scores(store: Store, query: CohortQuery, predictor: str) -> pl.DataFrame:
    """One out-of-sample score a patient: patient_id, score, probability, protocol, trained_on.

    Where a patient has several, the protocol listed first in PROTOCOLS is taken.
    """
    condition, params = query.where()
    found = store.sql(
        f"""SELECT patient_id, score, probability, protocol, trained_on FROM prediction
            WHERE predictor = $predictor AND protocol <> 'in_sample' AND score IS NOT NULL
              AND patient_id IN (SELECT patient_id FROM patient WHERE {condition})""",
        {**params, "predictor": predictor},
    )
    rank = {name: position for position, name in enumerate(OUT_OF_SAMPLE)}
    return (
        found.with_columns(
            pl.col("protocol").replace_strict(rank, default=len(rank), return_dtype=pl.Int32).alias("rank")
        )
        .sort("patient_id", "rank")
        .unique("patient_id", keep="first", maintain_order=True)
        .drop("rank")
    )


def predicted(
    store: Store, query: CohortQuery, predictor: str, *, split: Split = "median", endpoint: str = "os"
) -> Predicted:
    """Split a cohort by predicted response.

    Quantiles are taken within each study, so that a scale that differs between studies cannot make the groups.
    Patients who never had ICB are left out beside patients who did; where nobody did, they are kept. A patient whose
    treatment is not known is kept.

    Raises
    ------
    UnknownName
        No such predictor, split or endpoint.
    EmptyCohort, NotMeasured, TooFewPatients
        Nobody matches; nobody has the score or no cut was published; too few for this many groups.
    """
    if predictor not in MODULES:
        raise UnknownName(f"there is no predictor '{predictor}'; there are {', '.join(MODULES)}")
    if split not in SPLITS:
        raise UnknownName(f"there is no split '{split}'; there are {', '.join(SPLITS)}")
    if endpoint not in ENDPOINTS:
        raise UnknownName(f"there is no endpoint '{endpoint}'; there are {', '.join(ENDPOINTS)}")
    about = card(predictor)
    if split == "published" and about.published_cut is None:
        raise NotMeasured(f"no cut was published for {about.label}; split at the median, tertiles or quartiles instead")
    everyone = cohort_frame.patients(
        store,
        query,
        columns=(*COLUMNS, f"{endpoint}_months", f"{endpoint}_event"),
    ).rename({f"{endpoint}_months": "time", f"{endpoint}_event": "event"})
    scored = everyone.join(scores(store, query, predictor), on="patient_id", how="inner", maintain_order="left")
    if scored.is_empty():
        raise cohort_frame.not_measured(about.label, query, elsewhere=_studies_scored(store, predictor))
    with_icb = not scored.drop_nulls(["time", "event"]).filter(treated()).is_empty()
    prognosis = not with_icb and not scored.filter(untreated()).is_empty()
    left_out = everyone.filter(untreated()).height if with_icb else 0
    if left_out:
        everyone, scored = everyone.filter(~untreated()), scored.filter(~untreated())
    least = 0 if split == "published" else 2 * len(_WITHIN[split])
    if scored.height < least:
        raise TooFewPatients(
            f"{words.count(scored.height, 'patient')} with {about.label}; {SPLITS[split]} need at least {least}: relax a "
            "filter or split at the median"
        )
    frame, groups, cuts, remarks = _split(scored, about, split)
    in_sample = _in_sample(
        store, query, predictor=predictor, missing=everyone.join(scored, on="patient_id", how="anti")
    )
    missing = everyone.height - scored.height
    return Predicted(
        card=about,
        endpoint=endpoint,
        split=split,
        frame=frame,
        groups=groups,
        cuts=cuts,
        protocols=tuple(p for p in OUT_OF_SAMPLE if p in set(frame["protocol"])),
        n=frame.height,
        n_missing=everyone.height - frame.height,
        n_in_sample=in_sample,
        n_untreated=left_out,
        prognosis=prognosis,
        notes=(
            *remarks,
            *([f"{words.count(left_out, 'patient')} who never had ICB {_be(left_out)} left out."] if left_out else []),
            *_notes(about, missing=missing - in_sample, in_sample=in_sample),
        ),
    )


def untreated() -> pl.Expr:
    """Never had ICB; false where the treatment is not known."""
    return (pl.col("arm") == "control").fill_null(False) | (pl.col("drug_class") == "no ICB").fill_null(False)


def treated() -> pl.Expr:
    """Known to have had ICB."""
    return ((pl.col("arm") == "ICB").fill_null(False) | pl.col("drug_class").is_not_null()) & ~untreated()


def _split(
    scored: pl.DataFrame, about: Card, split: Split
) -> tuple[pl.DataFrame, tuple[str, ...], dict[str, tuple[float, ...]], list[str]]:
    """Rows with their group, the groups from the lowest, the cuts, and what to say about them."""
    name = AXIS.get(about.name, SHORT.get(about.name, about.label))
    unit = "%" if about.unit.startswith("%") else ""
    published = about.published_cut if split == "published" else None
    if published is not None or scored["study"].n_unique() == 1:
        made = (
            split_at(scored, "score", method="cut", cut=published.value, label=name, unit=unit)
            if published is not None
            else split_at(scored, "score", method=split, label=name, unit=unit)
        )
        remarks = [f"{published.meaning} ({published.source})."] if published is not None else []
        remarks += [f"{made.note[:1].upper()}{made.note[1:]}."] if made.note else []
        key = "all" if published is not None else str(scored["study"][0])
        grouped = scored.with_columns(made.groups.cast(pl.String).alias("group"))
        return grouped, tuple(reversed(made.labels)), {key: made.cuts}, remarks
    return _split_within(scored, name, split)


def _split_within(
    scored: pl.DataFrame, name: str, split: Split
) -> tuple[pl.DataFrame, tuple[str, ...], dict[str, tuple[float, ...]], list[str]]:
    """Each study cut at its own quantiles; a study that cannot be cut is left out."""
    labels = [f"{name}{tail}" for tail in _WITHIN[split]]
    parts, cuts, ties, failed = [], {}, [], []
    for (key,), part in scored.group_by("study", maintain_order=True):
        study = str(key)
        try:
            made = split_at(part, "score", method=split, label=name, unit="")
        except TooFewPatients:
            failed.append(f"{study} ({part.height:,})")
            continue
        cuts[study] = made.cuts
        ties += [f"{study}: {made.note}."] if made.note else []
        # with fewer groups than asked for, the outer ones keep their names
        last = len(made.labels) - 1
        named = {label: labels[round((last - i) * (len(labels) - 1) / last)] for i, label in enumerate(made.labels)}
        groups = made.groups.cast(pl.String).replace_strict(named, return_dtype=pl.String)
        parts.append(part.with_columns(groups.alias("group")))
    if not parts:
        raise TooFewPatients(
            f"{name} cannot be split within any of these studies; choose one study or another predictor"
        )
    at = "; ".join(f"{study} {', '.join(f'{cut:.3g}' for cut in own)}" for study, own in cuts.items())
    remarks = [f"{SPLITS[split].capitalize()} taken within each study, cut at: {at}.", *ties]
    if failed:
        remarks.append(f"Left out, too few patients or one value only: {', '.join(failed)}.")
    frame = pl.concat(parts)
    present = set(frame["group"])
    return frame, tuple(label for label in labels if label in present), cuts, remarks


def _studies_scored(store: Store, predictor: str) -> list[str]:
    found = store.sql(
        "SELECT study, count(*) AS n FROM prediction WHERE predictor = $p AND protocol <> 'in_sample' AND score IS NOT NULL "
        "GROUP BY study ORDER BY n DESC, study",
        {"p": predictor},
    )
    return list(found["study"])


def _in_sample(store: Store, query: CohortQuery, *, predictor: str, missing: pl.DataFrame) -> int:
    condition, params = query.where()
    found = store.sql(
        f"""SELECT DISTINCT patient_id FROM prediction WHERE predictor = $predictor AND protocol = 'in_sample'
            AND score IS NOT NULL AND patient_id IN (SELECT patient_id FROM patient WHERE {condition})""",
        {**params, "predictor": predictor},
    )
    return missing.join(found, on="patient_id", how="semi").height


def _notes(about: Card, *, missing: int, in_sample: int) -> list[str]:
    notes = []
    if in_sample:
        notes.append(f"{words.count(in_sample, 'patient')} trained {about.label}; in-sample scores are not shown.")
    if missing > 0:
        verbs = "has" if missing == 1 else "have"
        notes.append(
            f"{words.count(missing, 'patient')} {verbs} no {SHORT.get(about.name, about.label)} and {_be(missing)} left out."
        )
    return notes


def _be(n: int) -> str:
    return "is" if n == 1 else "are"

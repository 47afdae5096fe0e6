"""Comparator: agreement of a locked cut-off with another assay's published cut on the same patients. No outcome is read."""

from __future__ import annotations

from core.answer import Answer
from core.cohort.provenance import provenance
from core.cohort.query import CohortQuery
from core.errors import NotMeasured, TooFewPatients, UnknownName
from core.figures import words
from core.figures.two_by_two import two_by_two
from core.markers.cutoff.admission import fixed_values
from core.markers.cutoff.agreement import Agreement, agreement
from core.markers.cutoff.ledger import Ledger, Record
from core.markers.cutoff.performance import positive
from data.store import Store
from models import MODULES, card


def against(store: Store, query: CohortQuery, *, lock: Record, comparator: str, cut: float | None = None) -> Agreement:
    """Agreement of a lock's calls with a comparator's on the patients of a cohort who have both.

    Parameters
    ----------
    comparator : a marker's address; positive at or above its cut. cut : where None, the published one of a predictor.

    Raises
    ------
    NotMeasured
        Nobody has one of them, or the comparator has no published cut and none is given.
    """
    limit = published(comparator) if cut is None else cut
    mine, _ = fixed_values(store, query, str(lock.content["marker"]))
    theirs, _ = fixed_values(store, query, comparator)
    both = mine.join(theirs, on="patient_id", how="left", maintain_order="left", suffix="_other")
    calls = positive(both["value"].to_numpy(), cut=float(lock.content["cut"]), direction=str(lock.content["direction"]))
    return agreement(calls, positive(both["value_other"].to_numpy(), cut=limit, direction="high"))


def published(comparator: str) -> float:
    """The published cut of a predictor.

    Raises
    ------
    UnknownName
        There is no such predictor. NotMeasured : no cut was published for it.
    """
    kind, _, name = comparator.partition(":")
    if kind != "predictor" or name not in MODULES:
        raise UnknownName(f"'{comparator}' has no published cut; name a predictor such as predictor:tmb, or give a cut")
    cut = card(name).published_cut
    if cut is None:
        raise NotMeasured(f"no cut was published for {card(name).label}; give one")
    return cut.value


def compared_with(
    store: Store, query: CohortQuery, *, lock: str, comparator: str, folder: str, head: str = ""
) -> Answer:
    """PPA, NPA and kappa of a lock against a predictor at its published cut, in a sentence and a two-by-two figure.

    Raises
    ------
    As `against`; TooFewPatients : nobody has both.
    """
    locked = Ledger(folder).find(lock, kind="locked")
    found = against(store, query, lock=locked, comparator=f"predictor:{comparator}")
    about = card(comparator)
    name = f"{about.label} ≥ {published(f'predictor:{comparator}'):g}"
    if found.n == 0:
        raise TooFewPatients(f"no patient here has both {locked.content['label']} and {words.inside(about.label)}; choose another comparator")
    lacking = f"; {words.count(found.n_missing, 'patient')} {'lacks' if found.n_missing == 1 else 'lack'} one of them" if found.n_missing else ""
    source = provenance(store, query, n=found.n, n_missing=found.n_missing)
    beside = [f"{m} {words.ratio(e)} ({words.interval((a, b))})" for m, e, a, b in found.table().iter_rows() if e is not None]
    chart = two_by_two(
        (found.both, found.first_only, found.second_only, found.neither), provenance=source, rows=("Locked: positive", "Locked: negative"),
        columns=("Comparator: positive", "Comparator: negative"), beside=beside, slug="comparator",
        title=f"Agreement with {words.inside(name)}",
        caption=f"Patients called by both, n = {found.n:,}{lacking}. Wilson intervals; kappa with Fleiss, Cohen and Everitt's interval. "
        f"McNemar's test, exact: {words.p(found.mcnemar.p_value)}. The comparator is no truth: agreement is neither sensitivity nor specificity.",
    )  # fmt: skip
    kappa = words.estimate(found.kappa, letter="kappa")
    sentence = f"The locked cut-off calls {words.percent(found.ppa.estimate)} of the positives and {words.percent(found.npa.estimate)} of the negatives of {words.inside(name)} alike, {kappa}, n = {found.n:,}."
    return Answer(sentence=sentence, charts=(chart,))

"""Group rule: a group on the map as a few readable conditions, applied to other cohorts."""

from __future__ import annotations

import polars as pl

from core.answer import Answer
from core.cohort.provenance import provenance
from core.cohort.query import CohortQuery
from core.errors import NotMeasured
from core.figures.chart import Chart
from core.tme.group import group
from core.tme.rule import Rule, learn, transfer
from core.tme.signature_frame import IDENTITY, signature_frame
from data.store import Store

SHARED = 0.5
"""Share of the home study's signatures that another study must have to take part."""
KNOWN = 0.8
ALL = "all"


def others(store: Store, query: CohortQuery, *, chosen: str) -> dict[str, str]:
    """Studies that the group's rule can be applied to, with their names: those with most of the home study's signatures, and
    synthetic ones among themselves.

    Raises
    ------
    As `core.tme.group.group`.
    """
    return {study: name for study, (name, _) in _shared(store, group(store, query, chosen=chosen).chosen.study).items()}


def as_rule(store: Store, query: CohortQuery, *, chosen: str, studies: str = ALL, seed: int = 0) -> Answer:
    """A group as a rule, how faithfully the rule describes it, and what it finds in other cohorts.

    Parameters
    ----------
    studies : to apply it to, with commas between; "all" = every one of `others`. The home study is shown, and never pooled.

    Raises
    ------
    As `core.tme.group.group`; TooFewPatients, NotMeasured as `core.tme.rule.learn` and `transfer`.
    """
    from core.figures.rule_transfer import rule_transfer

    found = group(store, query, chosen=chosen)
    home = found.chosen.study
    shared = _shared(store, home)
    wanted = [s for s in shared if studies == ALL or s in studies.split(",")]
    frame = found.frame().join(signature_frame(store, (home,)), on="patient_id", how="inner", maintain_order="left")
    names = _names(frame)
    for study in wanted:
        names = [n for n in names if n in shared[study][1]]
    if not names:
        raise NotMeasured(f"{home} has no signature in common with the other cohorts; pick a group on another study's map")
    rule: Rule = learn(frame.select(names), (frame["group"] == found.name).to_numpy(), names=names, seed=seed, name=found.name)
    if not wanted:
        return Answer(sentence=f"{rule.sentence} There is no other cohort here to apply it to.", charts=())
    moved = transfer(store, rule, studies=(home, *wanted), home=home)
    whole = CohortQuery((home, *wanted))
    made = rule_transfer(moved, provenance=provenance(store, whole, n=int(moved.table["n"].sum()), n_missing=int(moved.table["n_missing"].sum())))
    charts: tuple[Chart, ...] = made if isinstance(made, tuple) else (made,)
    return Answer(sentence=f"{rule.sentence} {moved.sentence}", charts=charts)


def _names(frame: pl.DataFrame) -> list[str]:
    """Signatures that most of these patients have."""
    columns = [c for c in frame.columns if c not in {*IDENTITY, "group"}]
    return [c for c in columns if frame.height and frame[c].is_not_null().mean() >= KNOWN]  # type: ignore[operator]


def _shared(store: Store, home: str) -> dict[str, tuple[str, frozenset[str]]]:
    """Other studies -> (name, signatures), where they have at least half of the home study's."""
    found = store.sql(
        """SELECT study, list(DISTINCT signature) AS names FROM signature_score JOIN study USING (study)
           WHERE z IS NOT NULL AND coalesce(synthetic, false) = (SELECT coalesce(synthetic, false) FROM study WHERE study = $s) GROUP BY study ORDER BY study""",
        {"s": home},
    )
    sets = {study: frozenset(names) for study, names in found.iter_rows()}
    mine = sets.pop(home, frozenset())
    titles = {study: title.partition(":")[0].strip() for study, title in store.sql("SELECT study, coalesce(title, study) AS title FROM study").iter_rows()}
    return {study: (titles.get(study, study), names) for study, names in sets.items() if mine and len(mine & names) >= SHARED * len(mine)}

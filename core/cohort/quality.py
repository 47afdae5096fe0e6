"""Can the data be trusted: the checks of each study, as a grid and as a list with the rows concerned."""

from __future__ import annotations

from dataclasses import dataclass, replace

import polars as pl

from core.answer import Answer
from core.cohort.provenance import names, provenance
from core.cohort.query import CohortQuery
from core.errors import NotMeasured
from core.figures import words
from core.figures.quality import quality as quality_figure
from data.store import Store

ORDER = ("fail", "pass", "not applicable")


@dataclass(frozen=True, slots=True, kw_only=True)
class Report(Answer):
    """The answer on quality. checks : study, check, title, status, n, detail, rows; failures first."""

    checks: pl.DataFrame


def quality(store: Store, query: CohortQuery, *, every: bool = False) -> Report:
    """Data checks of the query's studies, or of every study.

    Raises
    ------
    NotMeasured
        No check has run on them.
    """
    known = names(store.studies())
    found = store.table("check_result").filter(pl.lit(every) | pl.col("study").is_in(list(query.studies)))
    if found.is_empty():
        raise NotMeasured("no data check has run on this study; build the database again: python -m core build")
    whole = CohortQuery(tuple(found["study"].unique(maintain_order=True)))
    counts = store.studies().filter(pl.col("study").is_in(list(whole.studies)))
    source = provenance(store, whole, n=int(counts["patients"].sum()))
    if len(whole.studies) > 3:
        source = replace(source, cohort=words.count(len(whole.studies), "study", plural="studies"))
    named = found.with_columns(pl.col("study").replace(known))
    chart = replace(quality_figure(named, provenance=source, title="Data checks"), slug="data-checks")
    listed = named.sort(
        pl.col("status").replace_strict({s: i for i, s in enumerate(ORDER)}, default=9, return_dtype=pl.Int32),
        maintain_order=True,
    )
    return Report(sentence=_sentence(found, known), charts=(chart,), checks=listed)


def _sentence(found: pl.DataFrame, known: dict[str, str]) -> str:
    counts = {s: found.filter(pl.col("status") == s).height for s in ORDER}
    studies = found["study"].n_unique()
    where = (
        known.get(found["study"][0], found["study"][0])
        if studies == 1
        else words.count(studies, "study", plural="studies")
    )
    if counts["fail"]:
        failed = found.filter(pl.col("status") == "fail")["title"].unique(maintain_order=True).to_list()
        head = f"With care: {words.count(counts['fail'], 'check')} of {where} {'fails' if counts['fail'] == 1 else 'fail'} (not so: {'; '.join(f'“{t}”' for t in failed[:3])}{' and others' if len(failed) > 3 else ''})"
    else:
        head = f"Yes: no check of {where} fails"
    return f"{head}; {counts['pass']:,} pass, {counts['not applicable']:,} do not apply."

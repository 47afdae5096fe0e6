"""Provenance of a cohort's figures: its studies in words, their citations, the versions, whether anyone is simulated."""

from __future__ import annotations

import polars as pl

from core.cohort.query import CohortQuery
from core.figures.chart import Provenance
from core.version import software_version
from data.store import Store


def short_name(title: str) -> str:
    """A study's name for chips and menus: its title up to the colon ("IMvigor210")."""
    return title.partition(":")[0].strip()


def short_citation(citation: str) -> str:
    """Authors and journal of a citation, without its title ("Hugo W, et al. Cell 2016;165:35-44")."""
    parts = citation.split(". ")
    return f"{parts[0]}. {parts[-1]}" if len(parts) > 2 else citation


def names(studies: pl.DataFrame) -> dict[str, str]:
    """Short name of every study, by its key; from `Store.studies()`."""
    return {study: short_name(title or study) for study, title in studies.select("study", "title").iter_rows()}


def titles(store: Store) -> dict[str, str]:
    """As `names`, straight from the database and without counting anybody's outcome."""
    return names(store.sql("SELECT study, title FROM study"))


def describe(query: CohortQuery, names: dict[str, str]) -> str:
    """The cohort in words, studies by name."""
    words = CohortQuery((), query.filters).describe().strip()
    return ", ".join(names.get(study, study) for study in query.studies) + (f" {words}" if words else "")


def provenance(store: Store, query: CohortQuery, *, n: int, n_missing: int = 0) -> Provenance:
    """Where a figure of this cohort comes from.

    Parameters
    ----------
    n : patients shown. n_missing : patients of the cohort left out because a value is missing.
    """
    studies = store.studies().filter(pl.col("study").is_in(list(query.studies)))
    return Provenance(
        cohort=describe(query, names(studies)),
        n=n,
        n_missing=n_missing,
        studies=tuple(dict.fromkeys(short_citation(c) for c in studies["citation"].to_list() if c)),
        database=store.version,
        software=software_version(),
        synthetic=bool(studies["synthetic"].any()),
    )

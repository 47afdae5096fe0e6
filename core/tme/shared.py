"""Shared: the feature space that treated cohorts have in common, in which types and places can be compared between studies."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from core.errors import NotMeasured
from core.figures import words
from data.store import Store

SPACE = "tme_shared"
"""Its name in tables embedding and cluster."""


def shared_types(store: Store, studies: Sequence[str] = ()) -> pl.DataFrame:
    """Types of the shared space: patient_id, study, cluster, name, stability, silhouette; a name is one type in every study.

    Parameters
    ----------
    studies : to keep; all where empty.

    Raises
    ------
    NotMeasured
        None of the studies is in the shared space; names those that are.
    """
    rows = store.sql(
        "SELECT patient_id, study, cluster, name, stability, silhouette FROM cluster WHERE space = $s ORDER BY rowid", {"s": SPACE}
    )
    kept = rows.filter(pl.col("study").is_in(list(studies))) if studies else rows
    if kept.is_empty():
        there = rows["study"].unique(maintain_order=True).to_list()
        remedy = f"{words.listing(there)} are" if there else "no study is; run: python -m core build"
        raise NotMeasured(f"none of these studies is in the feature space that cohorts share; {remedy}", elsewhere=there)
    return kept

"""Marker: one number a patient that could become a test - clinical, score, cell fraction, gene, mutation, copy number.

A marker has an address, "kind:name" ("clinical:tmb_per_mb", "gene:CD274"), that the pages, the command line and the
ledger of locked cut-offs share. Outcomes are no markers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import polars as pl

from core.cohort import frame as cohort_frame
from core.cohort.query import CohortQuery
from core.errors import NotMeasured, UnknownName
from core.markers.measured import LISTED, ORDERED, VALUES, clinical_names
from core.tme.naming import label as score_label
from data.schema import PATIENT
from data.store import Store
from models import MODULES, card

KINDS: Mapping[str, str] = {
    "clinical": "Clinical",
    "predictor": "Predictor",
    "signature": "Signature",
    "cell": "Cell fraction",
    "gene": "Gene expression",
    "mutation": "Mutation",
    "copy_number": "Copy number",
}


class Address(NamedTuple):
    """A marker's address taken apart."""

    kind: str
    name: str


def address(marker: str) -> Address:
    """Take "kind:name" apart.

    Raises
    ------
    UnknownName
        There is no such kind, no name, or no such clinical column or predictor.
    """
    kind, _, name = marker.partition(":")
    if kind not in KINDS or not name:
        raise UnknownName(f"there is no marker '{marker}'; write kind:name, such as clinical:tmb_per_mb or gene:CD274")
    if kind == "clinical" and name not in clinical_names():
        raise UnknownName(f"'{name}' is no clinical marker; there are {', '.join(clinical_names())}")
    if kind == "predictor" and name not in MODULES:
        raise UnknownName(f"there is no predictor '{name}'; there are {', '.join(MODULES)}")
    return Address(kind, name.upper() if kind in {"gene", "mutation", "copy_number"} else name)


def label(marker: str) -> str:
    """A marker as a person reads it: "Tumour mutational burden", "CD274 expression"."""
    kind, name = address(marker)
    if kind == "clinical":
        return PATIENT.column(name).label
    if kind == "predictor":
        return card(name).label
    if kind == "signature":
        return score_label(name)
    if kind == "cell":
        method, _, cell = name.partition("/")
        return f"{score_label(cell)} ({method})"
    return f"{name} {'expression' if kind == 'gene' else 'mutated' if kind == 'mutation' else 'copy number'}"


def unit(marker: str) -> str:
    """Its unit, or an empty text; a gene's unit differs by study and comes with its values."""
    kind, name = address(marker)
    if kind == "clinical":
        return PATIENT.column(name).unit
    if kind == "predictor":
        return card(name).unit
    return {"cell": "fraction", "copy_number": "call, -2 to +2", "mutation": "1 = mutated"}.get(kind, "")


def is_binary(marker: str) -> bool:
    """Whether it can only be 0 or 1, so that no cut-off is to be chosen."""
    kind, name = address(marker)
    if kind == "clinical":
        return PATIENT.column(name).kind == "flag" or set(ORDERED.get(name, {"": 9}).values()) == {0, 1}
    return kind == "mutation"


def candidates(store: Store, query: CohortQuery, *, kinds: Sequence[str] = tuple(KINDS)) -> pl.DataFrame:
    """Markers that a cohort has.

    Parameters
    ----------
    kinds : which kinds, in order.

    Returns
    -------
    marker, kind, label, unit, n (patients of the cohort with a value), by kind, then as listed or by name. Predictors
    are counted out-of-sample.

    Raises
    ------
    UnknownName
        There is no such kind.
    """
    parts = []
    for kind in kinds:
        if kind not in KINDS:
            raise UnknownName(f"there is no kind of marker '{kind}'; there are {', '.join(KINDS)}")
        found = LISTED[kind](store, query)
        names = [f"{kind}:{name}" for name in found["name"]]
        parts.append(
            pl.DataFrame(
                {
                    "marker": names,
                    "kind": [kind] * len(names),
                    "label": [label(name) for name in names],
                    "unit": [unit(name) for name in names],
                    "n": found["n"].to_list(),
                },
                schema={"marker": pl.String, "kind": pl.String, "label": pl.String, "unit": pl.String, "n": pl.Int64},
            )
        )
    return pl.concat(parts)


def values(store: Store, query: CohortQuery, marker: str, *, in_sample: bool = False) -> pl.DataFrame:
    """A marker's value of every patient of a cohort.

    Parameters
    ----------
    in_sample : take a predictor's in-sample scores where a patient has no other one; only for deriving a cut-off, and
        said so wherever it is shown.

    Returns
    -------
    patient_id, study, cohort, value (null = unknown), protocol (of a predictor's score, else null), in the order of the
    source. Expression is in the unit of the study's assay: standardise within a study before comparing. A gene is
    mutated where a sequenced patient carries a mutation that changes the protein; a patient of a study with copy-number
    calls who has any call is neutral (0) where a gene has none.

    Raises
    ------
    UnknownName
        There is no such marker.
    NotMeasured, EmptyCohort
        No patient of the cohort has it; nobody matches the cohort.
    """
    where = address(marker)
    everyone = cohort_frame.patients(store, query, columns=("patient_id", "study", "cohort"))
    found = VALUES[where.kind](store, query, where.name)
    if where.kind == "predictor" and not in_sample:
        found = found.filter(pl.col("protocol") != "in_sample")
    if "protocol" not in found.columns:
        found = found.with_columns(pl.lit(None, dtype=pl.String).alias("protocol"))
    found = found.select("patient_id", pl.col("value").cast(pl.Float64).fill_nan(None), "protocol")
    joined = everyone.join(found, on="patient_id", how="left", maintain_order="left")
    if joined["value"].null_count() == joined.height:
        raise NotMeasured(
            f"{label(marker)} is not known for any patient of {query.describe()}; choose another marker or study"
        )
    return joined

"""Cell fields: the single cells of patients as rectangular fields of typed points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from core.errors import NotMeasured
from core.spatial.point_patterns import Field, windows
from data.store import Store

CELLS = """
    SELECT patient_id, section_id, x_um, y_um, label FROM spot
    WHERE study = $study AND kind = 'cell' AND x_um IS NOT NULL AND y_um IS NOT NULL AND label IS NOT NULL
    ORDER BY rowid
"""
COUNTED = "SELECT label, count(*) AS cells FROM spot WHERE study = $study AND kind = 'cell' AND label IS NOT NULL GROUP BY label"
BOXES = """
    SELECT section_id, min(x_um) AS "left", max(x_um) AS "right", min(y_um) AS top, max(y_um) AS bottom FROM spot
    WHERE study = $study AND kind = 'cell' GROUP BY section_id ORDER BY section_id
"""
UNNAMED = frozenset({"Other", "Unassigned"})
"""Labels of cells that are of no type in particular: they are cells among which types are dealt, but no type to ask about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tissue:
    """A patient's fields.

    Attributes
    ----------
    patient : id. types : names, the study's most common named type first, unnamed ones last. sections, fields : beside each other.
    """

    patient: str
    types: tuple[str, ...]
    sections: tuple[str, ...]
    fields: tuple[Field, ...]


def tissues(cells: pl.DataFrame) -> list[Tissue]:
    """Every patient of a study.

    Parameters
    ----------
    cells : patient_id, section_id, x_um, y_um (µm), label; rows of all patients, so that types and frame are the study's.
    """
    counted = cells.group_by("label").len("cells")
    boxes = cells.group_by("section_id", maintain_order=True).agg(
        left=pl.col("x_um").min(), right=pl.col("x_um").max(), top=pl.col("y_um").min(), bottom=pl.col("y_um").max()
    )
    return [_tissue(part, ordered(counted), boxes) for part in cells.partition_by("patient_id", maintain_order=True)]


def tissue(store: Store, study: str, patient: str) -> Tissue:
    """One patient's fields, with the types and the frame of the whole study.

    Raises
    ------
    NotMeasured
        No single cells of this patient are known.
    """
    cells = store.sql(CELLS.replace("ORDER BY", "AND patient_id = $patient ORDER BY"), {"study": study, "patient": patient})
    if cells.is_empty():
        raise NotMeasured(f"no single cells of {patient} are known; choose a patient from the list")
    return _tissue(cells, ordered(store.sql(COUNTED, {"study": study})), store.sql(BOXES, {"study": study}))


def ordered(counted: pl.DataFrame) -> tuple[str, ...]:
    """A study's types: named ones by how common they are, then unnamed ones.

    Parameters
    ----------
    counted : label, cells.
    """
    return tuple(counted.sort(pl.col("label").is_in(list(UNNAMED)), "cells", "label", descending=[False, True, False])["label"])


def named_types(types: Sequence[str]) -> list[int]:
    """Places of the types that one can ask about."""
    return [place for place, name in enumerate(types) if name not in UNNAMED]


def _tissue(cells: pl.DataFrame, types: tuple[str, ...], boxes: pl.DataFrame) -> Tissue:
    frames = dict(zip(boxes["section_id"], windows(list(boxes.select("left", "right", "top", "bottom").iter_rows())), strict=True))
    coded = cells.with_columns(kind=pl.col("label").replace_strict(list(types), list(range(len(types))), return_dtype=pl.Int64))
    parts = coded.partition_by("section_id", as_dict=True, maintain_order=True)
    sections = tuple(str(section) for (section,) in parts)
    fields = tuple(
        Field(x=part["x_um"].to_numpy(), y=part["y_um"].to_numpy(), kind=part["kind"].to_numpy(), window=frames[section])
        for section, part in zip(sections, parts.values(), strict=True)
    )
    return Tissue(patient=str(cells["patient_id"][0]), types=types, sections=sections, fields=fields)

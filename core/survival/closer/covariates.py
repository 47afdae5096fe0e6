"""Covariates: patient columns made ready for a model - numbers in steps that people use, levels merged or made strata."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from core.figures import words
from core.survival.closer.columns import MOST_GROUPS, collapsed, kept_levels
from core.survival.closer.compared import named, reference_level
from data.schema import PATIENT

OTHER = "other"
STEPS = {"age_years": (10.0, "10 years"), "treatment_year": (1.0, "year")}
"""Steps of a hazard ratio that is not given per standard deviation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Covariates:
    """Columns ready for a model.

    Attributes
    ----------
    frame : the frame with the covariates replaced. terms : covariates that are estimated. strata : covariates with more
        levels than can be estimated, by which the model is stratified. labels : what a row of each is called ("Age, per
        10 years"; "Sex"). references : level that the others are compared with. notes : what a caption must say.
    """

    frame: pl.DataFrame
    terms: tuple[str, ...]
    strata: tuple[str, ...]
    labels: dict[str, str]
    references: dict[str, str]
    notes: tuple[str, ...]


def prepared(frame: pl.DataFrame, names: Sequence[str], *, strata: str = "") -> Covariates:
    """Make columns ready for a model.

    Numbers are counted in steps (age in 10 years) or standard deviations among these patients; levels that are too
    small for a group become "other"; a column with more than six levels becomes a stratum. A column with one value
    only is left out.
    """
    terms, layers, labels, references, notes, made = [], [strata] if strata else [], {}, {}, [], []
    for name in names:
        if name == strata:
            continue
        info = PATIENT.column(name)
        if info.kind == "number":
            values = frame[name].cast(pl.Float64)
            spread = values.std()
            if not isinstance(spread, float) or spread <= 0:
                notes.append(f"{info.label} has one value only and is left out.")
                continue
            step, said = STEPS.get(name, (spread, f"SD ({words.number(spread, unit=info.unit)})"))
            made.append((values / step).alias(name))
            labels[name] = f"{info.label}, per {said}"
            terms.append(name)
            continue
        levels = collapsed(name, frame[name]).rename(name)
        kept = kept_levels(levels, most=MOST_GROUPS + 1)
        if len(kept) > MOST_GROUPS:
            made.append(levels)
            layers.append(name)
            continue
        rare = levels.drop_nulls().filter(~levels.drop_nulls().is_in(kept)).len()
        if len(kept) + (rare > 0) < 2:
            notes.append(f"{info.label} has one value only and is left out.")
            continue
        made.append(pl.Series(name, [None if v is None else named(name, v) if v in kept else OTHER for v in levels.to_list()], dtype=pl.String))
        references[name] = named(name, reference_level(kept))
        labels[name] = info.label
        terms.append(name)
    return Covariates(
        frame=frame.with_columns(made), terms=tuple(terms), strata=tuple(dict.fromkeys(layers)), labels=labels, references=references,
        notes=tuple(notes),
    )  # fmt: skip

"""Inputs: what the tables know about each patient, in the arrays that a multimodal model reads.

Expression, H&E features, TMB and neoantigens are standardised within the cohort, everything else on fixed scales:
nothing is learnt from the patients together, so a cohort's inputs are the same whether or not it trains a model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import polars as pl

from core.errors import UnknownName
from core.pipeline import tokens
from core.tme import expression_scale
from core.tme.gene_names import positions
from models.inputs import Inputs, Labels
from models.vocabulary import Vocabulary

Array32 = npt.NDArray[np.float32]
LIMIT = 4.0
"""z-scores are cut off here: single outlying samples carry no more."""
LEAST_FOR_Z = 3
FEWEST_GENES = 50
"""An assay that shares fewer genes with the model says too little about any gene set."""

_COHORT_SCALE: Mapping[str, tuple[str, str]] = {
    "tmb_in_cohort": ("tmb_per_mb", "mutation_count"),
    "neoantigen_in_cohort": ("neoantigen_per_mb", "neoantigen_count"),
}


class Source(Protocol):
    """Tables that answer SQL: a database being filled, or the store of a finished one."""

    def sql(self, statement: str, params: Mapping[str, Any] | None = None) -> pl.DataFrame: ...


def vocabulary(source: Source) -> Vocabulary:
    """What a model trained on these tables reads; synthetic studies and users' own do not shape it."""
    gene_sets = source.sql("SELECT * FROM gene_set ORDER BY collection, name, gene")
    listed = source.sql(
        """SELECT study, assay, list(gene ORDER BY gene) AS genes FROM expression JOIN assay USING (study, assay)
           JOIN study USING (study) WHERE level = 'patient' AND preferred AND NOT synthetic AND NOT coalesce(uploaded, false)
           GROUP BY ALL ORDER BY study, assay"""
    )
    features = source.sql("SELECT DISTINCT feature FROM slide_feature ORDER BY feature")["feature"].to_list()
    return tokens.vocabulary(gene_sets, listed["genes"].to_list(), features)


def gather(source: Source, words: Vocabulary, *, studies: Sequence[str] | None = None) -> tuple[Inputs, Labels]:
    """Every patient of the studies (default: all), in the order of the tables.

    Returns
    -------
    Inputs and Labels of the same n patients. A patient without any measurement is there, with everything unknown.
    """
    chosen = list(studies) if studies is not None else source.sql("SELECT study FROM study ORDER BY rowid")["study"].to_list()
    patients = source.sql("SELECT * FROM patient WHERE study = ANY($s) ORDER BY rowid", {"s": chosen})
    ids = patients["patient_id"].to_list()
    groups = [f"{s}/{c}" for s, c in patients.select("study", "cohort").iter_rows()]
    gene_sets = source.sql("SELECT * FROM gene_set ORDER BY collection, name, gene")
    row_of = {name: number for number, name in enumerate(ids)}
    made = Inputs(
        patients=tuple(ids),
        cohorts=tuple(groups),
        expression=_expression(source, words, chosen, row_of=row_of, groups=groups),
        membership=tokens.membership(words, gene_sets),
        numbers=_numbers(patients, words, groups),
        categories=_categories(patients, words),
        mutated=_mutated(source, words, chosen, row_of=row_of),
        copied=_copied(source, words, chosen, row_of=row_of),
        slide=_slide(source, words, chosen, row_of=row_of, groups=groups),
        tiles=np.full((len(ids), words.tile_dim), np.nan, dtype=np.float32),
    )
    return made, labels(patients)


def labels(patients: pl.DataFrame) -> Labels:
    """Outcomes of patient rows."""
    flagged = {name: _floats(patients[name].cast(pl.Float64)) for name in ("response", "os_event", "pfs_event")}
    subtype = patients["immune_subtype"].str.extract(r"C(\d)").cast(pl.Int64).fill_null(0).to_numpy() - 1
    given = patients.select(
        (pl.col("drug_class").is_not_null() & (pl.col("drug_class") != "no ICB") & (pl.col("arm").fill_null("ICB") != "control")).alias("t")
    )["t"].fill_null(value=False)
    return Labels(
        response=flagged["response"],
        os_months=_floats(patients["os_months"]),
        os_event=flagged["os_event"],
        pfs_months=_floats(patients["pfs_months"]),
        pfs_event=flagged["pfs_event"],
        subtype=np.where((subtype >= 0) & (subtype < 6), subtype, -1).astype(np.int64),
        treated=given.to_numpy().astype(bool),
    )


def within(values: npt.NDArray[np.floating], groups: Sequence[str]) -> Array32:
    """z of each column within its group, cut off at +-4; nan where fewer than three are known or nothing varies."""
    made = np.full(values.shape, np.nan, dtype=np.float32)
    codes = np.unique(np.asarray(groups), return_inverse=True)[1]
    for code in range(int(codes.max()) + 1 if codes.size else 0):
        rows = np.flatnonzero(codes == code)
        block = values[rows].astype(np.float64)
        known = np.isfinite(block)
        n = known.sum(axis=0)
        mean = np.where(known, block, 0.0).sum(axis=0) / np.maximum(n, 1)
        spread = np.sqrt((np.where(known, block - mean, 0.0) ** 2).sum(axis=0) / np.maximum(n - 1, 1))
        usable = (n >= LEAST_FOR_Z) & (spread > 1e-9)
        z = np.clip((block - mean) / np.where(usable, spread, 1.0), -LIMIT, LIMIT)
        made[rows] = np.where(known & usable, z, np.nan)
    return made


def _numbers(patients: pl.DataFrame, words: Vocabulary, groups: Sequence[str]) -> Array32:
    made = np.full((patients.height, len(words.numbers)), np.nan, dtype=np.float32)
    for j, number in enumerate(words.numbers):
        if number.name in _COHORT_SCALE:
            rate, count = (_floats(patients[name]) for name in _COHORT_SCALE[number.name])
            for group in dict.fromkeys(groups):  # a cohort has the rate or the count; never both on one scale
                rows = np.flatnonzero(np.asarray(groups) == group)
                raw = rate if np.isfinite(rate[rows]).any() else count
                made[rows, j] = within(np.log2(np.maximum(raw[rows], 0.0) + 1.0)[:, None], [group] * rows.size)[:, 0]
            continue
        if number.name not in patients.columns:
            continue
        raw = _floats(patients[number.name])
        shown = np.log2(np.maximum(raw, 0.0) + 1.0) if number.logged else raw
        made[:, j] = np.clip((shown - number.centre) / number.spread, -LIMIT, LIMIT)
    return made


def _categories(patients: pl.DataFrame, words: Vocabulary) -> npt.NDArray[np.int64]:
    made = np.full((patients.height, len(words.categories)), -1, dtype=np.int64)
    for j, category in enumerate(words.categories):
        if category.name in patients.columns:
            series = patients[category.name]
            known = {value: tokens.level(category.name, value) for value in series.drop_nulls().unique()}
            made[:, j] = [known.get(value, -1) for value in series.to_list()]
    return made


def _expression(
    source: Source, words: Vocabulary, studies: Sequence[str], *, row_of: Mapping[str, int], groups: Sequence[str]
) -> Array32:
    made = np.full((len(row_of), len(words.genes)), np.nan, dtype=np.float32)
    listed = source.sql(
        """SELECT study, assay, unit, patients FROM assay WHERE level = 'patient' AND study = ANY($s)
           ORDER BY study, preferred DESC, len(patients) DESC, assay""",
        {"s": list(studies)},
    )
    for study, assay, unit, patients in listed.iter_rows():
        try:
            scale = expression_scale.scale_of(str(unit))
        except UnknownName:
            continue
        found = source.sql(
            "SELECT gene, values FROM expression WHERE study = $s AND assay = $a ORDER BY gene", {"s": study, "a": assay}
        )
        where = positions(words.genes, found["gene"].to_list())
        if (where >= 0).sum() < FEWEST_GENES or scale == "intensity":
            continue
        values = found["values"].explode().to_numpy().astype(np.float32, copy=False).reshape(found.height, len(patients))
        first = [n for n, name in enumerate(patients) if name in row_of and name not in patients[:n]]
        rows = np.asarray([row_of[patients[n]] for n in first], dtype=np.int64)
        offset = expression_scale.offset_of(values, unit=str(unit)) if scale.startswith("log2") else 0.0
        totals = np.asarray(np.nansum(values[:, first], axis=0), dtype=np.float64) if scale == "counts" else None
        own = values[np.maximum(where, 0)][:, first]
        logged = expression_scale.logged(own, scale, offset=offset, totals=totals)
        z = within(np.where(where[:, None] >= 0, logged, np.nan).T, [groups[r] for r in rows])
        made[rows] = np.where(np.isfinite(made[rows]), made[rows], z)
    return made


def _mutated(source: Source, words: Vocabulary, studies: Sequence[str], *, row_of: Mapping[str, int]) -> Array32:
    made = np.full((len(row_of), len(words.mutated)), np.nan, dtype=np.float32)
    if not words.mutated:
        return made
    sequenced = source.sql("SELECT DISTINCT patient_id FROM mutation WHERE study = ANY($s)", {"s": list(studies)})["patient_id"]
    made[[row_of[name] for name in sequenced if name in row_of]] = 0.0
    hits = source.sql(
        """SELECT DISTINCT patient_id, gene FROM mutation WHERE study = ANY($s) AND gene = ANY($g)
           AND effect IS DISTINCT FROM 'silent'""",
        {"s": list(studies), "g": list(words.mutated)},
    )
    column = {gene: number for number, gene in enumerate(words.mutated)}
    for name, gene in hits.iter_rows():
        if name in row_of:
            made[row_of[name], column[gene]] = 1.0
    return made


def _copied(source: Source, words: Vocabulary, studies: Sequence[str], *, row_of: Mapping[str, int]) -> Array32:
    made = np.full((len(row_of), len(words.copied)), np.nan, dtype=np.float32)
    if not words.copied:
        return made
    measured = source.sql("SELECT DISTINCT patient_id FROM copy_number WHERE study = ANY($s)", {"s": list(studies)})["patient_id"]
    made[[row_of[name] for name in measured if name in row_of]] = 0.0
    calls = source.sql(
        "SELECT patient_id, gene, call FROM copy_number WHERE study = ANY($s) AND gene = ANY($g)",
        {"s": list(studies), "g": list(words.copied)},
    )
    column = {gene: number for number, gene in enumerate(words.copied)}
    for name, gene, call in calls.iter_rows():
        if name in row_of and call is not None:
            made[row_of[name], column[gene]] = float(call)
    return made


def _slide(
    source: Source, words: Vocabulary, studies: Sequence[str], *, row_of: Mapping[str, int], groups: Sequence[str]
) -> Array32:
    made = np.full((len(row_of), len(words.slide_features)), np.nan, dtype=np.float32)
    if not words.slide_features:
        return made
    rows = source.sql(
        """SELECT patient_id, feature, avg(value) AS value FROM slide_feature WHERE study = ANY($s) AND value IS NOT NULL
           GROUP BY 1, 2 ORDER BY 1, 2""",
        {"s": list(studies)},
    )
    if rows.is_empty():
        return made
    column = {name: number for number, name in enumerate(words.slide_features)}
    where = rows.select(
        pl.col("patient_id").replace_strict(row_of, default=-1, return_dtype=pl.Int64).alias("row"),
        pl.col("feature").replace_strict(column, default=-1, return_dtype=pl.Int64).alias("column"),
        "value",
    ).filter((pl.col("row") >= 0) & (pl.col("column") >= 0))
    made[where["row"].to_numpy(), where["column"].to_numpy()] = where["value"].to_numpy()
    some = np.flatnonzero(np.isfinite(made).any(axis=1))
    made[some] = within(made[some], [groups[int(r)] for r in some])
    return made


def _floats(series: pl.Series) -> Array32:
    return series.cast(pl.Float64).fill_null(np.nan).to_numpy().astype(np.float32)

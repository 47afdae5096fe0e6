"""Table mixing: how well cohorts mix, and how much outcome signal is left, before and after every batch correction."""

from __future__ import annotations

import polars as pl

from data.table import Column, Table, category, flag, identifier, integer, number

MIXING = Table(
    name="mixing",
    about="One row a measure of a batch correction, over a pool of cohorts or for one of its studies.",
    key=("pool", "correction", "measure", "study"),
    columns=(
        category("pool", "Pool", "'published' or 'synthetic'"),
        category("correction", "Correction", "a listed correction, or 'reference': within cohorts, uncorrected"),
        category("measure", "Measure", "'kbet', 'ilisi', 'mixing', 'clisi', 'auc', 'retained' or 'score'"),
        identifier("study", "Study", "'' = the whole pool"),
        number("value", "Value"),
        number("ci_low", "Value, lower 95% limit"),
        number("ci_high", "Value, upper 95% limit"),
        number("null_value", "Value under the null", about="patients dealt to cohorts at random; .5 for an AUC"),
        integer("n", "Patients"),
        integer("n_missing", "Patients without all the features"),
        flag("chosen", "Default", "the correction that keeps outcome signal and mixes cohorts"),
        Column(name="studies", dtype=pl.List(pl.String), label="Studies in the pool", kind="list"),
        Column(name="features", dtype=pl.List(pl.String), label="Features that all have", kind="list"),
    ),
)

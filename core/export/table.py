"""Table: a chart's numbers as csv, with what they are in a commented header."""

from __future__ import annotations

import polars as pl

from core.figures.chart import Chart


def header(chart: Chart) -> list[str]:
    """What a file must say about itself, a line each."""
    source = chart.provenance
    lines = [chart.title]
    if source.synthetic:
        lines.append("SYNTHETIC DATA: simulated patients, not observations")
    lines.append(chart.caption)
    lines.append(f"Cohort: {source.cohort}")
    lines.append(f"n: {source.n}; missing: {source.n_missing}")
    lines.extend(f"Study: {study}" for study in source.studies)
    lines.append(f"Database: {source.database or 'unknown'}; TMEscope: {source.software or 'unknown'}")
    return [line for line in lines if line]


def csv(chart: Chart) -> bytes:
    """UTF-8 csv; lines of the header start with '# '. Empty cell = missing."""
    frame = chart.table
    nested = [name for name, dtype in frame.schema.items() if dtype.is_nested()]
    if nested:
        frame = frame.with_columns(
            pl.col(name).map_elements(lambda v: "; ".join(map(str, v)), return_dtype=pl.String) for name in nested
        )
    head = "".join(f"# {' '.join(line.split())}\n" for line in header(chart))
    return (head + frame.write_csv()).encode("utf-8")

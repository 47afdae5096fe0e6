"""Plain tables: words for headings, right-aligned numbers, no raw column names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import escape

import polars as pl
import streamlit as st

from core.figures import words
from data.schema import PATIENT, TABLES

HEADINGS: Mapping[str, str] = {
    "n": "n", "ci_low": "Lower 95%", "ci_high": "Upper 95%", "n_risk": "At risk", "n_event": "Events", "n_censor": "Censored",
    "group": "Group", "time": "Months", "survival": "Event-free", "auc": "AUC", "rate": "Response rate", "shap": "SHAP value, log-odds",
    "type": "TME type", "share": "Share", "doi": "DOI", "group_n": "n of the group", "umap_1": "UMAP 1", "umap_2": "UMAP 2", "left_out": "Left out", "p": "p", "p_holm": "p, Holm",
}  # fmt: skip


SHARES = {"share", "rate", "missing"}
LINK = re.compile(r"https://doi\.org/(\S+)")


def heading(column: str) -> str:
    """What a person calls a column of any table."""
    if column in HEADINGS:
        return HEADINGS[column]
    if column in PATIENT.dtypes:
        return PATIENT.column(column).axis
    for table in TABLES.values():
        if column in table.dtypes:
            return table.column(column).axis
    text = column.replace("_", " ")
    return text[:1].upper() + text[1:]


def numbers(frame: pl.DataFrame, *, key: str) -> None:
    """A long table to look things up in; sorting and searching are the browser's."""
    st.dataframe(
        frame, key=f"table-{key}", hide_index=True, height=min(420, 38 * (frame.height + 1) + 2),
        column_config={name: st.column_config.Column(heading(name)) for name in frame.columns},
    )  # fmt: skip


def table(frame: pl.DataFrame, *, caption: str = "") -> None:
    """A short table to read, as words on the page."""
    head = "".join(
        f'<th scope="col"{_align(dtype)}>{escape(heading(name))}</th>' for name, dtype in frame.schema.items()
    )
    body = "".join(
        "<tr>" + "".join(f"<td{_align(dtype)}>{_cell(value, share=name in SHARES)}</td>" for value, (name, dtype) in zip(row, frame.schema.items(), strict=True)) + "</tr>"
        for row in frame.iter_rows()
    )
    title = f"<caption>{escape(caption)}</caption>" if caption else ""
    st.html(f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(caption or "Table", quote=True)}">'
            f'<table class="plain">{title}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>')  # fmt: skip


def _align(dtype: pl.DataType) -> str:
    return ' class="number"' if dtype.is_numeric() else ""


def _cell(value: object, *, share: bool = False) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return words.percent(value) if share else words.number(value)
    return LINK.sub(r'<a href="\g<0>" rel="noopener" target="_blank">doi \g<1></a>', escape(str(value)))

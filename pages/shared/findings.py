"""The list of data checks that need reading, each with its detail and what it concerns."""

from __future__ import annotations

from html import escape

import polars as pl
import streamlit as st

from pages.shared import plain

MOST = 40
WORDS = {"fail": "Fails"}


def listed(checks: pl.DataFrame) -> None:
    """A click opens what was found and where."""
    loud = checks.filter(pl.col("status").is_in(list(WORDS)))
    if loud.is_empty():
        return
    st.html(f'<h2 class="figure-title">To read before trusting a number ({loud.height:,})</h2>')
    for number, row in enumerate(loud.head(MOST).iter_rows(named=True)):
        concerned = f" · n = {row['n']:,}" if row["n"] else ""
        with st.expander(f"**{WORDS[row['status']]}** · {row['title'] or row['check']}{concerned}", key=f"finding-{number}"):
            st.html(f"<p>{escape(row['detail'] or 'No detail was recorded.')}</p>")
            if row["rows"]:
                shown = ", ".join(str(r) for r in row["rows"][:MOST])
                more = f" and {row['n'] - MOST:,} more" if (row["n"] or 0) > MOST else ""
                st.html(f'<p class="caption">Concerned: {escape(shown)}{more}</p>')
    if loud.height > MOST:
        st.html(f'<p class="caption">{loud.height - MOST:,} more in the numbers behind the grid.</p>')


def table(checks: pl.DataFrame) -> None:
    """Failures of many studies, one line each."""
    loud = checks.filter(pl.col("status").is_in(list(WORDS)))
    shown = loud.select(
        pl.col("study").alias("Study"),
        pl.col("status").replace(WORDS).alias("Outcome"),
        pl.col("title").alias("What is checked"),
        pl.col("n").alias("n"),
        pl.col("detail").alias("Detail"),
    )
    plain.table(shown, caption=f"To read before trusting a number ({loud.height:,})")

"""Sparkline: a small histogram over a filter's slider, the chosen range in colour; a piece of html, not a chart to export."""

from __future__ import annotations

from html import escape

import polars as pl

from core.figures.theme import BLUE, UNKNOWN

HEIGHT = 56


def sparkline(counted: pl.DataFrame, *, label: str, chosen: tuple[float, float]) -> str:
    """Bars without axes.

    Parameters
    ----------
    counted : low, high, n; bins of `core.cohort.overview.distribution`. label : for a screen reader.
    chosen : bins whose middle is inside this range are coloured.
    """
    most = max(1, int(counted["n"].to_numpy().max(initial=0)))
    bars = "".join(
        f'<div style="flex:1;height:{max(HEIGHT * n / most, 1 if n else 0):.1f}px;'
        f'background:{BLUE if chosen[0] <= (low + high) / 2 <= chosen[1] else UNKNOWN}"></div>'
        for low, high, n in counted.select("low", "high", "n").iter_rows()
    )
    title = escape(f"Histogram of {label}", quote=True)
    return f'<div role="img" aria-label="{title}" style="display:flex;align-items:flex-end;gap:1px;height:{HEIGHT}px">{bars}</div>'

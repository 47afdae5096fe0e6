"""Response-rate figure: one row a group, rate with Wilson interval and counts."""

from __future__ import annotations

import plotly.graph_objects as go

from core.figures import words
from core.figures.chart import Chart, Provenance
from core.figures.layout import badge, frame, note, shorten, widest
from core.figures.theme import CLEAR, GRID, INK, MUTED, PANEL, SMALL_SIZE, TEXT_SIZE, colours
from core.response.rate import Rates

ROW = 54


def response_rate(rates: Rates, *, provenance: Provenance, title: str = "") -> Chart:
    """Bars of the observed response rate, with its interval and counts written beside them.

    Parameters
    ----------
    rates : from `core.response.rate.response_rate`.
    """
    rows = rates.table.rows(named=True)
    colour = colours([r["group"] for r in rows])
    names = [shorten(r["group"], 40) for r in rows]
    texts = [
        f"<b>{words.percent(r['rate'])}</b> ({words.percent(r['ci_low'])} to {words.percent(r['ci_high'])})"
        for r in rows
    ]
    counts = [f"{r['responders']:,} of {r['n']:,}" for r in rows]
    place = list(range(len(rows)))
    wide = widest(texts) + 40
    figure = frame(
        height=ROW * len(rows) + 100, least=min(44, ROW) * len(rows) + 96, showlegend=False,
        margin={"l": widest(names) + 34, "r": wide + widest([*counts, "responders"]) + 24, "t": 32, "b": 64},
    )  # fmt: skip
    figure.add_trace(
        go.Bar(
            x=[r["rate"] for r in rows], y=place, orientation="h", width=0.56,
            marker={"color": [colour[r["group"]] for r in rows], "line": {"width": 0}},
            error_x={
                "type": "data", "symmetric": False, "array": [r["ci_high"] - r["rate"] for r in rows],
                "arrayminus": [r["rate"] - r["ci_low"] for r in rows], "color": INK, "thickness": 1.6, "width": 6,
            },
            customdata=[[n, t, c] for n, t, c in zip(names, texts, counts, strict=True)],
            hovertemplate="<b>%{customdata[0]}</b><br>%{customdata[1]}<br>%{customdata[2]} patients<extra></extra>",
        )
    )  # fmt: skip
    for i in place:
        note(figure, texts[i], xref="paper", x=1, xanchor="left", xshift=18, yref="y", y=i)
        note(
            figure, counts[i], xref="paper", x=1, xanchor="left", xshift=wide, yref="y", y=i,
            font={"size": TEXT_SIZE, "color": MUTED},
        )  # fmt: skip
    for text, shift in (("rate (95% CI)", 18), ("responders", wide)):
        note(
            figure, f"<b>{text}</b>", xref="paper", x=1, xanchor="left", xshift=shift, yref="paper", y=1, yanchor="bottom",
            yshift=4, font={"size": SMALL_SIZE, "color": MUTED},
        )  # fmt: skip
    top = max([r["ci_high"] for r in rows], default=1.0)
    end = next(e for e in (0.2, 0.4, 0.5, 0.6, 0.8, 1.0) if top <= e or e == 1.0)
    step = {0.2: 0.05, 0.4: 0.1, 0.5: 0.1, 0.6: 0.2, 0.8: 0.2, 1.0: 0.25}[end]
    ticks = [round(step * i, 2) for i in range(int(end / step + 1.001))]
    figure.update_layout(
        xaxis={
            "range": [0, end * 1.005], "tickvals": ticks, "ticktext": [f"{t:.0%}" for t in ticks], "showgrid": True,
            "gridcolor": GRID, "title": {"text": "Observed response rate (CR or PR)"},
        },
        yaxis={
            "range": [len(rows) - 0.4, -0.6], "tickvals": place, "ticktext": names, "ticks": "",
            "tickfont": {"size": TEXT_SIZE}, "ticklabelstandoff": 8,
        },
        plot_bgcolor=CLEAR,
        hoverlabel={"bgcolor": PANEL},
    )  # fmt: skip
    if provenance.synthetic:
        badge(figure)
    caption = f"Objective response rate with 95% Wilson interval; n = {rates.n:,} evaluable."
    if rates.n_missing:
        caption += f" {words.count(rates.n_missing, 'patient')} without evaluable response or group left out."
    if rates.test is not None and rates.test.p_value == rates.test.p_value:
        caption += f" {rates.test.name[:1].upper()}{rates.test.name[1:]}: {words.p(rates.test.p_value)}."
    return Chart(
        slug="response-rate" + (f"-by-{rates.by}" if rates.by else ""),
        title=title or "Observed response rate" + (f" by {words.column(rates.by)}" if rates.by else ""),
        figure=figure,
        table=rates.table,
        caption=caption,
        provenance=provenance,
        alt="Response rates. " + "; ".join(f"{r['group']}: {words.rate(r['responders'], r['n'])}" for r in rows),
    )

"""Html: one file with the interactive figure, plotly.js inside, no network."""

from __future__ import annotations

from html import escape

from core.export.table import header
from core.figures.chart import Chart
from core.figures.layout import badge
from core.figures.theme import DARK, FONT, INK, MUTED, PAPER, SYNTHETIC, dress


def document(chart: Chart, *, dark: bool = False) -> bytes:
    """A whole html document, readable without a network."""
    figure = chart.figure
    if chart.provenance.synthetic:
        figure = badge(dress(figure))
    figure = dress(figure, dark=dark)
    ink, muted, paper, mark = ((DARK[c] if dark else c) for c in (INK, MUTED, PAPER, SYNTHETIC))
    body = figure.to_html(
        full_html=False, include_plotlyjs=True, config={"displaylogo": False, "responsive": True}, div_id="figure"
    )
    synthetic = (
        '<p class="synthetic">SYNTHETIC DATA: simulated patients, not observations</p>'
        if chart.provenance.synthetic
        else ""
    )
    meta = "\n".join(f"<!-- {escape(line).replace('--', '- -')} -->" for line in header(chart))
    page = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(chart.title)}</title>
{meta}
<style>
body {{ margin: 2rem auto; max-width: 1280px; padding: 0 1.5rem; font: 16px/1.5 {FONT}; color: {ink}; background: {paper}; }}
h1 {{ font-size: 1.6rem; line-height: 1.25; }}
footer {{ font-size: .9rem; color: {muted}; }}
.synthetic {{ color: {mark}; font-weight: 700; }}
</style>
</head>
<body>
<main>
<h1>{escape(chart.title)}</h1>
{synthetic}
<div role="img" aria-label="{escape(chart.alt or chart.title, quote=True)}">
{body}
</div>
<footer><p>{escape(chart.caption)}</p><p>{escape(chart.provenance.line())}</p></footer>
</main>
</body>
</html>
"""
    return page.encode("utf-8")

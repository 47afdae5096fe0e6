"""Export: one chart as bytes of a file."""

from __future__ import annotations

from typing import Literal, get_args

from core.errors import UnknownName
from core.export import html, image, page, table
from core.figures.chart import Chart

Kind = Literal["png", "svg", "pdf", "html", "csv"]
MIME = {
    "png": "image/png",
    "svg": "image/svg+xml",
    "pdf": "application/pdf",
    "html": "text/html",
    "csv": "text/csv",
}


def export(chart: Chart, *, kind: str, dark: bool = False) -> bytes:
    """A chart as a file that stands alone: title, n, cohort, citation, versions and SYNTHETIC mark are in it.

    Parameters
    ----------
    kind : 'png', 'svg', 'pdf', 'html' or 'csv'. dark : dark theme (not for csv).

    Raises
    ------
    UnknownName
        There is no such kind.
    core.export.image.NoBrowser, core.export.image.ExportFailed
        A picture cannot be drawn; html and csv never need a browser.
    """
    if kind not in get_args(Kind):
        raise UnknownName(f"there is no export '{kind}'; choose one of {', '.join(get_args(Kind))}")
    if kind == "csv":
        return table.csv(chart)
    if kind == "html":
        return html.document(chart, dark=dark)
    return image.draw(page.compose(chart, dark=dark), kind=kind)


def filename(chart: Chart, kind: str) -> str:
    """What the downloaded file is called."""
    mark = "-synthetic" if chart.provenance.synthetic else ""
    return f"tmescope-{chart.slug}{mark}.{kind}"

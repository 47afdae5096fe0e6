"""Layout: the parts that every figure shares - frame, badge, text measuring, chart assembly."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import plotly.graph_objects as go
import polars as pl

from core.figures.theme import INK, SYNTHETIC, TEMPLATE, TEXT_SIZE

_NARROW = set("iljtfrI.,:;'|!()[] -·")
_WIDE = set("mwMWGOQ@%—≥≤")
BADGE = "SYNTHETIC DATA"


def width(text: str, *, size: float = TEXT_SIZE) -> float:
    """About how many pixels a line of text takes in Inter."""
    plain = re.sub(r"<[^>]+>", "", text)
    units = sum(0.33 if c in _NARROW else 0.86 if c in _WIDE else 0.66 if c.isupper() else 0.57 for c in plain)
    return units * size


def widest(texts: Sequence[str], *, size: float = TEXT_SIZE) -> float:
    """Width of the widest line of several texts, which may contain <br>."""
    return max((width(line, size=size) for text in texts for line in text.split("<br>")), default=0.0)


def wrap(text: str, pixels: float, *, size: float = TEXT_SIZE) -> list[str]:
    """Break a text into lines that fit a width."""
    lines: list[str] = []
    line = ""
    for word in text.split():
        longer = f"{line} {word}".strip()
        if line and width(longer, size=size) > pixels:
            lines.append(line)
            line = word
        else:
            line = longer
    return [*lines, line] if line else lines


def shorten(text: str, most: int) -> str:
    """A label of at most so many characters."""
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def frame(*, height: float, margin: Mapping[str, float], least: float | None = None, **layout: object) -> go.Figure:
    """An empty figure in the theme.

    Parameters
    ----------
    height, margin : pixels on a page. least : how low an export may make it; `height` where None.
    """
    figure = go.Figure()
    figure.update_layout(
        template=TEMPLATE,
        height=round(height),
        margin={"pad": 0, **{k: round(v) for k, v in margin.items()}},
        meta={"least": round(height if least is None else least)},
        **layout,
    )
    return figure


def text(content: str, **place: object) -> dict[str, object]:
    """A piece of writing, without an arrow, for `write`."""
    settings: dict[str, object] = {"showarrow": False, "font": {"size": TEXT_SIZE, "color": INK}, "align": "left"}
    return {"text": content, **settings, **place}


def write(figure: go.Figure, pieces: Sequence[dict[str, object]]) -> None:
    """Put many pieces of writing on a figure at once (one at a time costs time with the square of their number)."""
    standing = [a.to_plotly_json() for a in figure.layout.annotations]
    figure.layout.annotations = [*standing, *pieces]


def note(figure: go.Figure, content: str, **place: object) -> None:
    """Write one piece on a figure."""
    write(figure, [text(content, **place)])


def badge(figure: go.Figure) -> go.Figure:
    """Mark a figure as made from simulated patients, at the top right, once."""
    if not any(a.name == "synthetic" for a in figure.layout.annotations):
        figure.layout.margin.t = max(figure.layout.margin.t or 0, 42)
        figure.add_annotation(
            name="synthetic",
            text=f"<b>{BADGE}</b>",
            showarrow=False,
            xref="paper",
            yref="paper",
            x=1,
            y=1,
            xanchor="right",
            yanchor="bottom",
            yshift=6,
            font={"size": TEXT_SIZE, "color": SYNTHETIC},
            bordercolor=SYNTHETIC,
            borderwidth=1,
            borderpad=3,
        )
    return figure


def thinned(steps: pl.DataFrame, column: str, *, most: int = 400, grain: float = 0.001) -> pl.DataFrame:
    """The rows of a step function that can be told apart on a screen: those where it has moved by a grain, and the last one.

    Parameters
    ----------
    steps : in order of time. column : the height, a share. most : rows under which all are kept.
    """
    if steps.height <= most:
        return steps
    level = (pl.col(column) / grain).round()
    return steps.filter((level != level.shift()).fill_null(value=True) | (pl.int_range(pl.len()) == pl.len() - 1))


def spread(positions: Sequence[float], *, gap: float, low: float, high: float) -> list[float]:
    """Move labels apart so that neighbours are at least `gap` from each other, staying between low and high."""
    order = sorted(range(len(positions)), key=lambda i: positions[i])
    placed = [min(max(positions[i], low), high) for i in order]
    for _ in range(200):
        moved = False
        for a in range(len(placed) - 1):
            short = gap - (placed[a + 1] - placed[a])
            if short > 1e-9:
                placed[a] -= short / 2
                placed[a + 1] += short / 2
                moved = True
        if placed and placed[0] < low:
            placed[0] = low
        if placed and placed[-1] > high:
            placed[-1] = high
        if not moved:
            break
    result = [0.0] * len(positions)
    for value, i in zip(placed, order, strict=True):
        result[i] = value
    return result

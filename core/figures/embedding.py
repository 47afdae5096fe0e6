"""Embedding figure: the TME map, one point a patient, coloured by a group or a number, one panel a study."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go
import polars as pl

from core.errors import TooFewPatients
from core.figures import density, map_points, words
from core.figures.chart import Chart, Provenance
from core.figures.layout import badge, frame, note, shorten, text, write
from core.figures.theme import (
    DIVERGING,
    INK,
    LINE,
    SEQUENTIAL,
    SMALL_SIZE,
    UNKNOWN,
    VEIL,
    colours,
    fade,
)
from core.groups import label_of

if TYPE_CHECKING:
    from core.tme.map import TmeMap

Points = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

WEBGL_FROM = 2_000
MOST_GROUPS = 20
MOST_PANELS = 9
SPECK = 4.0
"""Pixels of a point on top of a raster."""
NOT_FACTS = frozenset({"patient_id", "study", "cohort", "x", "y", "cluster", "type", "value", "stability", "silhouette", "stable", "p_structure"})
AXES = {"umap": "UMAP", "pca": "Component", "pacmap": "PaCMAP"}
METHODS = {"umap": "UMAP", "pca": "The first two principal components", "pacmap": "PaCMAP"}
SPACES = {"tme_signatures": "TME features", "tme_shared": "TME features that cohorts share", "model": "the multimodal model's embedding"}
COMMON = frozenset({"tme_shared"})
"""Spaces in which positions of different studies can be compared."""
Window = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What a reader has done to a map.

    Attributes
    ----------
    study : whose panel is zoomed or outlined. window : x0, x1, y0, y1 that it shows; None = everybody. corners : of an outline,
        with `name`. drag : what dragging does, 'lasso', 'select' or '' (nothing).
    """

    study: str = ""
    window: Window | None = None
    outlined: str = ""
    corners: tuple[tuple[float, float], ...] = ()
    name: str = ""
    drag: str = ""


def embedding(
    result: TmeMap,
    *,
    provenance: Provenance,
    direct: bool = False,
    title: str = "",
    names: Mapping[str, str] | None = None,
    view: View | None = None,
) -> Chart:
    """A map of patients by their tumour microenvironment.

    Parameters
    ----------
    result : from `core.tme.map.tme_map`. direct : write the groups' names on the map, where there are few.
    names : study -> its name, for the panels' heads; the key where it has none. view : zoom, outline, and what dragging does.

    Each study has a panel: positions in two of them cannot be compared. `customdata` of every point starts with
    patient_id, so that a selection names patients, not positions. Axes have equal scale and no ticks: they have no unit. More patients
    than `density.WHOLE` are binned: a raster of all, and a few points to hover over; a panel whose window holds at most
    `density.SINGLE` shows them all as points. Types that refits do not find again are grey.

    Raises
    ------
    TooFewPatients
        Nobody has coordinates.
    """
    view = view or View()
    rows = result.frame
    if rows["x"].null_count() or rows["y"].null_count():
        rows = rows.drop_nulls(["x", "y"])
    if rows.is_empty():
        raise TooFewPatients("no patient of this cohort is on the map; choose a study with expression data")
    if result.colour == "response":
        spoken = {"yes": "responder", "no": "non-responder"}
        rows = rows.with_columns(pl.col("value").cast(pl.String).replace(spoken))
    studies = list(rows["study"].unique(maintain_order=True))[:MOST_PANELS]
    if len(result.studies) > MOST_PANELS:
        rows = rows.filter(pl.col("study").is_in(studies))
    everyone = rows
    own = {s: rows.filter(pl.col("study") == s) for s in studies} if len(studies) > 1 else {studies[0]: rows}
    windows = {s: _window(mine) for s, mine in own.items()}
    if result.space in COMMON:
        windows = dict.fromkeys(studies, _window(rows))
    if view.window is not None and view.study in windows:
        windows[view.study] = view.window
    axis = f"{result.label}, {result.unit}" if result.unit else result.label
    facts = [
        c for c in rows.columns if c not in NOT_FACTS and c != result.colour and rows[c].null_count() < rows.height
    ][:5]
    binned: list[str] = []
    if everyone.height > density.WHOLE:
        parts = {s: density.sampled(mine, windows[s]) for s, mine in own.items()}
        binned = [s for s in studies if not parts[s][1]]
        rows = pl.concat([part for part, _ in parts.values()])
    rows = rows.hstack(map_points.cards(rows, result, facts))
    hover = "<b>%{customdata[0]}</b>" + "".join(
        f"<br>{name}: %{{customdata[{i + 1}]}}" for i, name in enumerate([result.label, *(label_of(c) for c in facts)])
    )
    figure = frame(height=560, least=440, margin={"l": 32, "r": 330, "t": 16, "b": 34})
    _panels(figure, everyone, ({study: (names or {}).get(study, study) for study in studies}, AXES[result.layout], windows))
    biggest = max((rows.filter(pl.col("study") == s).height for s in studies if s not in binned), default=0)
    size = float(np.clip(270 / math.sqrt(max(biggest, 1)) / math.sqrt(len(studies)) * 1.2, 4, 11))
    if binned:
        _raster(figure, everyone, (own, windows, (result, binned)))
    style = map_points.Style(
        size={s: SPECK if s in binned else size for s in studies}, hover=hover + "<extra></extra>", webgl=rows.height > WEBGL_FROM, binned=bool(binned)
    )
    if result.kind == "number":
        map_points.numbers(figure, rows, (studies, style, axis, map_points.ends(everyone, result)))
    else:
        map_points.grouped(figure, rows, (studies, style, result, everyone))
        if direct:
            map_points.names_of(figure, everyone, (studies, result))
    figure.update_layout(dragmode=view.drag or False, newselection={"line": {"color": INK, "width": 1.5, "dash": "dot"}})
    if provenance.synthetic:
        badge(figure)
    caption = (
        f"{METHODS[result.layout]} of {SPACES.get(result.space, result.space)}, n = {everyone.height:,}, coloured by {words.inside(result.label)}. "
        "Distances are relative: the axes have no unit, so they carry no ticks."
    )
    if result.in_sample:
        caption += " The model was trained with outcomes of these patients, so that nearness to responders here is no finding."
    if binned:
        caption += (
            f" Too many for points of their own: each cell has the colour of {'its mean' if result.kind == 'number' else 'the commonest group in it'}, the denser the fuller; "
            f"pointing at it says who is there. {rows.height:,} patients{' drawn at random' if len(binned) == len(studies) else ', those of larger studies drawn at random,'} "
            f"are points with their own card; zoom in until at most {density.SINGLE:,} are left, and everybody is."
        )
    elif rows.height < everyone.height:
        caption += f" The part that is shown holds {rows.height:,} of them, each a point of their own."
    if len(studies) > 1:
        caption += (
            " The studies share this map: the same place means the same in each."
            if result.space in COMMON
            else " Each study has a map of its own; positions in two of them cannot be compared."
        )
    if result.n_uncoloured:
        caption += (
            f" {words.count(result.n_uncoloured, 'patient')} without {words.inside(result.label)} as open circles."
        )
    if result.n_missing:
        caption += f" {words.count(result.n_missing, 'patient')} without TME features not shown."
    if result.unstable and result.colour == "cluster":
        caption += f" Grey: {words.listing(result.unstable)}, unstable (mean Jaccard overlap over refits under {result.stable_from:g})."
    chart = Chart(
        slug="tme-map-" + "".join(c if c.isalnum() else "-" for c in result.colour),
        title=title or f"TME map, coloured by {words.inside(result.label)}",
        figure=figure,
        table=everyone.drop("stable", "p_structure", strict=False).rename({"x": f"{result.layout}_1", "y": f"{result.layout}_2"}),
        caption=caption,
        provenance=provenance,
        alt=f"Map of {everyone.height} patients by their tumour microenvironment, coloured by {axis}.",
        warnings=(f"only the first {MOST_PANELS} studies are drawn",) if len(result.studies) > MOST_PANELS else (),
    )
    return outlined(chart, view)


def outlined(chart: Chart, view: View) -> Chart:
    """A map with the outline of a view on it; the map itself where the view has none, or has it on a panel that is not drawn."""
    studies = list(chart.figure.layout.meta["studies"])
    if not view.corners or view.outlined not in studies:
        return chart
    figure = copy.deepcopy(chart.figure)
    _outline(figure, view, studies.index(view.outlined))
    return replace(chart, figure=figure)


def _window(mine: pl.DataFrame) -> Window:
    """Everybody of a panel with a margin."""
    ends = []
    for name in ("x", "y"):
        low, high = float(mine[name].to_numpy().min()), float(mine[name].to_numpy().max())
        pad = 0.05 * max(high - low, 1e-6)
        ends += [low - pad, high + pad]
    return ends[0], ends[1], ends[2], ends[3]


def _panels(figure: go.Figure, rows: pl.DataFrame, scene: tuple[Mapping[str, str], str, Mapping[str, Window]]) -> None:
    """Axes of equal scale without ticks, one pair a study, in a grid."""
    studies, axis_name, windows = scene
    across = 1 if len(studies) == 1 else 2 if len(studies) <= 4 else 3
    down = math.ceil(len(studies) / across)
    gap_x, gap_y = 0.03, 0.11 if len(studies) > 1 else 0.0
    if len(studies) > 1:
        figure.update_layout(height=max(560, 330 * down))
        figure.layout.meta = {"least": 230 * down, "studies": list(studies)}
        figure.layout.margin.t = 32
    else:
        figure.layout.meta = {**figure.layout.meta, "studies": list(studies)}
    pieces, axes = [], {}
    for i, (study, head) in enumerate(studies.items()):
        column, line = i % across, i // across
        wide, high = (1 - gap_x * (across - 1)) / across, (1 - gap_y * (down - 1)) / down
        x0, y1 = column * (wide + gap_x), 1 - line * (high + gap_y)
        count = int((rows["study"] == study).sum())
        n = "" if i == 0 else str(i + 1)
        plain = {
            "showticklabels": False,
            "ticks": "",
            "showgrid": False,
            "showline": True,
            "mirror": True,
            "linecolor": LINE,
        }
        for axis, number, domain, ends in (
            ("x", 1, [x0, min(x0 + wide, 1.0)], windows[study][:2]),
            ("y", 2, [max(y1 - high, 0.0), y1], windows[study][2:]),
        ):
            other = "y" if axis == "x" else "x"
            settings: dict[str, object] = {
                **plain, "range": list(ends), "domain": domain, "anchor": f"{other}{n}",
                "title": {"text": f"{axis_name} {number}" if i == 0 else "", "standoff": 4, "font": {"size": SMALL_SIZE}},
            }  # fmt: skip
            if axis == "y":
                settings["scaleanchor"] = f"x{n}"
            axes[f"{axis}axis{n}"] = settings
        if len(studies) > 1:
            content = f"<b>{shorten(head, 30)}</b> (n = {count:,})"
            pieces.append(
                text(content, xref="paper", x=x0, xanchor="left", yref="paper", y=y1, yanchor="bottom", yshift=3)
            )
    figure.update_layout(axes)
    write(figure, pieces)


def _raster(figure: go.Figure, rows: pl.DataFrame, scene: tuple[Mapping[str, pl.DataFrame], Mapping[str, Window], tuple[TmeMap, list[str]]]) -> None:
    """The binned layer of the panels that have one."""
    own, windows, (result, binned) = scene
    if result.kind == "number":
        low, high, diverging = map_points.ends(rows, result)
        look = density.Look(label=result.label, unit=result.unit, ends=(low, high), stops=DIVERGING if diverging else SEQUENTIAL)
    else:
        labels = map_points.order(rows, result)
        paint = {**colours(labels), **dict.fromkeys(map_points.weak(result), UNKNOWN)}
        look = density.Look(label=result.label, paint={g: paint[g] for g in labels})
    for i, (study, mine) in enumerate(own.items()):
        n = "" if i == 0 else str(i + 1)
        if study in binned:
            density.layer(figure, mine, window=windows[study], axes=(f"x{n}", f"y{n}"), look=look)
    figure.update_layout(hoverdistance=density.NEAR)


def _outline(figure: go.Figure, view: View, panel: int) -> None:
    """A group's outline, and its name at the outline's top."""
    n = "" if panel == 0 else str(panel + 1)
    path = "M" + "L".join(f"{x:g},{y:g}" for x, y in view.corners) + "Z"
    figure.add_shape(type="path", path=path, xref=f"x{n}", yref=f"y{n}", line={"color": INK, "width": 2.2}, fillcolor=fade(INK, 0.05))
    x, y = max(view.corners, key=lambda corner: corner[1])
    note(figure, f"<b>{shorten(view.name, 30)}</b>", xref=f"x{n}", yref=f"y{n}", x=x, y=y, yanchor="bottom", yshift=3, bgcolor=VEIL, borderpad=2)

"""Kaplan-Meier figure: steps, band, censor ticks, labels at the curves' ends, medians, hazard ratio, risk table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import plotly.graph_objects as go
import polars as pl

from core.figures import words
from core.figures.chart import Chart, Provenance
from core.figures.layout import badge, frame, note, shorten, spread, widest
from core.figures.theme import DASHES, INK, LINE, MUTED, SMALL_SIZE, TEXT_SIZE, VEIL, colours, fade
from core.finding import Finding
from core.survival.endpoint import Floats
from core.survival.kaplan_meier import Curve, Curves, risk_table, round_ticks

ROW = 26
PLOT = 380
AXIS = 62
LEAST_AT_RISK = 0.10
MOST_MARKS = 250
MOST_STEPS = 400
TYPICAL = 560  # width of the curves' area on a page, pixels
STRATIFIED = ", stratified by "  # how the name of a stratified test goes on
MEDIANS_INSIDE = 2  # groups whose medians fit beside the curves; more are written at the curves' ends


def _cut(curve: Curve) -> float:
    """Last time at which at least 10% of the group is at risk."""
    steps = curve.steps
    enough = steps.filter(pl.col("n_risk") >= max(1.0, LEAST_AT_RISK * curve.n))
    return float(enough["time"].to_numpy().max()) if not enough.is_empty() else float(steps["time"].to_numpy().max())


def _stairs(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Corner points of a right-continuous step function."""
    return np.repeat(x, 2)[1:], np.repeat(y, 2)[:-1]


def _steps(curve: Curve, end: float) -> pl.DataFrame:
    """Steps up to `end`; of a curve with very many, those where it falls, so that nothing of its shape is lost."""
    steps = curve.steps.filter(pl.col("time") <= end)
    return steps if steps.height <= MOST_STEPS else steps.filter(pl.col("n_event") > 0)


def _drawn(curve: Curve, end: float) -> tuple[Floats, Floats, Floats, Floats]:
    """Time, survival and limits from 0 to `end`, limits filled where they do not exist."""
    steps = _steps(curve, end)
    time = np.concatenate(([0.0], steps["time"].to_numpy(), [end]))
    survival = np.concatenate(([1.0], steps["survival"].to_numpy()))
    survival = np.append(survival, survival[-1])
    limits = []
    for name in ("ci_low", "ci_high"):
        limit = np.concatenate(([1.0], steps[name].cast(pl.Float64).fill_null(np.nan).to_numpy()))
        limit = np.append(limit, limit[-1])
        limit = np.where(survival >= 1.0, 1.0, limit)
        limits.append(limit)
    return time, survival, limits[0], limits[1]


def _pair(ratio: Finding) -> tuple[str, str]:
    """The group and the one that it is compared with."""
    group, _, base = ratio.name.partition(": ")[2].partition(" against ")
    return group, base


def _summary(curves: Curves, test: Finding | None, ratios: Sequence[Finding]) -> list[str]:
    """The lines of numbers inside the figure; with many groups their ratios stand at the curves' ends."""
    lines = []
    many = len(curves.curves) > MEDIANS_INSIDE
    for ratio in ratios[:1] if not many else ():
        pair = ratio.name.partition(": ")[2]
        lines.append(f"<b>{words.hazard(ratio)}</b>" + (f"  {pair}" if pair else ""))
    if test is not None:
        name = test.name.partition(",")[0].removesuffix(" test")
        name = f"Stratified {name}" if STRATIFIED in test.name else f"{name[:1].upper()}{name[1:]}"
        lines.append(f"{name} {words.p(test.p_value)}")
    if many and ratios and _pair(ratios[0])[1]:
        lines.append(f"HR against {shorten(_pair(ratios[0])[1], 30)}")
    if len(curves.curves) == 1:
        lines.append(f"Median {words.median(curves.curves[0].median, curves.curves[0].median_ci)}")
    elif len(curves.curves) <= MEDIANS_INSIDE:
        for c in curves.curves:
            lines.append(f"Median {words.median(c.median, c.median_ci)}  {shorten(c.group, 26)}")
    return lines


def km(
    curves: Curves,
    test: Finding | None = None,
    ratios: Sequence[Finding] = (),
    *,
    provenance: Provenance,
    title: str = "",
    follow_up: Finding | None = None,
    landmark: float = 0.0,
) -> Chart:
    """Kaplan-Meier curves with everything that a reader needs to judge them.

    Parameters
    ----------
    curves : from `kaplan_meier`. test : from `logrank`, or another one of equal survival. ratios : from `hazard_ratio`.
    follow_up : from `median_follow_up`, for the caption. landmark : months after the start from which times are counted.
    """
    k = len(curves.curves)
    colour = colours(curves.labels)
    cuts = [_cut(c) for c in curves.curves]
    end = max([*cuts, 1e-9])
    truncated = any(cut < float(c.steps["time"].to_numpy().max()) for cut, c in zip(cuts, curves.curves, strict=True))
    names = [shorten(label, 30) for label in curves.labels]
    shown = {_pair(ratio)[0]: words.hazard(replace(ratio, note="")) for ratio in ratios} if k > MEDIANS_INSIDE else {}
    ends = [
        f"<b>{name}</b><br>n = {c.n:,}, {words.event(curves.outcome, c.events)}"
        + (f"<br>median {words.median(c.median, c.median_ci).replace(' months', '')}" if k > MEDIANS_INSIDE else "")
        + (f"<br>{shown[c.group]}" if c.group in shown else "")
        for name, c in zip(names, curves.curves, strict=True)
    ]
    gap = 19 * max(end.count("<br>") + 1 for end in ends) + 10
    plot = max(PLOT, gap * k + 10)
    left = max(96.0, widest(["Number at risk"], size=SMALL_SIZE) + 34, widest(names, size=TEXT_SIZE) + 66)
    right = widest(ends) + 36
    table = ROW * (k + 1)
    area = plot + AXIS + table
    figure = frame(height=area + 32, least=area * (0.8 if k <= MEDIANS_INSIDE else 1.0), margin={"l": left, "r": right, "t": 16, "b": 16})
    bottom = (AXIS + table) / area
    for i, curve in enumerate(curves.curves):
        _draw_curve(figure, curve, (colour[curve.group], DASHES[i % len(DASHES)], cuts[i]))
    ticks = list(round_ticks(end))
    since = f" from {landmark:g} months after the start" if landmark else ""
    x_range = [-0.012 * end, end * 1.012]
    x = {"range": x_range, "tickvals": ticks, "ticktext": [f"{t:g}" for t in ticks]}
    figure.update_layout(
        xaxis={**x, "anchor": "y", "title": {"text": f"{curves.outcome_label}, months{since}", "standoff": 8}},
        yaxis={
            "domain": [bottom, 1],
            "range": [0, 1.02],
            "tickvals": [0, 0.25, 0.5, 0.75, 1],
            "ticktext": ["0%", "25%", "50%", "75%", "100%"],
            "showgrid": True,
            "title": {"text": _axis_title(curves)},
        },
        showlegend=False,
    )
    _risk_table(figure, curves, (ticks, x_range, ROW * k / area))
    figure.add_shape(
        type="line", xref="x", yref="y", x0=0, x1=end, y0=0.5, y1=0.5, line={"color": LINE, "width": 1, "dash": "dot"}
    )
    last = [curve.at(cut)[0] for curve, cut in zip(curves.curves, cuts, strict=True)]
    for i, (curve, y) in enumerate(zip(curves.curves, spread(last, gap=gap / plot, low=0.06, high=0.95), strict=True)):
        figure.add_trace(
            go.Scatter(
                x=[cuts[i], end * 1.012], y=[last[i], last[i]], mode="lines", hoverinfo="skip",
                line={"color": fade(colour[curve.group], 0.35), "width": 1, "dash": "dot"},
            )
        )  # fmt: skip
        note(
            figure, f"<span style='color:{colour[curve.group]}'>■</span> {ends[i]}",
            xref="paper", x=1, xanchor="left", xshift=8, yref="y", y=y, yanchor="middle",
        )  # fmt: skip
    _place_summary(figure, _summary(curves, test, ratios), (curves, end))
    if provenance.synthetic:
        badge(figure)
    caption = _caption(curves, (test, ratios, follow_up), truncated=truncated)
    groups = "; ".join(f"{c.group}: n {c.n}, median {words.median(c.median, c.median_ci)}" for c in curves.curves)
    return Chart(
        slug=f"survival-{curves.outcome}" + (f"-by-{curves.by}" if curves.by else ""),
        title=title or f"{curves.outcome_label}" + (f" by {words.column(curves.by)}" if curves.by else ""),
        figure=figure,
        table=curves.table(),
        caption=caption,
        provenance=provenance,
        alt=f"Kaplan-Meier curves of {curves.outcome_label.lower()}. {groups}. "
        + " ".join(words.hazard(r) + "." for r in ratios),
        warnings=tuple(f"{r.note[:1].upper()}{r.note[1:]}." for r in ratios if r.note and (r.effect is None or r.effect != r.effect)),
    )


def _axis_title(curves: Curves) -> str:
    short = {
        "os": "Patients alive",
        "pfs": "Alive, progression-free",
        "dss": "Free of disease death",
        "dfi": "Disease-free",
    }
    return short.get(curves.outcome, curves.outcome_label)


def _draw_curve(figure: go.Figure, curve: Curve, style: tuple[str, str, float]) -> None:
    colour, dash, end = style
    time, survival, low, high = _drawn(curve, end)
    shown = np.isfinite(low) & np.isfinite(high)
    x, top = _stairs(time[shown], high[shown])
    _, bottom = _stairs(time[shown], low[shown])
    figure.add_trace(
        go.Scatter(
            x=np.concatenate((x, x[::-1])), y=np.concatenate((top, bottom[::-1])), fill="toself", mode="lines",
            line={"width": 0}, fillcolor=fade(colour, 0.16), hoverinfo="skip", name=f"{curve.group}, 95% band",
        )
    )  # fmt: skip
    risk = np.concatenate(([curve.n], _steps(curve, end)["n_risk"].to_numpy()))
    risk = np.append(risk, risk[-1])
    figure.add_trace(
        go.Scatter(
            x=time, y=survival, mode="lines", line={"shape": "hv", "color": colour, "width": 2.6, "dash": dash},
            name=curve.group, customdata=np.stack((low, high, risk), axis=1),
            hovertemplate=f"<b>{curve.group}</b><br>%{{x:.1f}} months: %{{y:.0%}} "
            "(%{customdata[0]:.0%} to %{customdata[1]:.0%})<br>%{customdata[2]:.0f} at risk<extra></extra>",
        )
    )  # fmt: skip
    censored = _marks(curve, end)
    figure.add_trace(
        go.Scatter(
            x=censored["time"].to_numpy(), y=censored["survival"].to_numpy(), mode="markers", hoverinfo="skip",
            marker={"symbol": "line-ns-open", "size": 9, "color": colour, "line": {"width": 1.4, "color": colour}},
            name=f"{curve.group}, censored",
        )
    )  # fmt: skip


def _marks(curve: Curve, end: float) -> pl.DataFrame:
    """Steps where a censor tick is drawn: none where there are so many that they would hide the curve."""
    censored = curve.steps.filter((pl.col("n_censor") > 0) & (pl.col("time") <= end))
    return censored if censored.height <= MOST_MARKS else censored.head(0)


def _risk_table(figure: go.Figure, curves: Curves, geometry: tuple[list[float], list[float], float]) -> None:
    """Numbers at risk under the axis, in line with its ticks."""
    ticks, x_range, top = geometry
    k = len(curves.curves)
    rows = risk_table(curves.curves, tuple(ticks))
    colour = colours(curves.labels)
    for i, curve in enumerate(curves.curves):
        row = rows.filter(pl.col("group") == curve.group)
        figure.add_trace(
            go.Scatter(
                x=row["time"].to_numpy(), y=[k - 1 - i] * row.height, xaxis="x2", yaxis="y2", mode="text",
                text=[f"{n:,}" for n in row["n_risk"].to_list()], textfont={"size": TEXT_SIZE, "color": INK},
                hoverinfo="skip", name=f"{curve.group}, at risk", cliponaxis=False,
            )
        )  # fmt: skip
    plain = {"showline": False, "ticks": "", "showgrid": False, "zeroline": False, "fixedrange": True}
    figure.update_layout(
        xaxis2={**plain, "anchor": "y2", "range": x_range, "matches": "x", "showticklabels": False},
        yaxis2={
            **plain,
            "domain": [0, top],
            "range": [-0.5, k - 0.5],
            "tickvals": list(range(k)),
            "ticktext": [
                f"<span style='color:{colour[label]}'>■</span> {shorten(label, 30)}"
                for label in reversed(curves.labels)
            ],
            "tickfont": {"size": TEXT_SIZE, "color": INK},
            "ticklabelstandoff": 26,
        },
    )
    note(
        figure, "Number at risk", xref="paper", x=0, xanchor="right", yref="paper", y=top, yanchor="bottom",
        xshift=-26, yshift=2, font={"size": SMALL_SIZE, "color": MUTED},
    )  # fmt: skip


def _place_summary(figure: go.Figure, lines: list[str], scene: tuple[Curves, float]) -> None:
    """Numbers in the emptier corner: top right, or bottom left where the curves leave more room there."""
    curves, end = scene
    wide = min(widest(lines) / TYPICAL, 0.95)
    tall = (20 * len(lines) + 8) / PLOT
    above = max(curve.at(end * (1 - wide))[0] for curve in curves.curves) - (1 - tall)
    below = tall - min(curve.at(end * wide)[0] for curve in curves.curves)
    at_top = above <= max(below, 0.0)
    note(
        figure, "<br>".join(lines), xref="x", yref="y", x=end if at_top else end * 0.015, y=1.0 if at_top else 0.02,
        xanchor="right" if at_top else "left", yanchor="top" if at_top else "bottom",
        align="right" if at_top else "left", name="summary", bgcolor=VEIL, borderpad=4,
    )  # fmt: skip


def _caption(
    curves: Curves, findings: tuple[Finding | None, Sequence[Finding], Finding | None], *, truncated: bool
) -> str:
    test, ratios, follow_up = findings
    parts = [
        f"Kaplan-Meier estimate, pointwise 95% band ({curves.curves[0].interval}); n = {curves.n:,}, {words.event(curves.outcome, curves.events)}."
    ]
    if curves.n_missing:
        parts.append(f"{words.count(curves.n_missing, 'patient')} without time, event or group left out.")
    if test is not None and test.p_value == test.p_value:
        parts.append(f"Two-sided {test.name}." if len(curves.curves) == 2 else f"{test.name[:1].upper()}{test.name[1:]} over all groups.")
    if any(r.effect is not None and r.effect == r.effect for r in ratios):
        base = _pair(ratios[0])[1]
        how = "stratified likewise" if test is not None and STRATIFIED in test.name else "unadjusted"
        parts.append(f"HR: Cox regression (Efron), {how}{f', against {base}' if len(ratios) > 1 and base else ''}.")
    if follow_up is not None and follow_up.effect is not None:
        parts.append(f"Median follow-up {words.months(follow_up.effect)} (reverse Kaplan-Meier).")
    parts += [f"{note[:1].upper()}{note[1:].rstrip('.')}." for note in curves.notes]
    if truncated:
        parts.append("Curves end where fewer than 10% of a group are at risk.")
    if any(c.steps.filter(pl.col("n_censor") > 0).height > MOST_MARKS for c in curves.curves):
        parts.append(f"No censor ticks in groups with more than {MOST_MARKS} censored times.")
    return " ".join(parts)

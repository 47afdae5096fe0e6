"""Every kind of figure: it stands alone, in both themes, with its numbers, and nothing is drawn outside it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from core import figures
from core.errors import NotMeasured, TooFewPatients
from core.figures import FIGURES, Chart, Provenance, dress
from core.figures.layout import spread, widest, wrap
from core.figures.theme import DARK
from core.response import forest_table, roc
from core.survival import hazard_ratio, kaplan_meier, logrank

Draw = Callable[[str, Provenance], Chart]
ROOT = Path(__file__).resolve().parents[3]


def text_of(chart: Chart) -> str:
    """Everything that is written on a figure."""
    return json.dumps(json.loads(chart.figure.to_json()), ensure_ascii=False)


def test_every_listed_kind_is_drawn_here(kind: str) -> None:
    assert kind in FIGURES


def test_chart_stands_alone(kind: str, draw: Draw, provenance: Provenance) -> None:
    chart = draw(kind, provenance)
    assert re.fullmatch(r"[a-z0-9-]+", chart.slug)
    assert chart.title[0].isupper()
    assert chart.caption.endswith(".")
    assert chart.alt
    assert chart.table.height > 0
    assert not re.search(r"\b(os_months|tmb_per_mb|pdl1_ic|umap_1)\b", chart.title + chart.caption)
    assert not re.search(r"\bnan\b|None", text_of(chart).replace("NaN", "")), (
        "a number that is not defined is on the figure"
    )


def test_text_is_readable_and_automatic_margins_are_off(kind: str, draw: Draw, provenance: Provenance) -> None:
    chart = draw(kind, provenance)
    content = json.loads(chart.figure.to_json())

    def sizes(node: object) -> list[float]:
        if isinstance(node, dict):
            own = (
                [node["size"]]
                if isinstance(node.get("size"), (int, float)) and "color" in node and "family" in node
                else []
            )
            fonts = [
                v["size"]
                for k, v in node.items()
                if "font" in k and isinstance(v, dict) and isinstance(v.get("size"), (int, float))
            ]
            return own + fonts + [s for v in node.values() for s in sizes(v)]
        return [s for v in node for s in sizes(v)] if isinstance(node, list) else []

    assert min(sizes(content["layout"])) >= 14
    assert chart.figure.layout.margin.l is not None
    for axis in ("xaxis", "yaxis"):
        assert chart.figure.layout.template.layout[axis].automargin is False


def test_few_ticks(kind: str, draw: Draw, provenance: Provenance) -> None:
    for name, axis in draw(kind, provenance).figure.layout.to_plotly_json().items():
        if (
            re.fullmatch(r"xaxis\d*", name)
            and kind not in {"missingness", "quality"}
            and axis.get("tickvals") is not None
        ):
            assert len(axis["tickvals"]) <= 7, name


def test_synthetic_is_said_once_in_the_figure(kind: str, draw: Draw, provenance: Provenance) -> None:
    real = draw(kind, provenance)
    simulated = draw(kind, replace(provenance, synthetic=True))
    assert "SYNTHETIC DATA" not in text_of(real)
    assert text_of(simulated).count("SYNTHETIC DATA") == 1
    assert simulated.provenance.line().startswith("SYNTHETIC DATA")


def test_dark_theme_changes_colours_alone(kind: str, draw: Draw, provenance: Provenance) -> None:
    chart = draw(kind, provenance)
    before = chart.figure.to_json()
    dark = dress(chart.figure, dark=True).to_json()
    assert chart.figure.to_json() == before, "dress changed the figure that it was given"
    blank = re.compile(r"#[0-9a-fA-F]{6}|rgba\([^)]*\)")
    assert json.loads(blank.sub("", before)) == json.loads(blank.sub("", dark))
    left = [c for c in ("#1B2733", "#FFFFFF", "#0072B2") if c.lower() in dark.lower()]
    assert not left, f"{left} have no place in the dark theme"


def test_same_input_same_figure(kind: str, draw: Draw, provenance: Provenance) -> None:
    assert draw(kind, provenance).figure.to_json() == draw(kind, provenance).figure.to_json()


def test_colours_live_in_the_theme_alone() -> None:
    for path in [*(ROOT / "core").rglob("*.py"), *(ROOT / "pages").rglob("*.py")]:
        if path.name == "theme.py":
            continue
        found = re.findall(r"\"(?:#[0-9a-fA-F]{6}|rgba?\()", path.read_text(encoding="utf-8"))
        assert not found, f"{path.relative_to(ROOT)} holds the colour {found[0]}"


def test_dark_partners_are_distinct() -> None:
    assert len(set(DARK.values())) == len(DARK)


def test_km_draws_what_was_computed(people: pl.DataFrame, provenance: Provenance) -> None:
    curves = kaplan_meier(people, by="phenotype")
    ratios = hazard_ratio(people, by="phenotype")
    chart = figures.km(curves, logrank(people, by="phenotype"), ratios, provenance=provenance)
    lines = [t for t in chart.figure.data if t.mode == "lines" and t.line.shape == "hv"]
    assert [t.name for t in lines] == list(curves.labels)
    for trace, curve in zip(lines, curves.curves, strict=True):
        drawn = dict(zip(np.asarray(trace.x), np.asarray(trace.y), strict=True))
        for time, value in curve.steps.select("time", "survival").iter_rows():
            if time in drawn and time < max(trace.x):
                assert drawn[time] == value
        assert min(np.asarray(trace.customdata)[:, 2]) >= 0.1 * curve.n - 1
    assert f"{ratios[0].effect:.2f}" in text_of(chart)
    assert chart.caption.count("10%") == 1


def test_km_of_one_patient_and_of_no_events(provenance: Provenance) -> None:
    for rows in ([(3.0, True)], [(3.0, False), (5.0, False)], [(0.0, True)]):
        data = pl.DataFrame(rows, schema={"os_months": pl.Float64, "os_event": pl.Boolean}, orient="row")
        chart = figures.km(kaplan_meier(data), provenance=provenance)
        assert "not reached" in text_of(chart) or "months" in text_of(chart)


def test_forest_says_what_cannot_be_estimated(draw: Draw, provenance: Provenance) -> None:
    assert "not estimable" in text_of(draw("forest", provenance))
    with pytest.raises(NotMeasured):
        figures.forest(forest_table([]), provenance=provenance)


def test_roc_without_a_class_is_named_not_drawn(people: pl.DataFrame, provenance: Provenance) -> None:
    result = roc(people.with_columns(response=pl.lit(value=True)), score="score", label="LORIS")
    chart = figures.roc(result, provenance=provenance)
    assert "no non-responders" in chart.warnings[0]


def test_map_points_carry_patients(
    people: pl.DataFrame, provenance: Provenance, make_map: Callable[..., object]
) -> None:
    many = pl.concat([people.with_columns(patient_id=pl.col("patient_id") + f":{i}") for i in range(9)])
    for frame, webgl in ((people, False), (many, True)):
        chart = figures.embedding(make_map("cluster", frame.with_columns(value="type")), provenance=provenance)  # type: ignore[arg-type]
        ids = [card[0] for trace in chart.figure.data for card in trace.customdata]
        assert sorted(ids) == sorted(frame["patient_id"])
        assert {t.type for t in chart.figure.data} == {"scattergl" if webgl else "scatter"}
        assert all(np.asarray(t.x).dtype == np.float32 for t in chart.figure.data)
        assert chart.figure.layout.yaxis.scaleanchor == "x"
        assert chart.figure.layout.xaxis.showticklabels is False


def test_studies_never_share_a_map(
    people: pl.DataFrame, provenance: Provenance, make_map: Callable[..., object]
) -> None:
    two = pl.concat([people, people.with_columns(study=pl.lit("other"), patient_id=pl.col("patient_id") + "b")])
    chart = figures.embedding(
        make_map("score:x", two.with_columns(value=pl.col("score")), unit="SD within the cohort"),  # type: ignore[arg-type]
        provenance=provenance,
    )
    assert {t.xaxis for t in chart.figure.data} == {"x", "x2"}
    assert "cannot be compared" in chart.caption
    with pytest.raises(TooFewPatients):
        empty = people.with_columns(x=pl.lit(None, dtype=pl.Float64), value=pl.lit("a"))
        figures.embedding(make_map("cluster", empty), provenance=provenance)  # type: ignore[arg-type]


def test_labels_are_kept_apart_and_text_fits() -> None:
    placed = spread([0.5, 0.5, 0.52], gap=0.1, low=0.0, high=1.0)
    assert all(b - a > 0.0999 for a, b in zip(sorted(placed), sorted(placed)[1:], strict=False))
    lines = wrap("one two three four five six seven " * 4, 200)
    assert len(lines) > 2
    assert widest(lines) <= 200

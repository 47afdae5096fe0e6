"""Groups of spots that refits do not find again are grey, and named with their stability."""

from __future__ import annotations

from collections.abc import Mapping

import duckdb
import numpy as np
import polars as pl
import pytest

from core.figures.chart import Provenance
from core.figures.spot_map import counted, doubt, legend, painted, palette, spoken, spot_map
from core.figures.theme import UNKNOWN, colours
from core.spatial import section as sections
from core.spatial.section import SectionView

GROUPS = ("Tumour", "Stroma", "Fat")


def view(unstable: Mapping[str, float], *, colour: str = "cluster", missing: int = 0) -> SectionView:
    n = 30
    value = [GROUPS[i % 3] if i >= missing else None for i in range(n)]
    place = np.arange(n, dtype=float)
    frame = pl.DataFrame(
        {"spot_id": [f"s{i}" for i in range(n)], "x": place % 6, "y": place // 6, "x_um": place % 6 * 200, "y_um": place // 6 * 200, "label": pl.Series([None] * n, dtype=pl.String),
         "value": pl.Series(value, dtype=pl.String)}
    )  # fmt: skip
    return SectionView(
        study="made", section="A1", patient="made:A", frame=frame, colour=colour, kind="category", label="Expression cluster", unit="", levels=GROUPS, n=n,
        n_missing=missing, um_per_unit=200.0, radius=0.25, picture=None, without="", unstable=unstable,
    )  # fmt: skip


def test_a_stable_grouping_keeps_its_colours_and_raises_no_doubt() -> None:
    found = view({})
    assert palette(found) == colours(GROUPS)
    assert doubt(found) == ""
    assert "nstable" not in spot_map(found, provenance=Provenance(cohort="made", n=1)).caption


def test_unstable_groups_are_grey_apart_from_each_other_and_named() -> None:
    found = view({"Tumour": 0.5, "Fat": 0.704})
    paint = palette(found)
    assert paint["Stroma"] == colours(GROUPS)["Stroma"]
    for group in ("Tumour", "Fat"):
        red, _, blue = (int(paint[group][i : i + 2], 16) for i in (1, 3, 5))
        assert abs(red - blue) < 30  # a grey
    assert paint["Tumour"] != paint["Fat"]
    assert set(painted(found)) == set(paint.values())
    assert palette(view({"Fat": 0.7}))["Fat"] == UNKNOWN
    said = spoken(found)
    assert said[0] == "Expression cluster Tumour (unstable)"
    assert said[1] == "Expression cluster Stroma"
    assert counted(found, "Fat", 10) == "n = 10, unstable: 0.70"
    chart = spot_map(found, provenance=Provenance(cohort="made", n=1))
    assert "Grey: Tumour (0.50) and Fat (0.70), unstable (stability under 0.75: how often the fits keep two of its spots together)" in chart.caption
    assert "unstable: 0.50" in chart.figure.to_json()
    assert list(legend(found)) == list(GROUPS)


def test_niches_say_what_their_stability_is_and_spots_without_one_are_empty() -> None:
    chart = spot_map(view({"Fat": 0.6}, colour="niche", missing=3), provenance=Provenance(cohort="made", n=1))
    assert "mean Jaccard overlap" in chart.caption
    assert "3 spots without a value drawn as empty circles" in chart.caption


class Tables:
    """A store with clusters alone."""

    def __init__(self, rows: list[tuple[str, str, int, str, float | None]]) -> None:
        self.connection = duckdb.connect()
        self.connection.execute("CREATE TABLE spot_cluster (study VARCHAR, section_id VARCHAR, spot_id VARCHAR, grouping VARCHAR, cluster INTEGER, name VARCHAR, stability DOUBLE)")
        for spot, (grouping, section, cluster, name, stability) in enumerate(rows):
            self.connection.execute("INSERT INTO spot_cluster VALUES ('made', ?, ?, ?, ?, ?, ?)", [section, f"s{spot}", grouping, cluster, name, stability])

    def sql(self, query: str, params: Mapping[str, object]) -> pl.DataFrame:
        found = self.connection.execute(query, dict(params))
        return pl.DataFrame(found.fetchall(), schema=[one[0] for one in found.description or []], orient="row")


@pytest.mark.parametrize(("stability", "named"), [(0.749, True), (0.75, False), (None, False)])
def test_a_group_is_unstable_under_the_threshold_of_the_map(stability: float | None, named: bool) -> None:
    store = Tables([("expression", "A1", 2, "Fat", stability), ("expression", "A1", 1, "Tumour", 0.9), ("niche", "A1", 1, "Rim", 0.1), ("expression", "B1", 1, "Other", 0.1)])
    found = sections.unstable(store, {"study": "made", "section": "A1"}, "expression")  # type: ignore[arg-type]
    assert found == ({"Fat": stability} if named else {})
    store.connection.close()

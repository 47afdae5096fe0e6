"""An outline on the map: its text in the URL, who is inside, and what is said where it cannot be used."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.cohort.query import CohortQuery, Filter
from core.errors import BadLink, NotMeasured, TooFewPatients
from core.tme import group as groups
from core.tme import map as tme
from core.tme import selection, zoom
from core.tme.group import drawn, group, summary, types
from data.store import Store

QUERY = CohortQuery(("synthetic_a",))
SQUARE = np.array([(0.0, 0.0), (2.0, 0.0), (2.0, 2.0), (0.0, 2.0)])


def corners(x: tuple[float, float], y: tuple[float, float]) -> str:
    return f"{x[0]:.6g}_{y[0]:.6g}_{x[1]:.6g}_{y[1]:.6g}"


@pytest.fixture
def left_half(synthetic_store: Store) -> str:
    """The text of a box around the left half of the synthetic map."""
    places = tme.positions(synthetic_store, QUERY)
    x, y = places["x"].to_numpy(), places["y"].to_numpy()
    return drawn(synthetic_store, QUERY, corners=corners((x.min() - 1, float(np.median(x))), (y.min() - 1, y.max() + 1)), study="synthetic_a", name="Left")


def test_who_is_inside() -> None:
    x, y = np.array([1.0, 3.0, -1.0, 1.0, 0.5]), np.array([1.0, 1.0, 1.0, 3.0, 1.9])
    assert selection.inside(x, y, corners=SQUARE).tolist() == [True, False, False, False, True]
    hollow = np.array([(0, 0), (3, 0), (3, 3), (2, 3), (2, 1), (1, 1), (1, 3), (0, 3)], dtype=float)  # a U
    assert selection.inside(np.array([0.5, 1.5, 2.5, 1.5]), np.array([2, 2, 2, 0.5], dtype=float), corners=hollow).tolist() == [True, False, True, True]
    assert not selection.inside(x, y, corners=SQUARE[:2]).any()


@settings(deadline=None, max_examples=30)
@given(st.lists(st.tuples(st.floats(-9, 9), st.floats(-9, 9)), min_size=3, max_size=12), st.integers(0, 1000))
def test_inside_does_not_depend_on_where_the_outline_starts_or_turns(points: list[tuple[float, float]], seed: int) -> None:
    x, y = np.random.default_rng(seed).uniform(-10, 10, (2, 50))
    polygon = np.array(points)
    once = selection.inside(x, y, corners=polygon)
    np.testing.assert_array_equal(once, selection.inside(x, y, corners=polygon[::-1]))
    np.testing.assert_array_equal(once, selection.inside(x, y, corners=np.roll(polygon, 1, axis=0)))


def test_inside_a_regular_polygon() -> None:
    """A regular polygon: inside is nearer than the apothem, outside farther than the radius."""
    rng = np.random.default_rng(0)
    angle = np.linspace(0, 2 * math.pi, 36, endpoint=False)
    x, y = rng.uniform(-2, 2, (2, 5000))
    found = selection.inside(x, y, corners=np.column_stack([np.cos(angle), np.sin(angle)]))
    radius = np.hypot(x, y)
    assert found[radius < math.cos(math.pi / 36)].all()
    assert not found[radius > 1].any()


def test_a_long_path_keeps_its_area_with_few_corners() -> None:
    angle = np.linspace(0, 2 * math.pi, 400)
    kept = np.array(selection.outline(np.column_stack([np.cos(angle), np.sin(angle)])))
    assert len(kept) == selection.MOST_CORNERS
    x, y = kept.T
    assert abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2 == pytest.approx(math.pi, rel=0.02)
    assert selection.outline(np.array([(0.0, 0.0), (2.0, 1.0)])) == ((0, 0), (2, 0), (2, 1), (0, 1))


def test_a_selection_is_read_back_from_its_text(left_half: str) -> None:
    made = selection.read(left_half)
    assert made.text() == left_half
    assert (made.name, made.study, made.space, made.layout) == ("Left", "synthetic_a", "tme_signatures", "umap")
    assert made.named("A ~ better   name").text().startswith("A better name~")
    assert len(left_half) < 300


def test_the_text_holds_no_patient(left_half: str, synthetic_store: Store) -> None:
    found = group(synthetic_store, QUERY, chosen=left_half)
    assert len(found.inside) + len(found.outside) == tme.positions(synthetic_store, QUERY).height
    assert not any(patient in left_half for patient in found.inside.to_list())
    assert f"{len(found.inside):,} patients of" in summary(synthetic_store, QUERY, chosen=left_half)
    assert found.moved == ""


@pytest.mark.parametrize(
    "text",
    ["", "a~b", "n~s~tme_signatures~umap~v~1_2_3", "n~s~tme_signatures~umap~v~1_2_3_nan_5_6", "n~s~nospace~umap~v~0_0_1_0_1_1", "n~s~tme_signatures~tsne~v~0_0_1_0_1_1", "n~s~tme_signatures~umap~v~" + "1_1_" * 300 + "1_1"],
)  # fmt: skip
def test_what_is_no_selection_says_so(text: str) -> None:
    with pytest.raises(BadLink, match="draw it"):
        selection.read(text)


def test_an_outline_that_cannot_be_used_says_what_to_do(synthetic_store: Store) -> None:
    places = tme.positions(synthetic_store, QUERY)
    x, y = places["x"].to_numpy(), places["y"].to_numpy()
    everyone = corners((x.min() - 1, x.max() + 1), (y.min() - 1, y.max() + 1))
    last = np.sort(x)[-4:]
    three = corners((float(last[:2].mean()), x.max() + 1), (y.min() - 1, y.max() + 1))
    for where, said in (("900_900_901_901", "nobody is inside"), (three, "too few"), (everyone, "draw a smaller one")):
        with pytest.raises(TooFewPatients, match=said):
            drawn(synthetic_store, QUERY, corners=where, study="synthetic_a")
    with pytest.raises(NotMeasured, match="open that study"):
        group(synthetic_store, QUERY, chosen=selection.read(drawn_text("synthetic_b")).text())
    with pytest.raises(TooFewPatients, match="nobody is of the type “Nonsense” here: take a type of the list"):
        group(synthetic_store, QUERY, chosen="A~synthetic_a~tme_signatures~umap~0~type.Nonsense")


def test_a_picture_that_nobody_is_on_says_so(synthetic_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    nobody = tme.positions(synthetic_store, QUERY).clear()
    monkeypatch.setattr(tme, "positions", lambda *_, **__: nobody)
    with pytest.raises(NotMeasured, match="draw it again on a picture that is offered here"):
        group(synthetic_store, QUERY, chosen="Lost~synthetic_a~tme_shared~umap~0~0_0_1_0_1_1")


def drawn_text(study: str) -> str:
    return f"Group~{study}~tme_signatures~umap~00000000~0_0_1_0_1_1"


def test_another_version_of_the_data_is_said(synthetic_store: Store, left_half: str) -> None:
    made = selection.read(left_half)
    old = left_half.replace(f"~{made.version}~", "~01234567~")
    assert "another version of the data" in group(synthetic_store, QUERY, chosen=old).moved


def test_filters_narrow_the_group_and_the_rest(synthetic_store: Store, left_half: str) -> None:
    narrow = QUERY.with_filter(Filter("sex", "in", ("female",)))
    whole, part = (group(synthetic_store, q, chosen=left_half) for q in (QUERY, narrow))
    assert set(part.inside.to_list()) < set(whole.inside.to_list())
    assert set(part.outside.to_list()) < set(whole.outside.to_list())


def test_a_type_is_a_group_too(synthetic_store: Store) -> None:
    offered = types(synthetic_store, QUERY)
    assert offered
    text, words = next(iter(offered.items()))
    found = group(synthetic_store, QUERY, chosen=text)
    assert f"n = {len(found.inside):,}" in words
    assert "found in these same patients" in found.caution
    assert len(found.inside) >= groups.LEAST


def test_zoom_is_text_that_moves() -> None:
    start = zoom.boxed("a~b", [4.0, 0.0], [1.0, 3.0])
    assert zoom.read(start) == ("a~b", (0, 4, 1, 3))
    assert zoom.read(zoom.out(start))[1] == (-2, 6, 0, 4)
    assert zoom.read(zoom.moved(start, right=1))[1] == pytest.approx((1.6, 5.6, 1, 3))
    assert zoom.moved(zoom.moved(start, up=1), up=-1) == start
    for bad in ("", "a~1_2_3", "a~1_1_2_3", "a~x_y_z_w", "a~0_inf_0_1"):
        with pytest.raises(BadLink, match="show the whole map"):
            zoom.read(bad)

"""Densities, cross-K, L and G agree with spatstat; random labelling has the exact mean it claims and a p value that is one."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from core.errors import NotMeasured
from core.pipeline.cells import measured
from core.spatial.cell_fields import named_types, ordered, tissues
from core.spatial.point_patterns import (
    Field,
    cross_k,
    densities,
    l_function,
    near_pairs,
    nearest_g,
    to_border,
    to_nearest,
    windows,
)
from core.spatial.random_labelling import PairSums, beyond_chance, cross_l, envelope, nearest, shuffled

TUMOUR, T_CELL, B_CELL = 0, 1, 2


def made(seed: int = 0, *, n: int = 120, kinds: int = 3) -> Field:
    rng = np.random.default_rng(seed)
    return Field(x=rng.uniform(0, 300, n), y=rng.uniform(0, 200, n), kind=rng.integers(0, kinds, n), window=(0.0, 300.0, 0.0, 200.0))


@pytest.fixture(scope="module")
def reference(references: Path) -> dict[str, object]:
    found = json.loads((references / "point_patterns.json").read_text(encoding="utf-8"))
    found["made"] = [
        Field(x=np.asarray(f["x"]), y=np.asarray(f["y"]), kind=np.asarray(f["kind"]), window=tuple(map(float, f["window"]))) for f in found["fields"]
    ]
    found["radii"] = np.asarray(found["radii"], dtype=float)
    return found


def test_cross_k_is_spatstats_within_a_field_of_one_type_and_pooled_over_fields(reference: dict) -> None:
    one, two = reference["made"]
    radii = reference["radii"]
    np.testing.assert_allclose(cross_k([one], (TUMOUR, T_CELL), radii), reference["k_translate"], rtol=1e-9)
    np.testing.assert_allclose(cross_k([one], (T_CELL, T_CELL), radii), reference["k_same"], rtol=1e-9)
    np.testing.assert_allclose(cross_k([one, two], (TUMOUR, T_CELL), radii), reference["k_pooled"], rtol=1e-9)


def test_nearest_neighbour_g_and_densities_are_spatstats(reference: dict) -> None:
    one = reference["made"][0]
    np.testing.assert_allclose(nearest_g([one], (TUMOUR, T_CELL), reference["radii"]), reference["g_km"], atol=2e-3)  # spatstat bins distances
    np.testing.assert_allclose(densities([one], 3), np.asarray(reference["density"]) * 1.0, rtol=1e-9)
    reach, edge = to_nearest(one, (TUMOUR, T_CELL)), to_border(one)[one.kind == TUMOUR]
    border = [float((reach[edge >= r] <= r).mean()) for r in reference["radii"]]
    np.testing.assert_allclose(border, reference["g_border"], atol=1e-9)
    share, _ = beyond_chance([one], (TUMOUR, T_CELL), 20.0)
    assert share == pytest.approx(reference["g_border"][2])


def test_k_does_not_change_when_a_field_is_moved_turned_or_its_types_swapped() -> None:
    field, radii = made(), np.arange(5.0, 51.0, 5.0)
    moved = Field(x=field.y + 70, y=field.x - 30, kind=field.kind, window=(70.0, 270.0, -30.0, 270.0))
    expected = cross_k([field], (0, 1), radii)
    np.testing.assert_allclose(cross_k([moved], (0, 1), radii), expected)
    np.testing.assert_allclose(cross_k([field], (1, 0), radii), expected)
    sums = PairSums([field], 3, radii=radii)
    for place, pair in enumerate(sums.pairs_of_types):
        np.testing.assert_allclose(sums.observed()[place], cross_k([field], pair, radii))


def test_the_expectation_under_random_labelling_is_exact() -> None:
    fields, radii = [made(1, n=60), made(2, n=40)], np.array([10.0, 30.0])
    sums = PairSums(fields, 3, radii=radii)
    mean = sums.permuted(4000, seed=3).mean(axis=0)
    np.testing.assert_allclose(mean, sums.expected(), rtol=0.05)
    chance = beyond_chance(fields, (0, 1), 25.0)[1]
    dealt = [
        beyond_chance([Field(x=f.x, y=f.y, kind=labels[i], window=f.window) for f, labels in zip(fields, shuffled(fields, 300, seed=4), strict=True)], (0, 1), 25.0)[0]
        for i in range(300)
    ]
    assert np.mean(dealt) == pytest.approx(chance, abs=0.03)


def test_attraction_and_repulsion_leave_the_envelope_and_chance_does_not() -> None:
    rng = np.random.default_rng(5)
    base, radii = made(6, n=300, kinds=1), np.arange(4.0, 41.0, 4.0)
    near = np.hypot(base.x - 150, base.y - 100) < 50
    together = Field(x=base.x, y=base.y, kind=np.where(near, rng.integers(0, 2, 300), 2), window=base.window)
    apart = Field(x=base.x, y=base.y, kind=(base.x > 150).astype(int), window=base.window)
    found = cross_l([together], (0, 1), radii, seed=1)
    assert found.p_value == pytest.approx(1 / 200)
    assert found.observed[-1] > found.high[-1]
    found = cross_l([apart], (0, 1), radii, seed=1)
    assert found.p_value == pytest.approx(1 / 200)
    assert found.observed[2] < found.low[2]
    assert nearest([apart], (0, 1), radii, seed=1).p_value <= 0.01


def test_the_p_value_is_uniform_under_random_labelling_and_agrees_with_the_envelope() -> None:
    rng = np.random.default_rng(8)
    base, radii = made(7, n=60, kinds=1), np.array([10.0, 20.0, 30.0])
    p = []
    for number in range(120):
        field = Field(x=base.x, y=base.y, kind=rng.permutation(np.repeat([0, 1], 30)), window=base.window)
        found = cross_l([field], (0, 1), radii, permutations=39, seed=number)
        p.append(found.p_value)
    assert 0.02 <= np.mean(np.asarray(p) <= 0.1) <= 0.19
    assert np.mean(p) == pytest.approx(0.5, abs=0.09)
    dealt = rng.normal(size=(39, 4))
    low, high, chance = envelope((np.zeros(4), np.zeros(4), dealt))
    assert chance == 1.0
    assert (low < 0).all()
    assert (high > 0).all()
    for _ in range(30):
        curve = rng.normal(0, 2, 4)
        low, high, chance = envelope((curve, np.zeros(4), dealt))
        assert ((curve > high + 1e-9) | (curve < low - 1e-9)).any() == (chance <= 0.05)


def test_the_same_seed_gives_the_same_curve() -> None:
    field, radii = made(9), np.arange(5.0, 31.0, 5.0)
    one, two, other = (cross_l([field], (0, 1), radii, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.high, two.high)
    assert not np.array_equal(one.high, other.high)


def test_what_cannot_be_judged_is_said() -> None:
    field = made(10, n=12)
    with pytest.raises(NotMeasured, match="10 of each"):
        cross_l([field], (0, 1), np.array([5.0, 10.0]))
    with pytest.raises(NotMeasured, match="half its shorter side"):
        near_pairs(field, 150.0)
    with pytest.raises(NotMeasured, match="occur together"):
        cross_k([field], (0, 7), np.array([5.0, 10.0]))
    alone = Field(x=np.array([5.0]), y=np.array([5.0]), kind=np.array([0]), window=(0.0, 100.0, 0.0, 100.0))
    assert near_pairs(alone, 20.0).first.size == 0
    assert np.isinf(to_nearest(alone, (0, 0))).all()
    assert np.isnan(beyond_chance([alone], (1, 0), 20.0)).all()
    assert float(l_function(np.array([np.pi]))[0]) == 1.0


def test_fields_of_one_camera_share_its_frame() -> None:
    frame = (0.0, 672.0, 0.0, 504.0)
    assert windows([frame] * 5 + [(200.0, 400.0, 100.0, 200.0)]) == [frame] * 6
    own = [(0.0, 100.0, 0.0, 100.0), (500.0, 700.0, 0.0, 90.0)]
    assert windows(own) == own
    assert windows([]) == []


def test_the_tables_of_a_study_hold_every_patient_and_leave_the_unknown_null() -> None:
    rng = np.random.default_rng(11)
    frames = []
    for patient, n in (("a", 300), ("b", 40)):
        label = rng.choice(["Tumour cell (CK+)", "CD8 T cell", "Other"], n, p=[0.6, 0.3, 0.1]) if patient == "a" else np.repeat(["Tumour cell (CK+)", "Other"], n // 2)
        frames.append(pl.DataFrame({"patient_id": patient, "section_id": f"{patient}1", "x_um": rng.uniform(0, 300, n), "y_um": rng.uniform(0, 200, n), "label": label}))
    cells = pl.concat(frames)
    found = measured(cells, permutations=19)
    dense, placed = found["cell_density"], found["spatial_statistic"]
    assert dense["cells"].sum() == 340
    assert dense.filter(pl.col("patient_id") == "b", pl.col("cell_type") == "CD8 T cell")["density"].item() == 0.0
    assert placed["statistic"].to_list() == ["cross_l", "nearest"] * 2
    known = placed.filter(pl.col("patient_id") == "a")
    assert known["beyond"].null_count() == 0
    assert (known["observed"] - known["expected"] - known["beyond"]).abs().max() < 1e-9
    assert placed.filter(pl.col("patient_id") == "b")["beyond"].null_count() == 2
    assert measured(cells, permutations=19)["spatial_statistic"].equals(placed)
    types = ordered(cells.group_by("label").len("cells"))
    assert types == ("Tumour cell (CK+)", "CD8 T cell", "Other")
    assert named_types(types) == [0, 1]
    assert [one.patient for one in tissues(cells)] == ["a", "b"]

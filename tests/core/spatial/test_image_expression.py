"""Pictures are judged on a patient left out: a planted signal is found, noise and mere smoothness are not."""

from __future__ import annotations

import numpy as np
import pytest

from core.errors import NotMeasured
from core.pipeline.image_expression import residuals
from core.spatial.blocks import blocks, drawn
from core.spatial.blocks import correlations as resampled
from core.spatial.colour import NAMES, colour_features
from core.spatial.image_expression import SpotPictures, chosen_penalties, correlation, judge, shifts, standardised
from core.spatial.pictures import spot_resolution
from models.encoders.pathology import family
from models.encoders.pathology.family import Architecture
from models.encoders.pathology.untrained import untrained

GRID = np.stack(np.meshgrid(np.arange(14), np.arange(12)), axis=-1).reshape(-1, 2)


def section(patient: str, seed: int, *, strength: float = 1.0, smooth: bool = False) -> SpotPictures:
    """Features of which the first says the first target; the others are noise."""
    from scipy.ndimage import gaussian_filter

    rng = np.random.default_rng(seed)

    def noise(columns: int) -> np.ndarray:
        if not smooth:
            return rng.normal(size=(len(GRID), columns))
        board = [gaussian_filter(rng.normal(size=(14, 12)), 2.5) for _ in range(columns)]
        return standardised(np.stack([one[GRID[:, 0], GRID[:, 1]] for one in board], axis=1))

    features, targets = noise(8), noise(5)
    targets[:, 0] += strength * features[:, 0]
    return SpotPictures(section=f"{patient}1", patient=patient, grid=GRID, features=features, targets=targets, groups=(3, 2))


def test_a_planted_signal_is_found_on_the_patient_left_out_and_the_rest_is_not() -> None:
    parts = [section(name, seed) for seed, name in enumerate("abc")]
    found = judge(parts, left_out="c")
    assert found.n == len(GRID)
    assert found.spearman[0] > 0.5
    assert found.p_values[0] == pytest.approx(1 / (1 + len(found.shifted)))
    assert np.abs(found.spearman[1:]).max() < 0.3
    assert len(found.penalties) == 2
    again = judge(parts, left_out="c")
    np.testing.assert_array_equal(found.shuffled, again.shuffled)


def test_an_interval_holds_a_planted_signal_and_a_worse_encoder_lies_below() -> None:
    parts = [section(name, seed) for seed, name in enumerate("abc")]
    blind = [SpotPictures(section=p.section, patient=p.patient, grid=GRID, features=section("z", 9 + i).features, targets=p.targets, groups=(3, 2)) for i, p in enumerate(parts)]
    seen, unseen = judge(parts, left_out="c"), judge(blind, left_out="c")
    first = np.arange(5) < 1
    low, high = seen.interval(first)
    assert 0 < low < seen.spearman[0] < high < 1
    more, least, most = seen.beyond(unseen, first)
    assert least > 0 < more < most
    back = unseen.beyond(seen, first)
    assert back == pytest.approx((-more, -most, -least))
    nothing = seen.beyond(seen, first)
    assert nothing == (0.0, 0.0, 0.0)
    with pytest.raises(NotMeasured, match="same spots"):
        seen.beyond(judge(parts, left_out="a"), first)


def test_squares_are_drawn_whole_and_correlations_follow_the_draws() -> None:
    members = blocks(GRID, side=5)
    assert sorted(np.concatenate(members).tolist()) == list(range(len(GRID)))
    weights = drawn(GRID, side=5, times=40, seed=3)
    np.testing.assert_array_equal(weights, drawn(GRID, side=5, times=40, seed=3))
    for one in members:
        assert (weights[:, one] == weights[:, one[:1]]).all()
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, len(GRID), 3))
    b[:, 2] = 1.0
    found = resampled(a, b, weights=weights)
    rows = np.repeat(np.arange(len(GRID)), weights[7].astype(int))
    np.testing.assert_allclose(found[7, :2], correlation(a[rows], b[rows])[:2])
    assert np.isnan(found[:, 2]).all()


def test_the_judged_patients_targets_change_no_prediction() -> None:
    parts = [section(name, seed) for seed, name in enumerate("abc")]
    shuffled = SpotPictures(section="c1", patient="c", grid=GRID, features=parts[2].features, targets=parts[2].targets[::-1].copy(), groups=(3, 2))
    one, two = judge(parts, left_out="c"), judge([*parts[:2], shuffled], left_out="c")
    np.testing.assert_array_equal(one.predicted, two.predicted)
    assert one.penalties == two.penalties == chosen_penalties(parts[:2])


def test_smooth_noise_is_no_finding_under_shifts_though_it_is_under_shuffling() -> None:
    small, wrong = [], []
    for seed in range(12):
        found = judge([section(name, 10 * seed + i, strength=0.0, smooth=True) for i, name in enumerate("abc")], left_out="a")
        small += list(found.p_values <= 0.05)
        wrong += list(found.spearman > np.quantile(found.shuffled, 0.95, axis=0))
    assert np.mean(small) < 0.15
    assert np.mean(wrong) > np.mean(small) + 0.1


def test_scale_and_stain_of_a_section_change_nothing() -> None:
    parts = [section(name, seed) for seed, name in enumerate("abc")]
    stained = SpotPictures(section="c1", patient="c", grid=GRID, features=parts[2].features * 7 + 3, targets=parts[2].targets * 2 - 1, groups=(3, 2))
    np.testing.assert_allclose(judge(parts, left_out="c").spearman, judge([*parts[:2], stained], left_out="c").spearman, atol=1e-9)


def test_shifts_move_by_three_spots_and_keep_a_third() -> None:
    for here, there in shifts(GRID):
        moved = GRID[there] - GRID[here]
        assert (moved == moved[0]).all()
        assert np.abs(moved[0]).max() >= 3
        assert len(here) >= len(GRID) / 3
    assert shifts(GRID[:4]) == []


def test_what_cannot_be_judged_is_said() -> None:
    parts = [section(name, seed) for seed, name in enumerate("abc")]
    with pytest.raises(NotMeasured, match="at least two other patients"):
        judge(parts[:2], left_out="a")
    with pytest.raises(NotMeasured, match="at least two other patients"):
        judge(parts, left_out="z")
    few = SpotPictures(section="d1", patient="d", grid=GRID[:20], features=parts[0].features[:20], targets=parts[0].targets[:20], groups=(3, 2))
    with pytest.raises(NotMeasured, match="50 are needed"):
        judge([*parts, few], left_out="d")
    assert np.isnan(correlation(np.ones((5, 1)), np.arange(5.0)[:, None])).all()


def test_depth_alone_gives_no_residual_and_spots_say_the_resolution() -> None:
    share, depth = np.array([0.5, 0.3, 0.2]), np.array([100.0, 1000.0, 400.0, 50.0])
    np.testing.assert_allclose(residuals(np.outer(share, depth)), 0.0, atol=1e-9)
    um = np.column_stack([np.arange(6) * 200.0, np.arange(6)[::-1] * 200.0])
    assert spot_resolution(um / 0.69 + 37, um) == pytest.approx(0.69)
    turned = um @ np.array([[0.8, -0.6], [0.6, 0.8]]) / 3.2
    assert spot_resolution(turned, um) == pytest.approx(3.2)
    for places in (np.ones((4, 2)), np.empty((0, 2))):
        with pytest.raises(NotMeasured, match="in one place"):
            spot_resolution(places, places)


def test_colour_features_follow_the_stain() -> None:
    blue, pink = np.full((1, 8, 8, 3), (80, 60, 140), dtype=np.uint8), np.full((1, 8, 8, 3), (230, 150, 200), dtype=np.uint8)
    found = colour_features(np.concatenate([blue, pink]))
    assert found.shape == (2, len(NAMES))
    at = NAMES.index("haematoxylin, mean")
    assert found[0, at] > found[1, at]
    assert found[0, NAMES.index("red, sd")] == pytest.approx(0.0, abs=1e-12)


def test_an_untrained_encoder_is_one_seed_one_answer() -> None:
    from dataclasses import replace

    tiny = replace(family("dinov2-small"), architecture=Architecture(width=64, depth=1, heads=1, hidden=64, patch_px=14, grid=4))
    tiles = np.random.default_rng(0).integers(0, 255, (3, 28, 28, 3), dtype=np.uint8)
    one, two, other = (untrained(tiny, seed=seed).embed(tiles, precision="fp32", device="cpu") for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, two)
    assert not np.allclose(one, other)
    assert untrained(tiny, seed=1).hash != untrained(tiny, seed=2).hash

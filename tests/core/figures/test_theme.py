"""Colours: fixed for known groups, readable in both themes, even in their steps."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from core.figures import theme
from core.survival import split


def luminance(colour: str) -> float:
    """Relative luminance (WCAG 2)."""
    rgb = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def contrast(one: str, other: str) -> float:
    a, b = sorted((luminance(one), luminance(other)))
    return (b + 0.05) / (a + 0.05)


def lab(colour: str) -> np.ndarray:
    rgb = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    to_xyz = np.array(
        [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
    )
    xyz = to_xyz @ linear / [0.95047, 1, 1.08883]
    f = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("name", ["INK", "MUTED", "CAUTION", "SYNTHETIC"])
def test_text_meets_wcag_aa_in_both_themes(name: str) -> None:
    colour = getattr(theme, name)
    assert contrast(colour, theme.PAPER) >= 4.5
    assert contrast(colour, theme.PANEL) >= 4.5
    assert contrast(theme.DARK[colour], theme.DARK[theme.PAPER]) >= 4.5
    assert contrast(theme.DARK[colour], theme.DARK[theme.PANEL]) >= 4.5


@pytest.mark.parametrize("colour", theme.QUALITATIVE)
def test_text_on_fills_meets_wcag_aa_in_both_themes(colour: str) -> None:
    text = theme.on(colour)
    assert contrast(text, colour) >= 4.5
    assert contrast(theme.DARK.get(text, text), theme.DARK[colour]) >= 4.5
    assert contrast(theme.DARK[colour], theme.DARK[theme.PAPER]) >= 3


def test_text_on_the_scale_can_be_read() -> None:
    for i, stop in enumerate(theme.SEQUENTIAL):
        assert contrast(theme.on_scale(i / (len(theme.SEQUENTIAL) - 1)), stop) >= 3


def test_known_groups_have_the_same_colour_in_any_company() -> None:
    for group in theme.FIXED:
        assert theme.colours([group])[group] == theme.colours(["zz", group, "aa"])[group]
    assert len(set(theme.colours(["CR", "PR", "SD", "PD"]).values())) == 4
    assert len(set(theme.colours(["desert", "excluded", "inflamed"]).values())) == 3
    assert len(set(theme.colours([f"C{i}" for i in range(1, 7)]).values())) == 6
    assert set(theme.IMMUNE_SUBTYPES) == {f"C{i}" for i in range(1, 7)}


def test_high_and_low_of_any_cut_have_the_colours_of_high_and_low() -> None:
    import polars as pl

    result = split(pl.DataFrame({"nlr": [1.0, 2, 3, 4, 5, 6]}), "nlr", method="tertiles")
    paint = theme.colours(result.labels)
    assert paint[result.labels[0]] == theme.FIXED["high"]
    assert paint[result.labels[-1]] == theme.FIXED["low"]
    assert len(set(paint.values())) == 3


def test_unknown_groups_get_different_colours() -> None:
    labels = [f"group {i}" for i in range(8)]
    assert len(set(theme.colours(labels).values())) == 8
    assert set(theme.colours([f"g{i}" for i in range(30)])) == {f"g{i}" for i in range(30)}


def test_sequential_map_gets_lighter_evenly() -> None:
    lightness = np.array([lab(c)[0] for c in theme.SEQUENTIAL])
    steps = np.diff(lightness)
    assert (steps > 0).all()
    assert steps.max() / steps.min() < 1.6


def test_diverging_map_steps_evenly_from_its_middle() -> None:
    colours = [lab(c) for c in theme.DIVERGING]
    steps = np.array([np.linalg.norm(b - a) for a, b in itertools.pairwise(colours)])
    middle = len(colours) // 2
    for arm in (steps[:middle], steps[middle:]):
        assert arm.max() / arm.min() < 1.15
    assert abs(colours[0][0] - colours[-1][0]) < 2

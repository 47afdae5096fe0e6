"""Agreement of two assays: equal to R, symmetric where it must be, sentences where it does not exist."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.markers.cutoff.agreement import Agreement, agreement

STORED = json.loads((Path(__file__).parents[3] / "references" / "agreement.json").read_text(encoding="utf-8"))
CELLS = st.tuples(*[st.integers(0, 30)] * 4)


def from_cells(cells: tuple[int, ...]) -> Agreement:
    first = np.repeat([1.0, 1.0, 0.0, 0.0], cells)
    return agreement(first, np.repeat([1.0, 0.0, 1.0, 0.0], cells))


@pytest.mark.parametrize("name", list(STORED))
def test_equals_r(name: str) -> None:
    stored = STORED[name]
    found = from_cells(tuple(stored["cells"]))
    assert found.kappa.effect == pytest.approx(stored["kappa"], abs=1e-12)
    assert found.kappa.statistic == pytest.approx(stored["z"], abs=1e-9)
    assert found.kappa.p_value == pytest.approx(stored["p"], rel=1e-8)
    assert found.kappa.ci95 == pytest.approx([max(-1, stored["ci"][0]), min(1, stored["ci"][1])], abs=1e-8)
    assert tuple(found.ppa) == pytest.approx((stored["ppa"], *stored["ppa_ci"]), abs=1e-10)
    assert tuple(found.npa) == pytest.approx((stored["npa"], *stored["npa_ci"]), abs=1e-10)
    assert tuple(found.opa)[1:] == pytest.approx(stored["opa_ci"], abs=1e-10)
    assert found.mcnemar.p_value == pytest.approx(stored["mcnemar"], rel=1e-10)


@given(CELLS)
def test_exchanging_the_assays_keeps_kappa_and_overall_agreement(cells: tuple[int, ...]) -> None:
    one, two = from_cells(cells), from_cells((cells[0], cells[2], cells[1], cells[3]))
    np.testing.assert_allclose([one.kappa.effect, *one.opa], [two.kappa.effect, *two.opa], atol=1e-12)
    np.testing.assert_allclose(one.mcnemar.p_value, two.mcnemar.p_value)


@given(CELLS)
def test_exchanging_the_names_of_the_calls_exchanges_positive_and_negative_agreement(cells: tuple[int, ...]) -> None:
    one, two = from_cells(cells), from_cells(cells[::-1])
    np.testing.assert_allclose(one.ppa, two.npa, atol=1e-12)
    np.testing.assert_allclose(one.kappa.effect, two.kappa.effect, atol=1e-12)


def test_full_agreement_is_one() -> None:
    found = from_cells((20, 0, 0, 30))
    assert found.kappa.effect == 1
    assert found.ppa.estimate == found.npa.estimate == found.opa.estimate == 1
    assert "no interval" in found.note


def test_missing_calls_are_left_out_and_counted() -> None:
    found = agreement([1, 1, 0, np.nan, 0], [1, 0, np.nan, 1, 0])
    assert (found.n, found.n_missing) == (3, 2)


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ((0, 0, 0, 0), "no patient was called by both"),
        ((0, 3, 0, 4), "calls nobody positive"),
        ((3, 0, 4, 0), "calls nobody negative"),
        ((0, 0, 0, 9), "kappa does not exist"),
    ],
)
def test_what_does_not_exist_is_said(cells: tuple[int, ...], said: str) -> None:
    found = from_cells(cells)
    assert said in found.note
    assert not np.isinf(found.table().select("estimate", "ci_low", "ci_high").to_numpy().astype(float)).any()

"""Each check of expression fires on a planted fault and on nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from data.checks import expression as theme


def column(number: int, values: Any) -> Callable[[Any], Any]:
    def change(matrix: Any) -> Any:
        matrix[:, number] = values(matrix) if callable(values) else values
        return matrix

    return lambda s: s.values(change)


def swapped(matrix: Any) -> Any:
    matrix[:, [0, 1]] = matrix[:, [1, 0]]
    return matrix


def mostly(value: float, share: float) -> Callable[[Any], Any]:
    def change(matrix: Any) -> Any:
        kept = matrix[:, 3].copy()
        kept[: int(share * kept.size)] = value
        return kept

    return change


FAULTS: dict[str, Callable[[Any], Any]] = {
    "expression_scale": lambda s: s.values(np.exp2),
    "expression_total": lambda s: s.values(lambda m: m + 3),
    "expression_floor": column(3, mostly(-15.0, 0.8)),
    "expression_flat": column(4, 1.0),
    "expression_missing": column(3, mostly(np.nan, 0.3)),
    "expression_twins": column(5, lambda m: m[:, 6]),
    "sex_genes": lambda s: s.values(swapped),
}


def test_every_check_is_planted() -> None:
    assert set(FAULTS) == {check.id for check in theme.CHECKS}


@pytest.mark.parametrize("check", FAULTS)
def test_fires_on_the_fault_alone(check: str, shows: Callable[..., Any]) -> None:
    shows(check, FAULTS[check])


def test_a_swap_names_both_samples(clean: Any) -> None:
    assert list(clean.values(swapped).judge("sex_genes").rows) == ["S000", "S001"]


def test_shuffled_columns_are_seen(clean: Any) -> None:
    order = np.random.default_rng(0).permutation(40)
    found = clean.values(lambda m: m[:, order]).judge("sex_genes")
    assert found.status == "fail"
    assert found.n > 10


@pytest.mark.parametrize(
    ("unit", "change"), [("z-score", lambda m: m * 5 + 9), ("counts", lambda m: m), ("TPM", lambda m: m)]
)
def test_units(clean: Any, unit: str, change: Callable[[Any], Any]) -> None:
    assert clean.matrix(unit=unit).values(change).judge("expression_scale").status == "fail"

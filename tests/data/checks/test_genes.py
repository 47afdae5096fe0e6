"""Each check of gene names fires on a planted fault and on nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from data.checks import genes as theme


def renamed(*names: str) -> Callable[[Any], Any]:
    return lambda s: s.matrix(genes=[*s.subject.expression[0].genes[: -len(names)], *names])


FAULTS: dict[str, Callable[[Any], Any]] = {
    "gene_dates": renamed("1-MAR", "SEP-02"),
    "gene_accessions": lambda s: s.matrix(genes=[f"ENSG{i:011d}" for i in range(len(s.subject.expression[0].genes))]),
    "gene_separators": renamed("TP53|7157"),
    "gene_case": renamed("Cd8a"),
    "gene_coverage": lambda s: s.matrix(genes=[f"G{i}" for i in range(len(s.subject.expression[0].genes))]),
    "gene_number": lambda s: s.matrix(
        genes=s.subject.expression[0].genes[:900], values=s.subject.expression[0].values[:900]
    ),
}


def test_every_check_is_planted() -> None:
    assert set(FAULTS) == {check.id for check in theme.CHECKS}


@pytest.mark.parametrize("check", FAULTS)
def test_fires_on_the_fault_alone(check: str, shows: Callable[..., Any]) -> None:
    shows(check, FAULTS[check])


@pytest.mark.parametrize("name", ["MARCHF1", "SEPTIN2", "DEC1", "HLA-DRB1", "NKX2-1", "A1BG-AS1"])
def test_true_symbols_are_not_dates(clean: Any, name: str) -> None:
    assert renamed(name)(clean).judge("gene_dates").status == "pass"


def test_former_symbols_count() -> None:
    assert theme.coverage(["CTGF", "FAM101B"], {"CCN2", "RFLNB"}) == 1.0


def test_orf_is_lower_case_by_convention(clean: Any) -> None:
    assert renamed("C1orf112")(clean).judge("gene_case").status == "pass"

"""quanTIseq fractions: constrained least squares against R's quadprog, recovery of known mixtures, and refusals."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from core.tme.deconvolution import CELL_TYPES, OTHER, Reference, constrained_least_squares, quantiseq, til10
from data.store import Store

PROFILE = np.array([[((i * 7 + j * j * 5 + i * j * 3) % 11) + 0.5 for j in (1, 2, 3)] for i in range(1, 9)])
NOISE = np.array([0.3, -0.2, 0.1, 0.4, -0.5, 0.2, -0.1, 0.05])


def test_reference_numbers() -> None:
    """solve.QP of quadprog: Rscript tests/references/tme_scores.R (free, sum at its bound, one weight at zero)."""
    mixtures = np.column_stack(
        [PROFILE @ [0.2, 0.1, 0.05] + NOISE, PROFILE @ [0.9, 0.6, 0.0] + NOISE, PROFILE @ [0.5, -0.2, 0.3]]
    )
    expected = np.array(
        [
            [0.18604957558, 0.6204311709, 0.5020696424],
            [0.04519898619, 0.1037579114, 0.0],
            [0.11583965074, 0.2758109177, 0.1554109414],
        ]
    )
    np.testing.assert_allclose(constrained_least_squares(PROFILE, mixtures), expected, atol=1e-6)


def gene_sets(seed: int = 0) -> pl.DataFrame:
    """A reference of the published shape with random profiles."""
    rng = np.random.default_rng(seed)
    rows = [
        ("quantiseq_til10", cell, f"G{gene}", float(rng.lognormal(3, 1.5)), 50.0 + 10 * number)
        for number, cell in enumerate(CELL_TYPES)
        for gene in range(120)
    ]
    rows += [
        ("quantiseq_excluded", "noisy", "G0", None, None),
        ("quantiseq_excluded", "aberrant_in_tumour", "G1", None, None),
    ]
    return pl.DataFrame(rows, schema=["collection", "name", "gene", "weight", "mrna_scaling"], orient="row")


def bulk(reference: Reference, cells: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """TPM of 12,000 genes for samples with the given (c, s) cell fractions; the rest of the cells express other genes."""
    weights = cells * reference.scaling[:, None]
    weights = weights / weights.sum(axis=0) * cells.sum(axis=0)
    signal = reference.profile @ weights
    filler = np.zeros((12_000 - len(reference.genes), cells.shape[1]))
    filler[:] = (1e6 - signal.sum(axis=0)) / filler.shape[0]
    return np.vstack([signal, filler]), [*reference.genes, *(f"F{n}" for n in range(filler.shape[0]))]


def test_excluded_genes_leave_the_reference() -> None:
    assert len(til10(gene_sets()).genes) == 118
    assert len(til10(gene_sets(), tumour=False).genes) == 119


def test_known_mixtures_come_back() -> None:
    reference = til10(gene_sets())
    cells = np.random.default_rng(1).dirichlet(np.ones(11), 5).T[:10] * 0.8 + 0.03
    cells = cells / 1.2
    values, genes = bulk(reference, cells)
    frame = quantiseq(np.log2(values + 0.001), genes, list("abcde"), unit="log2 TPM", reference=reference)
    found = frame.pivot(on="cell_type", index="sample", values="fraction", maintain_order=True)
    names = [CELL_TYPES[name] for name in reference.cell_types]
    np.testing.assert_allclose(found.select(names).to_numpy().T, cells, atol=2e-3)
    np.testing.assert_allclose(found[OTHER].to_numpy(), 1 - cells.sum(axis=0), atol=5e-3)


def test_fractions_sum_to_one_and_are_not_negative() -> None:
    reference = til10(gene_sets())
    rng = np.random.default_rng(2)
    values, genes = bulk(reference, rng.dirichlet(np.ones(11), 8).T[:10])
    noisy = values * rng.lognormal(0, 0.5, values.shape)
    frame = quantiseq(noisy, genes, [str(n) for n in range(8)], unit="TPM", reference=reference)
    sums = frame.group_by("sample").agg(pl.col("fraction").sum())["fraction"].to_numpy()
    np.testing.assert_allclose(sums, 1.0, atol=1e-9)
    assert frame["fraction"].min() >= 0.0


@pytest.mark.parametrize(
    ("unit", "rows", "reason"),
    [
        ("z-score", 12_000, "needs TPM; this assay holds z-score"),
        ("voom log2 CPM", 12_000, "needs TPM"),
        ("TPM", 5_000, "whole transcriptome; this assay holds 5000 genes"),
    ],
)
def test_assays_that_cannot_be_deconvolved_give_null_with_the_reason(unit: str, rows: int, reason: str) -> None:
    reference = til10(gene_sets())
    values, genes = bulk(reference, np.full((10, 2), 0.05))
    frame = quantiseq(values[:rows], genes[:rows], ["a", "b"], unit=unit, reference=reference)
    assert frame["fraction"].null_count() == frame.height == 22
    assert reason in frame["reason"][0]


def test_missing_reference_genes_are_refused() -> None:
    reference = til10(gene_sets())
    values, genes = bulk(reference, np.full((10, 2), 0.05))
    values[:30, 0] = np.nan
    frame = quantiseq(values, genes, ["a", "b"], unit="TPM", reference=reference)
    assert frame["reason"][0] == "88 of 118 reference genes are measured (75%); 80% are needed"


def test_the_whole_method_is_that_of_its_authors(references: Path) -> None:
    """Rscript tests/references/quantiseq.R: mRNA scaling, sum at its bound, regulatory T cells a second time, the rest."""
    stored = json.loads((references / "quantiseq.json").read_text(encoding="utf-8"))
    mixture = np.array(stored["mixture"])
    reference = Reference(
        genes=tuple(f"G{n}" for n in range(len(mixture))), cell_types=tuple(stored["cells"]), profile=np.array(stored["profile"]),
        scaling=np.array(stored["scaling"], dtype=np.float64),
    )  # fmt: skip
    filler = np.tile((1e6 - mixture.sum(axis=0)) / 12_000, (12_000, 1))
    samples = [str(n) for n in range(mixture.shape[1])]
    frame = quantiseq(np.vstack([mixture, filler]), [*reference.genes, *(f"F{n}" for n in range(12_000))], samples, unit="TPM", reference=reference)
    found = frame["fraction"].to_numpy().reshape(len(samples), -1)
    expected = np.array(stored["fractions"])
    np.testing.assert_allclose(found, expected, atol=2e-6)
    assert 0 < len(stored["low_tregs"]) < len(samples)  # both ways of estimating them are in the reference
    assert expected[:, -1].min() < 1e-6 < expected[:, -1].max()  # and so is a sum at its bound


@pytest.mark.realdata
def test_til10_on_a_real_cohort_equals_a_general_solver(real_store: Store) -> None:
    """Sequential quadratic programming (scipy) on the same constraints, five patients of Liu 2019."""
    from scipy.optimize import minimize

    reference = til10(real_store.table("gene_set"))
    genes, _, values = real_store.matrix("liu2019", "log2tpm")
    tpm = np.maximum(np.exp2(values[:, :5].astype(np.float64)) - 0.001, 0.0)
    place = {gene: row for row, gene in enumerate(genes)}
    known = [(row, place[gene]) for row, gene in enumerate(reference.genes) if gene in place]
    profile = reference.profile[[row for row, _ in known]]
    mixture = tpm[[row for _, row in known]] * 1e6 / tpm.sum(axis=0)
    size = np.linalg.norm(profile, 2)
    found = constrained_least_squares(profile, mixture)
    for column in range(5):
        a, b = profile / size, mixture[:, column] / size
        solved = minimize(
            lambda x, a=a, b=b: float(((a @ x - b) ** 2).sum()), np.full(a.shape[1], 0.05), jac=lambda x, a=a, b=b: 2 * a.T @ (a @ x - b), method="SLSQP",
            bounds=[(0, None)] * a.shape[1], constraints={"type": "ineq", "fun": lambda x: 1 - x.sum()}, options={"ftol": 1e-16, "maxiter": 1000},
        )  # fmt: skip
        np.testing.assert_allclose(found[:, column], solved.x, atol=2e-4)

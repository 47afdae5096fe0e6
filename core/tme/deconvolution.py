"""Cell fractions from bulk RNA: quanTIseq's constrained least squares on the TIL10 reference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from core.tme import expression_scale
from core.tme.gene_names import positions

Array = npt.NDArray[np.float64]

METHOD = "quanTIseq"
CELL_TYPES: Mapping[str, str] = {
    "B.cells": "B cells",
    "Macrophages.M1": "Macrophages M1",
    "Macrophages.M2": "Macrophages M2",
    "Monocytes": "Monocytes",
    "Neutrophils": "Neutrophils",
    "NK.cells": "NK cells",
    "T.cells.CD4": "CD4 T cells, non-regulatory",
    "T.cells.CD8": "CD8 T cells",
    "Tregs": "Regulatory T cells",
    "Dendritic.cells": "Dendritic cells",
}
OTHER = "Other"
MIN_GENES = 10_000
MIN_COVERAGE = 0.8
MIN_TREGS = 0.02
COLUMNS: Mapping[str, pl.DataType] = {
    "sample": pl.String(),
    "cell_type": pl.String(),
    "fraction": pl.Float64(),
    "coverage": pl.Float64(),
    "n_genes": pl.Int64(),
    "n_found": pl.Int64(),
    "reason": pl.String(),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """The TIL10 reference: mean TPM of each gene in each cell type, and the mRNA content of each cell type.

    genes : (g,); cell_types : (c,); profile : (g, c) TPM; scaling : (c,).
    """

    genes: tuple[str, ...]
    cell_types: tuple[str, ...]
    profile: Array
    scaling: Array


def til10(gene_sets: pl.DataFrame, *, tumour: bool = True) -> Reference:
    """Build the reference from the table `gene_set`, without the genes that the authors exclude.

    Noisy genes always go; with `tumour` also the genes that tumours express aberrantly.
    """
    dropped = ["noisy", "aberrant_in_tumour"] if tumour else ["noisy"]
    excluded = gene_sets.filter((pl.col("collection") == "quantiseq_excluded") & pl.col("name").is_in(dropped))["gene"]
    kept = gene_sets.filter((pl.col("collection") == "quantiseq_til10") & ~pl.col("gene").is_in(excluded.to_list()))
    wide = kept.pivot(on="name", index="gene", values="weight", maintain_order=True)
    cells = tuple(name for name in CELL_TYPES if name in wide.columns)
    scaling = dict(kept.select("name", "mrna_scaling").unique().iter_rows())
    return Reference(
        genes=tuple(wide["gene"]),
        cell_types=cells,
        profile=wide.select(cells).to_numpy().astype(np.float64),
        scaling=np.asarray([scaling[name] for name in cells], dtype=np.float64),
    )


def constrained_least_squares(profile: Array, mixture: Array) -> Array:
    """Non-negative weights with sum at most 1 that reproduce each mixture best in squared error.

    Parameters
    ----------
    profile : (g, c). mixture : (g, s).

    Returns
    -------
    (c, s). Where the non-negative solution sums to more than 1 the sum is held at 1, which is where the
    optimum of this convex problem then lies.
    """
    from scipy.optimize import nnls

    size = float(np.linalg.norm(profile, 2))
    q, r = np.linalg.qr(profile / size)
    target = q.T @ (mixture / size)
    weight = 1e4
    bound = np.vstack([r, np.full((1, r.shape[1]), weight)])
    result = np.zeros((profile.shape[1], mixture.shape[1]))
    for column in range(mixture.shape[1]):
        free, _ = nnls(r, target[:, column])
        if free.sum() > 1.0:
            free, _ = nnls(bound, np.append(target[:, column], weight))
        result[:, column] = free
    return result


def _fractions(profile: Array, mixture: Array, scaling: Array) -> Array:
    """(c, s) cell fractions: weights divided by mRNA content, brought back to their sum."""
    weights = constrained_least_squares(profile, mixture)
    total = weights.sum(axis=0)
    cells = weights / scaling[:, None]
    sums = cells.sum(axis=0)
    return np.where(sums > 0, cells / np.where(sums > 0, sums, 1.0) * total, 0.0)


def quantiseq(
    values: npt.NDArray[np.floating],
    genes: Sequence[str],
    samples: Sequence[str],
    *,
    unit: str,
    reference: Reference,
) -> pl.DataFrame:
    """Fractions of ten immune cell types and of all other cells in each sample.

    The mixture is brought to TPM (columns sum to 10^6 over the measured genes) and reproduced by the reference
    profiles with non-negative weights of sum at most 1; weights are divided by the mRNA content of the cell
    type, brought back to their sum, and 'Other' is the rest up to 1. Where regulatory T cells come out under
    2%, they are estimated a second time without the CD4 profile and averaged, as the authors do.

    Parameters
    ----------
    values : (g, s) in `unit`. genes : (g,). samples : (s,). reference : from `til10`.

    Returns
    -------
    DataFrame, one row a cell type of a sample: sample, cell_type, fraction (the 11 sum to 1), coverage, n_genes,
    n_found, reason. A gene that is missing in any sample counts as not found. Fractions are null, with the reason, on assays that are not TPM, hold fewer than 10,000
    genes (a panel cannot be brought to TPM) or lack more than a fifth of the reference genes.

    References
    ----------
    Finotello et al., Genome Med 2019, doi 10.1186/s13073-019-0638-6.
    """
    if values.shape != (len(genes), len(samples)):
        raise ValueError(
            f"values have shape {values.shape}, but there are {len(genes)} genes and {len(samples)} samples"
        )
    scale = expression_scale.scale_of(unit)
    rows = positions(reference.genes, genes)
    present = rows >= 0
    present[present] = ~np.isnan(values[rows[present]]).any(axis=1)
    found = int(present.sum())
    coverage = found / max(len(reference.genes), 1)
    names = [*(CELL_TYPES[name] for name in reference.cell_types), OTHER]
    reason: str | None = None
    if scale not in ("log2 TPM", "TPM"):
        reason = f"quanTIseq needs TPM; this assay holds {unit}"
    elif len(genes) < MIN_GENES:
        reason = f"quanTIseq needs a whole transcriptome; this assay holds {len(genes)} genes, at least {MIN_GENES} are needed"
    elif coverage < MIN_COVERAGE:
        reason = f"{found} of {len(reference.genes)} reference genes are measured ({coverage:.0%}); {MIN_COVERAGE:.0%} are needed"
    fractions = np.full((len(names), len(samples)), np.nan)
    if reason is None:
        offset = expression_scale.offset_of(values, unit=unit) if scale == "log2 TPM" else 0.0
        tpm = np.nan_to_num(expression_scale.linear(values, scale, offset=offset), nan=0.0)
        totals = tpm.sum(axis=0)
        mixture = tpm[rows[present]] * 1e6 / np.where(totals > 0, totals, 1.0)
        fractions = _solve(reference, present, mixture)
    n = len(samples)
    return pl.DataFrame(
        {
            "sample": np.repeat(np.asarray(samples, dtype=object), len(names)).tolist(),
            "cell_type": names * n,
            "fraction": pl.Series(fractions.T.ravel(), dtype=pl.Float64).fill_nan(None),
            "coverage": [coverage] * (n * len(names)),
            "n_genes": [len(reference.genes)] * (n * len(names)),
            "n_found": [found] * (n * len(names)),
            "reason": pl.Series([reason] * (n * len(names)), dtype=pl.String),
        },
        schema=dict(COLUMNS),
    )


def _solve(reference: Reference, present: npt.NDArray[np.bool_], mixture: Array) -> Array:
    """(c + 1, s) fractions with 'Other' last; columns sum to 1."""
    profile = reference.profile[present]
    cells = _fractions(profile, mixture, reference.scaling)
    types = list(reference.cell_types)
    other = np.maximum(0.0, 1.0 - cells.sum(axis=0))
    if "Tregs" in types and "T.cells.CD4" in types:
        regulatory, helper = types.index("Tregs"), types.index("T.cells.CD4")
        rest = [number for number in range(len(types)) if number != helper]
        low = np.flatnonzero(cells[regulatory] < MIN_TREGS)
        if low.size:
            second = _fractions(profile[:, rest], mixture[:, low], reference.scaling[rest])[rest.index(regulatory)]
            cells[regulatory, low] = (second + cells[regulatory, low]) / 2.0
            cells[helper, low] = np.maximum(0.0, cells[helper, low] - (second + cells[regulatory, low]) / 2.0)
    result = np.vstack([cells, other])
    return np.asarray(result / result.sum(axis=0), dtype=np.float64)

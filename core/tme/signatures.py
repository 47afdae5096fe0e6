"""Scores of published gene signatures on plain arrays.

Every score comes with the share of the signature's genes that the assay has. Below the signature's needed
coverage (50% unless its definition says otherwise) the score is null and `reason` says why.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import polars as pl

from core.errors import UnknownName
from core.tme import expression_scale, single_sample
from core.tme.gene_names import positions

Array = npt.NDArray[np.float64]
Method = Literal["weighted_sum", "geometric_mean", "mean_z", "mean", "rank"]

SIGNATURES_FILE = Path(__file__).resolve().parents[2] / "data" / "assets" / "signatures.toml"
MIN_COVERAGE = 0.5
MIN_SAMPLES_FOR_Z = 3
CYT_OFFSET_TPM = 0.01
MCP_PREFIX, HALLMARK_PREFIX = "mcp_", "hallmark_"
COLUMNS: Mapping[str, pl.DataType] = {
    "signature": pl.String(),
    "sample": pl.String(),
    "score": pl.Float64(),
    "coverage": pl.Float64(),
    "n_genes": pl.Int64(),
    "n_found": pl.Int64(),
    "method": pl.String(),
    "reason": pl.String(),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """A published signature: its genes, how they make a score, and where it comes from.

    `weights` runs beside `genes` and is empty for an unweighted signature.
    """

    name: str
    title: str
    method: Method
    genes: tuple[str, ...]
    citation: str
    doi: str
    about: str = ""
    weights: tuple[float, ...] = ()
    min_coverage: float = MIN_COVERAGE


@cache
def published() -> tuple[Signature, ...]:
    """The small signatures of data/assets/signatures.toml."""
    table: dict[str, dict[str, Any]] = tomllib.loads(SIGNATURES_FILE.read_text(encoding="utf-8"))
    return tuple(
        Signature(
            name=name,
            title=entry["title"],
            method=entry["method"],
            genes=tuple(entry.get("weights", {})) or tuple(entry["genes"]),
            weights=tuple(float(weight) for weight in entry.get("weights", {}).values()),
            citation=entry["citation"],
            doi=entry["doi"],
            about=entry.get("about", ""),
            min_coverage=float(entry.get("min_coverage", MIN_COVERAGE)),
        )
        for name, entry in table.items()
    )


def from_gene_sets(gene_sets: pl.DataFrame) -> tuple[Signature, ...]:
    """MCP-counter and hallmark signatures of the table `gene_set`.

    Names are 'mcp_<population>' and 'hallmark_<set>' in lower case with underscores.
    """
    found: list[Signature] = []
    sets = gene_sets.group_by("collection", "name", maintain_order=True).agg(pl.col("gene"))
    for collection, name, genes in sets.iter_rows():
        if collection == "mcp_counter":
            found.append(
                Signature(
                    name=MCP_PREFIX + name.lower().replace(" ", "_"),
                    title=f"{name} (MCP-counter)",
                    method="mean",
                    genes=tuple(genes),
                    citation="Becht et al., Genome Biol 2016",
                    doi="10.1186/s13059-016-1070-5",
                    about="mean log2 expression of marker genes; compares samples, not cell types",
                )
            )
        elif collection == "hallmark":
            short = name.removeprefix("HALLMARK_").lower()
            found.append(
                Signature(
                    name=HALLMARK_PREFIX + short,
                    title="Hallmark: " + short.replace("_", " "),
                    method="rank",
                    genes=tuple(genes),
                    citation="Liberzon et al., Cell Syst 2015; score: Foroutan et al., BMC Bioinformatics 2018",
                    doi="10.1016/j.cels.2015.12.004",
                    about="rank-based single-sample score, -0.5 to 0.5",
                )
            )
    return tuple(found)


def catalogue(gene_sets: pl.DataFrame | None = None) -> tuple[Signature, ...]:
    """All signatures: the small published ones, and those of `gene_sets` where it is given."""
    return published() if gene_sets is None else published() + from_gene_sets(gene_sets)


def signature(name: str) -> Signature:
    """One of the small published signatures by name.

    Raises
    ------
    UnknownName
        No such signature.
    """
    for found in published():
        if found.name == name:
            return found
    raise UnknownName(f"signature '{name}' is not known; known are {', '.join(s.name for s in published())}")


@dataclass(frozen=True, slots=True)
class _Assay:
    """A matrix with what the scores need to know about it."""

    values: npt.NDArray[np.floating]
    genes: Sequence[str]
    scale: expression_scale.Scale
    offset: float
    totals: Array | None

    def log(self, rows: npt.NDArray[np.int64]) -> Array:
        return expression_scale.logged(self.values[rows], self.scale, offset=self.offset, totals=self.totals)

    def per_million(self, rows: npt.NDArray[np.int64]) -> Array:
        if self.scale == "counts" and self.totals is not None:
            return (
                np.asarray(self.values[rows], dtype=np.float64) * 1e6 / np.where(self.totals > 0, self.totals, np.nan)
            )
        return expression_scale.linear(self.values[rows], self.scale, offset=self.offset)


def _standardised(values: Array) -> Array:
    """z of each gene over the samples (sample SD); nan for a gene that does not vary or too few samples."""
    known = ~np.isnan(values)
    n = known.sum(axis=1, keepdims=True)
    filled = np.where(known, values, 0.0)
    mean = filled.sum(axis=1, keepdims=True) / np.maximum(n, 1)
    deviation = np.where(known, values - mean, 0.0)
    variance = (deviation**2).sum(axis=1, keepdims=True) / np.maximum(n - 1, 1)
    usable = (n >= MIN_SAMPLES_FOR_Z) & (variance > 1e-12)
    return np.where(known & usable, (values - mean) / np.sqrt(np.where(usable, variance, 1.0)), np.nan)


def _mean(values: Array) -> Array:
    known = ~np.isnan(values)
    n = known.sum(axis=0)
    return np.where(n > 0, np.where(known, values, 0.0).sum(axis=0) / np.maximum(n, 1), np.nan)


def _weighted_sum(assay: _Assay, sig: Signature, rows: npt.NDArray[np.int64]) -> tuple[Array, Array, str]:
    present = rows >= 0
    weights = np.asarray(sig.weights)[present]
    values = assay.log(rows[present])
    note = "weighted sum of z-scores" if assay.scale == "z-score" else "weighted sum of log2 expression"
    known = ~np.isnan(values)
    carried = (np.abs(weights)[:, None] * known).sum(axis=0)
    total = (weights[:, None] * np.where(known, values, 0.0)).sum(axis=0)
    scaled = total * np.abs(np.asarray(sig.weights)).sum() / np.where(carried > 0, carried, np.nan)
    return scaled, known.sum(axis=0).astype(np.float64), note


def _geometric_mean(assay: _Assay, sig: Signature, rows: npt.NDArray[np.int64]) -> tuple[Array, Array, str]:
    if assay.scale == "z-score":
        score, found, _ = _mean_z(assay, sig, rows)
        return score, found, "mean z (a geometric mean of z-scores does not exist)"
    values = assay.per_million(rows[rows >= 0])
    unit = "TPM" if "TPM" in assay.scale else "CPM"
    score = np.exp(_mean(np.log(values + CYT_OFFSET_TPM)))
    return score, (~np.isnan(values)).sum(axis=0).astype(np.float64), f"geometric mean, {unit}"


def _mean_z(assay: _Assay, sig: Signature, rows: npt.NDArray[np.int64]) -> tuple[Array, Array, str]:
    values = _standardised(assay.log(rows[rows >= 0]))
    return _mean(values), (~np.isnan(values)).sum(axis=0).astype(np.float64), "mean z over the cohort"


def _mean_log(assay: _Assay, sig: Signature, rows: npt.NDArray[np.int64]) -> tuple[Array, Array, str]:
    values = assay.log(rows[rows >= 0])
    note = "mean of z-scores" if assay.scale == "z-score" else "mean log2 expression"
    return _mean(values), (~np.isnan(values)).sum(axis=0).astype(np.float64), note


_SCORERS: Mapping[Method, Callable[[_Assay, Signature, npt.NDArray[np.int64]], tuple[Array, Array, str]]] = {
    "weighted_sum": _weighted_sum,
    "geometric_mean": _geometric_mean,
    "mean_z": _mean_z,
    "mean": _mean_log,
}


def _rows_of(sigs: Sequence[Signature], genes: Sequence[str]) -> list[npt.NDArray[np.int64]]:
    wanted = [gene for sig in sigs for gene in sig.genes]
    rows = positions(wanted, genes)
    ends = np.cumsum([len(sig.genes) for sig in sigs])
    return np.split(rows, ends[:-1]) if sigs else []


def _frame(sig: Signature, samples: Sequence[str], parts: tuple[Array, Array, str]) -> pl.DataFrame:
    score, found, note = parts
    coverage = found / len(sig.genes)
    enough = coverage >= sig.min_coverage - 1e-9
    known = enough & np.isfinite(score)
    reasons: list[str | None] = []
    for ok, covered, n in zip(known, enough, found, strict=True):
        if ok:
            reasons.append(None)
        elif not covered:
            reasons.append(
                f"{int(n)} of {len(sig.genes)} genes are usable ({n / len(sig.genes):.0%}); {sig.min_coverage:.0%} are needed"
            )
        else:
            reasons.append("the score is not defined on these values")
    return pl.DataFrame(
        {
            "signature": [sig.name] * len(samples),
            "sample": list(samples),
            "score": pl.Series(
                [float(value) if ok else None for value, ok in zip(score, known, strict=True)], dtype=pl.Float64
            ),
            "coverage": coverage,
            "n_genes": [len(sig.genes)] * len(samples),
            "n_found": found.astype(np.int64),
            "method": [note] * len(samples),
            "reason": pl.Series(reasons, dtype=pl.String),
        },
        schema=dict(COLUMNS),
    )


def score_signatures(
    values: npt.NDArray[np.floating],
    genes: Sequence[str],
    samples: Sequence[str],
    *,
    unit: str,
    signatures: Sequence[Signature] | None = None,
) -> pl.DataFrame:
    """Score every signature in every sample of one matrix.

    What is computed, by the signature's method:

    - weighted_sum (GEP): sum of weight x log2 expression, rescaled by the absolute weight that the measured
      genes carry. The source subtracts the mean of housekeeping genes first, because its counts (NanoString)
      are not otherwise normalised; TPM and voom are, and panels lack those genes, so no housekeeping genes are
      subtracted here and the score means the same in every study. On z-scores the weights apply to the z-scores.
    - geometric_mean (CYT): exp(mean(log(TPM + 0.01))). On voom it is in CPM; on z-scores the mean z stands in,
      and `method` says so.
    - mean_z (CD8 T-effector, interferon-gamma, F-TBRS): mean over genes of z over these samples (sample SD);
      needs 3 samples; a gene that does not vary counts as not found.
    - mean (MCP-counter): mean log2 expression of the markers.
    - rank (hallmark): `core.tme.single_sample.singscore`.

    Log2 expression is log2(TPM + 1) for TPM, log2(CPM + 1) for counts, and the values themselves for voom.

    Parameters
    ----------
    values : (g, s) expression in `unit`; nan = not measured.
    genes : (g,) symbols; old and current names of a gene are both found.
    samples : (s,) sample ids.
    unit : the assay's unit, see `core.tme.expression_scale.scale_of`.
    signatures : what to score; default the small published signatures.

    Returns
    -------
    DataFrame, one row a signature of a sample: signature, sample, score (null = not measurable), coverage
    (fraction of the genes that were usable in this sample), n_genes, n_found, method, reason (null where scored).

    Raises
    ------
    UnknownName
        A unit that is none of the known scales.
    ValueError
        Shapes of values, genes and samples disagree.

    References
    ----------
    Ayers 2017 (10.1172/JCI91190; weights: Cristescu 2018, 10.1126/science.aar3593), Rooney 2015 (10.1016/j.cell.2014.12.033), Mariathasan 2018
    (10.1038/nature25501), Becht 2016 (10.1186/s13059-016-1070-5), Foroutan 2018 (10.1186/s12859-018-2435-4).
    """
    if values.shape != (len(genes), len(samples)):
        raise ValueError(
            f"values have shape {values.shape}, but there are {len(genes)} genes and {len(samples)} samples"
        )
    chosen = published() if signatures is None else tuple(signatures)
    scale = expression_scale.scale_of(unit)
    offset = expression_scale.offset_of(values, unit=unit) if scale.startswith("log2") and values.size else 0.0
    totals: Array | None = None
    if scale == "counts":
        totals = np.asarray(np.nansum(values, axis=0), dtype=np.float64)
    assay = _Assay(values, genes, scale, offset, totals)
    rows = _rows_of(chosen, genes)
    ranked = [number for number, sig in enumerate(chosen) if sig.method == "rank"]
    rank_scores: dict[int, Array] = {}
    rank = np.empty((0, 0))
    if ranked and scale != "intensity":
        rank = single_sample.ranks(values)
        sets = [np.unique(rows[number][rows[number] >= 0]) for number in ranked]
        rank_scores = dict(zip(ranked, single_sample.singscore(rank, sets), strict=True))
    frames: list[pl.DataFrame] = []
    nothing = np.full(len(samples), np.nan), np.zeros(len(samples))
    for number, sig in enumerate(chosen):
        if scale == "intensity":
            parts: tuple[Array, Array, str] = (
                *nothing,
                "none: intensities of single markers are no expression profile",
            )
        elif sig.method == "rank":
            found = (~np.isnan(rank[rows[number][rows[number] >= 0]])).sum(axis=0).astype(np.float64)
            note = "rank score" if scale != "z-score" else "rank score of z-scores"
            parts = (rank_scores[number], found, note)
        elif (rows[number] < 0).all():
            parts = (*nothing, "none")
        else:
            parts = _SCORERS[sig.method](assay, sig, rows[number])
        frames.append(_frame(sig, samples, parts))
    return pl.concat(frames) if frames else pl.DataFrame(schema=dict(COLUMNS))

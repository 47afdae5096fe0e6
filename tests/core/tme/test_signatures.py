"""Signature scores: definitions, reference numbers, invariants, and what happens when genes or a scale are missing."""

from __future__ import annotations

import time

import numpy as np
import polars as pl
import pytest

from core.errors import UnknownName
from core.tme import expression_scale
from core.tme.gene_names import aliases, current, positions
from core.tme.signatures import Signature, catalogue, published, score_signatures, signature

GENES = sorted({gene for sig in published() for gene in sig.genes})
SAMPLES = [f"s{number}" for number in range(6)]


def matrix(seed: int, *, genes: int = len(GENES), samples: int = len(SAMPLES)) -> np.ndarray:
    """Log2(TPM + 0.001) with a floor, as the published matrices have."""
    tpm = np.random.default_rng(seed).lognormal(1.0, 1.5, (genes, samples))
    tpm[0, 0] = 0.0
    return np.log2(tpm + 0.001).astype(np.float32)


def scores(frame: pl.DataFrame, name: str) -> np.ndarray:
    return frame.filter(pl.col("signature") == name)["score"].to_numpy()


def plain(name: str, method: str, genes: tuple[str, ...]) -> Signature:
    return Signature(name=name, title=name, method=method, genes=genes, citation="x", doi="10.1/x")  # type: ignore[arg-type]


def test_definitions_are_the_published_ones() -> None:
    sizes = {sig.name: len(sig.genes) for sig in published()}
    assert sizes == {"gep": 18, "cyt": 2, "ifng6": 6, "cd8_teff": 8, "f_tbrs": 19}
    gep = signature("gep")
    weights = dict(zip(gep.genes, gep.weights, strict=True))
    assert weights["STAT1"] == 0.250229
    assert weights["CD276"] == -0.0239
    assert sum(weights.values()) == pytest.approx(1.142788, abs=1e-9)
    assert all(sig.doi.startswith("10.") for sig in published())
    with pytest.raises(UnknownName, match="known are gep"):
        signature("gpe")


def test_reference_numbers() -> None:
    """Numbers of tests/references/tme_scores.R (Rscript tests/references/tme_scores.R)."""
    tpm = np.array([[12.5], [3.2]])
    cyt = score_signatures(tpm, ["GZMA", "PRF1"], ["a"], unit="TPM", signatures=[signature("cyt")])
    assert cyt["score"].item() == pytest.approx(6.336962995, abs=1e-8)

    voom = np.array([[1.0, 2, 3, 4], [2, 2, 5, 9]])
    z = score_signatures(
        voom, ["A", "B"], list("wxyz"), unit="voom log2 CPM", signatures=[plain("t", "mean_z", ("A", "B"))]
    )
    np.testing.assert_allclose(z["score"], [-0.9578366827, -0.5705383480, 0.2690270035, 1.2593480272], atol=1e-9)


def test_gep_is_the_weighted_sum_of_log2_tpm_plus_one() -> None:
    values = matrix(1)
    tpm = np.exp2(values.astype(float)) - 0.001
    gep = signature("gep")
    rows = [GENES.index(gene) for gene in gep.genes]
    expected = np.asarray(gep.weights) @ np.log2(np.maximum(tpm[rows], 0) + 1)
    frame = score_signatures(values, GENES, SAMPLES, unit="log2 TPM")
    np.testing.assert_allclose(scores(frame, "gep"), expected, rtol=1e-5)


def test_scores_do_not_depend_on_the_offset_inside_the_logarithm() -> None:
    tpm = np.random.default_rng(3).lognormal(1.0, 1.5, (len(GENES), 6))
    tpm[::7] = 0.0
    frames = [
        score_signatures(np.log2(tpm + offset), GENES, SAMPLES, unit="log2 TPM")["score"] for offset in (0.001, 1.0)
    ]
    frames.append(score_signatures(tpm, GENES, SAMPLES, unit="TPM")["score"])
    for other in frames[1:]:
        np.testing.assert_allclose(frames[0].to_numpy(), other.to_numpy(), atol=1e-6)


@pytest.mark.parametrize("unit", ["log2 TPM", "voom log2 CPM", "z-score"])
def test_order_of_genes_and_samples_does_not_matter(unit: str) -> None:
    values = matrix(5)
    rng = np.random.default_rng(0)
    rows, columns = rng.permutation(len(GENES)), rng.permutation(len(SAMPLES))
    straight = score_signatures(values, GENES, SAMPLES, unit=unit)
    shuffled = score_signatures(
        values[rows][:, columns], [GENES[row] for row in rows], [SAMPLES[column] for column in columns], unit=unit
    )
    both = straight.join(shuffled, on=["signature", "sample"], suffix="_2")
    assert both.height == straight.height
    np.testing.assert_allclose(both["score"].to_numpy(), both["score_2"].to_numpy(), rtol=1e-6, atol=1e-9)


def test_too_few_genes_give_null_and_say_so() -> None:
    genes = [gene for gene in GENES if gene not in {"CD8A", "GZMA", "GZMB", "IFNG", "CXCL9"}]
    rows = [GENES.index(gene) for gene in genes]
    frame = score_signatures(matrix(1)[rows], genes, SAMPLES, unit="log2 TPM")
    teff = frame.filter(pl.col("signature") == "cd8_teff")
    assert teff["score"].null_count() == len(SAMPLES)
    assert teff["coverage"].to_list() == [3 / 8] * len(SAMPLES)
    assert teff["reason"][0] == "3 of 8 genes are usable (38%); 50% are needed"
    assert frame.filter(pl.col("signature") == "cyt")["score"].null_count() == len(SAMPLES)
    assert frame.filter(pl.col("signature") == "gep")["score"].null_count() == 0


def test_missing_values_count_sample_by_sample() -> None:
    values = matrix(2)
    for gene in ("CD8A", "GZMA", "GZMB", "IFNG", "CXCL9"):
        values[GENES.index(gene), 2] = np.nan
    teff = score_signatures(values, GENES, SAMPLES, unit="log2 TPM").filter(pl.col("signature") == "cd8_teff")
    assert teff["n_found"].to_list() == [8, 8, 3, 8, 8, 8]
    assert teff["score"].is_null().to_list() == [False, False, True, False, False, False]


def test_z_scores_have_no_geometric_mean_and_say_what_stands_in() -> None:
    frame = score_signatures(matrix(4), GENES, SAMPLES, unit="z-score")
    cyt = frame.filter(pl.col("signature") == "cyt")
    assert cyt["method"][0] == "mean z (a geometric mean of z-scores does not exist)"
    assert abs(cyt["score"].mean()) < 1e-9


def test_a_single_sample_has_no_z() -> None:
    frame = score_signatures(matrix(4)[:, :1], GENES, SAMPLES[:1], unit="log2 TPM")
    assert frame.filter(pl.col("signature") == "ifng6")["score"].item() is None
    assert frame.filter(pl.col("signature") == "cyt")["score"].item() > 0


def test_intensities_and_unknown_units() -> None:
    frame = score_signatures(matrix(4), GENES, SAMPLES, unit="intensity")
    assert frame["score"].null_count() == frame.height
    with pytest.raises(UnknownName, match="'furlongs' is not known"):
        score_signatures(matrix(4), GENES, SAMPLES, unit="furlongs")
    with pytest.raises(ValueError, match="values have shape"):
        score_signatures(matrix(4), GENES[:-1], SAMPLES, unit="TPM")


def test_old_and_current_names_find_each_other() -> None:
    assert current("ctgf") == "CCN2"
    assert positions(["CTGF", "FAM101B", "CCN2", "NOSUCH"], ["RFLNB", "CCN2"]).tolist() == [1, 0, 1, -1]
    assert positions(["CTGF"], ["CCN2", "CTGF"]).tolist() == [1], "the exact spelling wins"
    table = aliases()
    assert not set(table) & set(table.values()), "no symbol is both old and current"


def test_hallmark_and_mcp_counter_come_from_the_gene_set_table() -> None:
    sets = pl.DataFrame(
        {
            "collection": ["hallmark"] * 3 + ["mcp_counter"] * 2 + ["quantiseq_til10"],
            "name": ["HALLMARK_HYPOXIA"] * 3 + ["T cells"] * 2 + ["Tregs"],
            "gene": ["G1", "G2", "G3", "G4", "G5", "G6"],
        }
    )
    names = [sig.name for sig in catalogue(sets)]
    assert names[-2:] == ["hallmark_hypoxia", "mcp_t_cells"]
    genes = [f"G{number}" for number in range(1, 11)]
    values = np.log2(np.random.default_rng(0).lognormal(1, 1, (10, 4)) + 1)
    frame = score_signatures(values, genes, list("abcd"), unit="log2(TPM + 1)", signatures=catalogue(sets)[-2:])
    np.testing.assert_allclose(scores(frame, "mcp_t_cells"), values[3:5].mean(axis=0), rtol=1e-9)
    assert np.all(np.abs(scores(frame, "hallmark_hypoxia")) <= 0.5)


def test_counts_are_scaled_by_library_size() -> None:
    counts = np.random.default_rng(0).poisson(5, (len(GENES), 6)).astype(float)
    once = score_signatures(counts, GENES, SAMPLES, unit="counts")["score"]
    deeper = score_signatures(counts * 3, GENES, SAMPLES, unit="counts")["score"]
    np.testing.assert_allclose(once.to_numpy(), deeper.to_numpy(), rtol=1e-9)


def test_units_name_scales() -> None:
    named = {
        unit: expression_scale.scale_of(unit) for unit in ("log2 TPM", "voom log2 CPM", "z-score", "counts", "FPKM")
    }
    assert list(named.values()) == ["log2 TPM", "log2 CPM", "z-score", "counts", "TPM"]
    assert expression_scale.offset_of(np.log2(np.array([0.001, 5.0]))) == 0.001
    assert expression_scale.offset_of(np.array([2.5, 5.0])) == 0.0
    assert expression_scale.offset_of(np.array([2.5, 5.0]), unit="log2(TPM + 0.5)") == 0.5


def test_a_cohort_is_scored_in_under_two_seconds() -> None:
    rng = np.random.default_rng(0)
    genes = [f"G{number}" for number in range(20_000)]
    sets = [plain(f"r{number}", "rank", tuple(rng.choice(genes, 150, replace=False))) for number in range(50)]
    values = rng.normal(4, 2, (20_000, 144)).astype(np.float32)
    start = time.perf_counter()
    frame = score_signatures(values, genes, [str(n) for n in range(144)], unit="voom", signatures=sets)
    assert time.perf_counter() - start < 2.0
    assert frame.height == 50 * 144

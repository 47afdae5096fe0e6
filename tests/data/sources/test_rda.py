"""R data files: missing values of every kind, gene symbols, malformed files. References made by small_rda.R."""

from __future__ import annotations

import bz2
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.errors import SourceCorrupt
from data.sources.rda import read_data_frame, read_expression_set, read_summarized_experiment, unique_symbols


def test_every_kind_of_missing_value_is_null(references: Path) -> None:
    clinical, _, samples, _ = read_summarized_experiment(references / "small_experiment.rda")
    assert samples == ["s1", "s2", "s3"]
    assert clinical.to_dict(as_series=False) == {
        "sex": ["F", None, "M"],
        "age": [61, None, 48],
        "tmb": [1.5, None, None],
        "dead": [True, None, False],
        "text": [None, None, "word"],
        "empty": [None, None, None],
    }
    assert clinical.schema["empty"] == pl.Null
    assert clinical.schema["age"] == pl.Int64


def test_symbols_are_upper_case_unique_and_named(references: Path) -> None:
    notes: list[str] = []
    _, genes, _, values = read_summarized_experiment(references / "small_experiment.rda", notes=notes)
    assert genes == ["CD8A", "C1ORF112"]
    assert values.dtype == np.float32
    np.testing.assert_array_equal(values, np.array([[9, np.nan, 1], [2, 6, 8]], dtype=np.float32))
    assert len(notes) == 2
    assert all(note.startswith("1 rows") for note in notes)


def test_a_bare_matrix_is_an_expression_set(references: Path) -> None:
    clinical, genes, samples, values = read_expression_set(references / "small_matrix.rda")
    assert clinical.width == 0
    assert genes == ["CD8A", "GZMA", "PRF1", "IFNG"]
    assert samples == ["s1", "s2", "s3"]
    assert values.shape == (4, 3)
    assert np.isnan(values).sum() == 1


def test_swapped_samples_are_refused(references: Path) -> None:
    with pytest.raises(SourceCorrupt, match="columns of the matrix are not the rows of colData"):
        read_summarized_experiment(references / "swapped_samples.rda")


def test_another_kind_of_object_is_refused(references: Path) -> None:
    with pytest.raises(SourceCorrupt, match="holds 0 SummarizedExperiments"):
        read_summarized_experiment(references / "small_matrix.rda")
    with pytest.raises(SourceCorrupt, match="exactly one data frame"):
        read_data_frame(references / "small_matrix.rda")


@pytest.mark.parametrize(
    "content", [b"", b"not an R file", b"<!DOCTYPE html><html></html>", bz2.compress(b"RDX9\nX\n")]
)
def test_a_file_that_is_no_r_data_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.rda"
    path.write_bytes(content)
    with pytest.raises(SourceCorrupt, match=r"broken\.rda"):
        read_summarized_experiment(path)


@pytest.mark.parametrize("share", [0.05, 0.3, 0.6, 0.95])
def test_a_file_cut_short_is_refused(references: Path, tmp_path: Path, share: float) -> None:
    whole = (references / "small_experiment.rda").read_bytes()
    path = tmp_path / "short.rda"
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(SourceCorrupt, match=r"short\.rda"):
        read_summarized_experiment(path)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceCorrupt, match="is not there"):
        read_summarized_experiment(tmp_path / "absent.rda")


@given(st.lists(st.sampled_from(["CD8A", "GZMA", "", "NA", "PRF1"]), min_size=1, max_size=12), st.integers(0, 9))
def test_of_repeated_symbols_the_highest_mean_stays(symbols: list[str], seed: int) -> None:
    values = np.random.default_rng(seed).normal(size=(len(symbols), 3)).astype(np.float32)
    genes, kept = unique_symbols(symbols, values)
    assert sorted(genes) == sorted({symbol for symbol in symbols if symbol not in ("", "NA")})
    for gene, row in zip(genes, kept, strict=True):
        rivals = [values[i].astype(float).mean() for i, symbol in enumerate(symbols) if symbol == gene]
        assert row.astype(float).mean() == pytest.approx(max(rivals))


def test_a_row_without_a_value_never_wins() -> None:
    values = np.array([[np.nan, np.nan], [-9.0, -9.0]], dtype=np.float32)
    genes, kept = unique_symbols(["CD8A", "CD8A"], values)
    assert genes == ["CD8A"]
    assert kept.tolist() == [[-9.0, -9.0]]


def test_damaged_bytes_are_refused_or_read(references: Path, tmp_path: Path) -> None:
    """Whatever three bytes are changed, the reader either reads the file or says that it is corrupt."""
    whole = (references / "small_experiment.rda").read_bytes()
    rng = np.random.default_rng(7)
    path = tmp_path / "damaged.rda"
    refused = 0
    for _ in range(60):
        content = bytearray(whole)
        for place in rng.integers(0, len(content), 3):
            content[place] = rng.integers(256)
        path.write_bytes(bytes(content))
        try:
            read_summarized_experiment(path)
        except SourceCorrupt:
            refused += 1
    assert refused > 40

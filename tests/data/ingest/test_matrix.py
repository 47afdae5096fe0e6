"""Expression matrices: every format gives the same values; wrong units, ids and layouts are refused."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import h5py
import numpy as np
import polars as pl
import pytest
from cohort_folder import EXAMPLE, edit, example

from data.errors import IngestError
from data.ingest import take_in
from data.sources.source import Expression


def matrix(folder: Path) -> Expression:
    return take_in(folder).tables.expression[0]


def native() -> tuple[list[str], list[str], np.ndarray]:
    lines = [line.split("\t") for line in (EXAMPLE / "expression.tsv").read_text(encoding="utf-8").splitlines()]
    values = np.array([[float(one) for one in line[1:]] for line in lines[1:]], dtype=np.float32)
    return [line[0] for line in lines[1:]], lines[0][1:], values


def with_file(folder: Path, name: str, *, orientation: str | None = None) -> Path:
    example(folder)
    (folder / "expression.tsv").unlink()
    edit(folder, 'file = "expression.tsv"', f'file = "{name}"')
    new = "" if orientation is None else f'orientation = "{orientation}"'
    return edit(folder, 'orientation = "genes_by_samples"', new)


def same(found: Expression) -> None:
    genes, samples, values = native()
    assert list(found.genes) == genes
    assert list(found.samples) == [f"example_lung:{one}" for one in samples]
    np.testing.assert_allclose(found.values, np.log2(values + 1), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("orientation", [None, "genes_by_samples", "samples_by_genes"])
@pytest.mark.parametrize("kind", ["csv", "tsv", "parquet", "csv.gz"])
def test_text_and_parquet_in_both_orientations(tmp_path: Path, kind: str, orientation: str | None) -> None:
    genes, samples, values = native()
    if orientation == "samples_by_genes":
        frame = pl.DataFrame({"sample": samples, **dict(zip(genes, values, strict=True))})
    else:
        frame = pl.DataFrame({"gene": genes, **dict(zip(samples, values.T, strict=True))})
    folder = with_file(tmp_path / "c", f"e.{kind}", orientation=orientation)
    if kind == "parquet":
        frame.write_parquet(folder / "e.parquet")
    elif kind == "csv.gz":
        import gzip

        (folder / "e.csv.gz").write_bytes(gzip.compress(frame.write_csv().encode()))
    else:
        frame.write_csv(folder / f"e.{kind}", separator="\t" if kind == "tsv" else ",")
    same(matrix(folder))


def test_row_names_as_r_writes_them(tmp_path: Path) -> None:
    genes, samples, values = native()
    folder = with_file(tmp_path / "c", "e.tsv")
    rows = ["\t".join(f'"{one}"' for one in samples)]
    rows += ["\t".join([f'"{gene}"', *(str(one) for one in row)]) for gene, row in zip(genes, values, strict=True)]
    (folder / "e.tsv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    same(matrix(folder))


def sparse(group: h5py.Group, values: np.ndarray, kind: str) -> None:
    """Write (n, g) as CSR or CSC, by hand."""
    lines = values if kind == "csr" else values.T
    places = [np.flatnonzero(line) for line in lines]
    group.attrs["encoding-type"] = f"{kind}_matrix"
    group.attrs["shape"] = values.shape
    group["data"] = np.concatenate([line[where] for line, where in zip(lines, places, strict=True)])
    group["indices"] = np.concatenate(places).astype(np.int32)
    group["indptr"] = np.cumsum([0, *(len(where) for where in places)]).astype(np.int64)


def write_h5ad(path: Path, kind: str, *, index: str = "_index") -> None:
    genes, samples, values = native()
    with h5py.File(path, "w") as file:
        if kind == "dense":
            file["X"] = values.T
        else:
            sparse(file.create_group("X"), values.T, kind)
        obs, var = file.create_group("obs"), file.create_group("var")
        obs.attrs["_index"], var.attrs["_index"] = index, "_index"
        obs[index] = np.array(samples, dtype=h5py.string_dtype())
        var["_index"] = np.array([f"ENSG{place:011d}" for place in range(len(genes))], dtype=h5py.string_dtype())
        var["symbol"] = np.array(genes, dtype=h5py.string_dtype())
        site = obs.create_group("site")
        site["categories"] = np.array(["lung", "liver"], dtype=h5py.string_dtype())
        site["codes"] = np.arange(len(samples), dtype=np.int8) % 3 - 1


@pytest.mark.parametrize("kind", ["dense", "csr", "csc"])
def test_h5ad(tmp_path: Path, kind: str) -> None:
    folder = with_file(tmp_path / "c", "e.h5ad")
    write_h5ad(folder / "e.h5ad", kind, index="barcode")
    with pytest.raises(IngestError, match=r"Ensembl ids.*gene_column"):
        take_in(folder)
    same(matrix(edit(folder, 'unit = "TPM"', 'gene_column = "symbol"\nunit = "TPM"')))


def test_h5ad_reads_only_the_samples_of_patients(tmp_path: Path) -> None:
    folder = edit(with_file(tmp_path / "c", "e.h5ad"), 'unit = "TPM"', 'gene_column = "symbol"\nunit = "TPM"')
    write_h5ad(folder / "e.h5ad", "csr")
    edit(folder, "EX-005-T1", "EX-005-X", file="clinical.csv")
    edit(folder, "EX-002-T1", "NA", file="clinical.csv")
    intake = take_in(folder)
    count = next(one for one in intake.files if one.kind == "expression")
    assert (count.rows_in, count.rows_accepted, count.rows_refused) == (36, 34, 2)
    assert {row[2] for row in intake.tables.refused} == {"EX-005-T1", "EX-002-T1"}


def test_h5ad_categorical_identifiers_are_seen(tmp_path: Path) -> None:
    folder = with_file(tmp_path / "c", "e.h5ad")
    write_h5ad(folder / "e.h5ad", "dense")
    with h5py.File(folder / "e.h5ad", "a") as file:
        group = file["obs"].create_group("sampled")
        group["categories"] = np.array(["2019-03-04", "2019-05-06"], dtype=h5py.string_dtype())
        group["codes"] = np.zeros(36, dtype=np.int8)
    with pytest.raises(IngestError, match=r"'sampled' of e\.h5ad holds dates"):
        take_in(folder)


def test_h5ad_links_to_other_files_are_not_followed(tmp_path: Path) -> None:
    folder = with_file(tmp_path / "c", "e.h5ad")
    write_h5ad(tmp_path / "other.h5ad", "dense")
    write_h5ad(folder / "e.h5ad", "dense")
    with h5py.File(folder / "e.h5ad", "a") as file:
        del file["X"]
        file["X"] = h5py.ExternalLink(str(tmp_path / "other.h5ad"), "/X")
        file["var"].attrs["_index"] = "symbol"
    with pytest.raises(IngestError, match="link to another file"):
        take_in(folder)


@pytest.mark.parametrize("share", [0.3, 0.9])
def test_h5ad_truncated(tmp_path: Path, share: float) -> None:
    folder = with_file(tmp_path / "c", "e.h5ad")
    write_h5ad(folder / "e.h5ad", "dense")
    data = (folder / "e.h5ad").read_bytes()
    (folder / "e.h5ad").write_bytes(data[: int(len(data) * share)])
    with pytest.raises(IngestError, match="truncated or damaged"):
        take_in(folder)


@pytest.mark.skipif(shutil.which("Rscript") is None, reason="R writes the file")
def test_rda_matrix_as_r_saves_it(tmp_path: Path) -> None:
    folder = with_file(tmp_path / "c", "e.rda")
    code = "x <- as.matrix(read.delim(commandArgs(TRUE)[1], row.names=1, check.names=FALSE)); save(x, file=commandArgs(TRUE)[2])"
    subprocess.run(["Rscript", "-e", code, str(EXAMPLE / "expression.tsv"), str(folder / "e.rda")], check=True)
    same(matrix(folder))
    data = (folder / "e.rda").read_bytes()
    (folder / "e.rda").write_bytes(data[: len(data) // 2])
    with pytest.raises(IngestError, match=r"e\.rda is truncated or damaged"):
        take_in(folder)


def test_rda_that_is_none(tmp_path: Path) -> None:
    folder = with_file(tmp_path / "c", "e.rda")
    (folder / "e.rda").write_bytes(b"cat('x')\n")
    with pytest.raises(IngestError, match="no R data file"):
        take_in(folder)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("EX-001-T1\t", "EX-001-T9\t", "no accepted patient has this sample id"),
        ("EX-001-T1\t", "EX-002-T1\t", "stands 2 times"),
    ],
)
def test_samples_are_matched_or_refused(tmp_path: Path, old: str, new: str, words: str) -> None:
    intake = take_in(edit(example(tmp_path / "c"), old, new, file="expression.tsv"))
    assert all(words in row[3] for row in intake.tables.refused)
    assert intake.tables.refused
    assert intake.rows_in == intake.rows_accepted + intake.rows_refused == 176


@pytest.mark.parametrize(
    ("value", "words"), [("oops", "'oops' is not a number"), ("-3", "below 0"), ("inf", "infinite")]
)
def test_a_bad_value_costs_its_sample(tmp_path: Path, value: str, words: str) -> None:
    folder = example(tmp_path / "c")
    lines = (folder / "expression.tsv").read_text(encoding="utf-8").splitlines()
    cells = lines[5].split("\t")
    cells[3] = value
    lines[5] = "\t".join(cells)
    (folder / "expression.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    intake = take_in(folder)
    ((_, line, row_id, reason),) = intake.tables.refused
    assert (line, row_id) == (3, lines[0].split("\t")[3])
    assert words in reason
    assert len(intake.tables.expression[0].samples) == 35


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('unit = "TPM"', 'unit = "log2 TPM"', "too wide for a logarithm"),
        ('orientation = "genes_by_samples"', 'orientation = "samples_by_genes"', "none of the 60 samples"),
        ('sample_column = "rna_sample"', "", "none of the 36 samples .* sample_column"),
    ],
)
def test_what_study_toml_says_wrong_is_seen(tmp_path: Path, old: str, new: str, words: str) -> None:
    with pytest.raises(IngestError, match=words):
        take_in(edit(example(tmp_path / "c"), old, new))


def test_a_matrix_cut_off_in_the_middle_of_a_line(tmp_path: Path) -> None:
    folder = example(tmp_path / "c")
    data = (folder / "expression.tsv").read_bytes()
    (folder / "expression.tsv").write_bytes(data[: len(data) - 100])
    with pytest.raises(IngestError, match=r"line 61 .* cut off"):
        take_in(folder)


def test_repeated_genes_and_spreadsheet_dates_are_noted(tmp_path: Path) -> None:
    folder = edit(example(tmp_path / "c"), "GZMA\t", "CD8A\t", file="expression.tsv")
    edit(folder, "GZMB\t", "1-Mar\t", file="expression.tsv")
    intake = take_in(folder)
    assert len(intake.tables.expression[0].genes) == 58
    assert any("spreadsheet" in note for note in intake.tables.notes)
    assert any("repeat" in note for note in intake.tables.notes)

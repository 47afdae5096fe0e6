"""MAF rows: effects, fractions, and each reason for which a row is refused."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from cohort_folder import edit, example

from data.errors import IngestError
from data.ingest import take_in
from data.ingest.intake import Intake

HEAD = (
    "Hugo_Symbol\tChromosome\tStart_Position\tVariant_Classification\tReference_Allele\tTumor_Seq_Allele2\t"
    "Tumor_Sample_Barcode\tHGVSp_Short\tt_depth\tt_alt_count\n"
)
GOOD = "tp53\tchr17\t7577120\tMissense_Mutation\tC\tT\tEX-001\tp.R273H\t100\t25\n"


def maf(folder: Path, rows: str) -> Intake:
    example(folder)
    (folder / "mutations.maf").write_text("#version 2.4\n" + HEAD + rows, encoding="utf-8")
    return take_in(folder)


def test_a_row_is_read(tmp_path: Path) -> None:
    row = maf(tmp_path / "c", GOOD).tables.tables["mutation"].row(0, named=True)
    assert row == {
        "patient_id": "example_lung:EX-001",
        "study": "example_lung",
        "gene": "TP53",
        "protein_change": "p.R273H",
        "effect": "missense",
        "chromosome": "17",
        "position": 7577120,
        "reference_allele": "C",
        "alternate_allele": "T",
        "vaf": 0.25,
    }


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("EX-001", "EX-999", "no accepted patient"),
        ("EX-001", "", "no Tumor_Sample_Barcode"),
        ("tp53", "", "no Hugo_Symbol"),
        ("Missense_Mutation", "Bad", "'Bad' is not in the MAF"),
        ("chr17", "chr99", "Chromosome 'chr99'"),
        ("7577120", "-5", "Start_Position"),
        ("\tC\tT\t", "\tC\tQ\t", "allele 'Q'"),
        ("100\t25", "100\t250", "impossible"),
        ("100\t25", "100\tmany", "is not a number"),
        ("\t25\n", "\n", "has 9 values for 10 columns"),
    ],
)
def test_bad_rows_are_refused(tmp_path: Path, old: str, new: str, words: str) -> None:
    intake = maf(tmp_path / "c", GOOD.replace("EX-001", "EX-002") + GOOD.replace(old, new))
    ((file, line, _, reason),) = intake.tables.refused
    assert (file, line) == ("mutations.maf", 4)
    assert words in reason
    assert intake.rows_in == intake.rows_accepted + intake.rows_refused == 78


def test_copies_are_refused_once(tmp_path: Path) -> None:
    intake = maf(tmp_path / "c", GOOD * 3)
    assert intake.tables.tables["mutation"].height == 1
    assert [line for _, line, *_ in intake.tables.refused] == [4, 5]


def test_mutations_of_a_refused_patient_are_refused(tmp_path: Path) -> None:
    folder = edit(example(tmp_path / "c"), "EX-001,EX-001-T1,M,63", "EX-001,EX-001-T1,M,630", file="clinical.csv")
    intake = take_in(folder)
    assert "example_lung:EX-001" not in intake.tables.tables["mutation"]["patient_id"]
    assert {row[0] for row in intake.tables.refused} == {"clinical.csv", "expression.tsv", "mutations.maf"}
    assert intake.rows_in == intake.rows_accepted + intake.rows_refused


def test_no_maf(tmp_path: Path) -> None:
    folder = edit(example(tmp_path / "c"), "Tumor_Sample_Barcode", "Tumour_Sample", file="mutations.maf")
    with pytest.raises(IngestError, match=r"no column 'Tumor_Sample_Barcode'.*'Tumour_Sample'"):
        take_in(folder)


def test_every_effect_is_one_of_ours() -> None:
    from data.ingest.mutations import EFFECTS
    from data.schema import MUTATION

    about = MUTATION.column("effect").about
    assert all(f"'{effect}'" in about for effect in set(EFFECTS.values()))
    assert pl.Series(list(EFFECTS)).n_unique() == len(EFFECTS)

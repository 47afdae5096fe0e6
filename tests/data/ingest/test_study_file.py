"""study.toml: each wrong key, name, unit and coding gives a sentence with the nearest right one."""

from __future__ import annotations

from pathlib import Path

import pytest
from cohort_folder import EXAMPLE, edit, example, small

from data.errors import IngestError
from data.ingest import take_in
from data.ingest.study_file import read_study_file
from data.ingest.units import factor

GOOD = "id,age,os,dead,x\nP1,60,4.5,0,a\nP2,,7,1,b\n"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('id = "example_lung"', 'id = "Example Lung"', "small letters"),
        ('id = "example_lung"', 'id = "../up"', "small letters"),
        ('id = "example_lung"', 'id = "loris"', "taken by a study"),
        ('id = "example_lung"', "", "lacks id"),
        ('licence = "Apache-2.0"', "", "lacks licence"),
        ("synthetic = true", 'synthetic = "yes"', "true or false"),
        ("[study]", "[study]\ntitel = 'x'", "unknown key 'titel'; did you mean 'title'"),
        ('age = "age_years"', 'age = "age_year"', "did you mean 'age_years'"),
        ('age = "age_years"', 'age = "patient_id"', "does not exist"),
        ('age = "age_years"', 'Alter = "age_years"', "no column 'Alter'"),
        ('unit = "g/L"', 'unit = "g/l"', None),
        ('unit = "g/L"', 'unit = "stone"', "unit 'stone' is unknown for albumin_g_per_dl"),
        ('unit = "g/L" ', "", "needs its unit"),
        ('{ column = "os_months", unit = "days" }', '"os_months"', "os_months.* needs its unit"),
        (", megabases = 38.0", "", "needs megabases"),
        ("megabases = 38.0", "megabases = 0", "above 0"),
        (', event = { true = ["dead"], false = ["alive"] }', "", "which words are an event"),
        ('false = ["alive"]', 'false = ["Dead"]', "both true and false"),
        ('stage = "stage"', 'stage = "sex"', "two columns .* fill 'sex'"),
        ('arm = "ICB"', 'arm = "icbb"', "did you mean 'ICB'"),
        ('unit = "TPM"', 'unit = "tpm2"', "did you mean 'TPM'"),
        ('sample_column = "rna_sample"', 'sample_column = "rna"', "no column 'rna'"),
        ("[study]", "[study", "not valid TOML"),
        ("[mutations]", "[mutation]", "did you mean 'mutations'"),
    ],
)
def test_mistakes(tmp_path: Path, old: str, new: str, words: str | None) -> None:
    if old == 'unit = "g/L" ':
        old, new = '{ column = "albumin_g_per_dl", unit = "g/L" }', '"albumin_g_per_dl"'
    folder = edit(example(tmp_path / "c"), old, new)
    if words is None:
        take_in(folder)
        return
    with pytest.raises(IngestError, match=words):
        take_in(folder, published={"loris"})


def test_study_file_must_be_text(tmp_path: Path) -> None:
    folder = example(tmp_path / "c")
    (folder / "study.toml").write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(IngestError, match="UTF-8"):
        read_study_file(folder)


@pytest.mark.parametrize(
    ("column", "unit", "value", "expected"),
    [
        ("os_months", "days", 30.4375, 1.0),
        ("os_months", "weeks", 52.17857142857143, 12.0),
        ("os_months", "years", 1.0, 12.0),
        ("age_years", "months", 720.0, 60.0),
        ("albumin_g_per_dl", "g/L", 40.0, 4.0),
        ("haemoglobin_g_per_dl", "mmol/L", 8.0, 12.8912),
        ("pdl1_tps_percent", "fraction", 0.5, 50.0),
        ("purity", "%", 50.0, 0.5),
        ("platelets_per_nl", "/µL", 250_000.0, 250.0),
    ],
)
def test_factors(column: str, unit: str, value: float, expected: float) -> None:
    assert value * factor(column, unit) == pytest.approx(expected)


def test_words_are_mapped_and_unknown_ones_refused(tmp_path: Path) -> None:
    columns = 'x = { column = "recist", values = { a = "PR", "1" = "" } }'
    intake = take_in(small(tmp_path, GOOD + "P3,50,2,1,1\nP4,50,3,1,Complete Response\n", columns=columns))
    patients = intake.tables.tables["patient"]
    assert patients["recist"].to_list() == ["PR", None, "CR"]
    assert patients["response"].to_list() == [True, None, True]
    assert "'b' is none of CR, PR, SD, PD" in intake.tables.refused[0][3]


def test_an_inverted_event_coding_is_read_as_it_is_said(tmp_path: Path) -> None:
    folder = edit(small(tmp_path, GOOD), 'true = ["1"], false = ["0"]', "true = [0], false = [1]")
    assert take_in(folder).tables.tables["patient"]["os_event"].to_list() == [True, False]


def test_the_example_study_file_says_that_it_is_synthetic() -> None:
    assert read_study_file(EXAMPLE).synthetic
    assert "SYNTHETIC" in (EXAMPLE / "study.toml").read_text(encoding="utf-8")
    assert "synthetic" in (EXAMPLE / "README.md").read_text(encoding="utf-8").lower()

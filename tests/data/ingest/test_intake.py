"""The whole folder: the example taken in, and every row accounted for whatever the table holds."""

from __future__ import annotations

import csv
import io
import math
import tempfile
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from cohort_folder import EXAMPLE, edit, example, small
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data.errors import IngestError
from data.ingest import take_in
from data.schema import DAYS_PER_MONTH
from data.study_folder import conform

HEAD = "id,age,os,dead\n"


def test_the_example_is_taken_in_whole() -> None:
    intake = take_in(EXAMPLE)
    assert [(one.kind, one.rows_in, one.rows_refused) for one in intake.files] == [
        ("clinical", 40, 0),
        ("expression", 36, 0),
        ("mutations", 100, 0),
    ]
    assert intake.source.synthetic
    frames = conform(intake.tables, study="example_lung")
    assert set(frames) == {"patient", "sample", "mutation", "provenance", "assay", "expression"}


def test_units_are_turned_into_ours() -> None:
    with (EXAMPLE / "clinical.csv").open(encoding="utf-8") as stream:
        theirs = {row["patient"]: row for row in csv.DictReader(stream)}
    ours = take_in(EXAMPLE).tables.tables["patient"]
    for row in ours.iter_rows(named=True):
        native = theirs[row["source_id"]]
        assert row["os_months"] == pytest.approx(int(native["os_days"]) / DAYS_PER_MONTH)
        assert row["os_event"] is (native["vital_status"] == "dead")
        assert row["sex"] == {"F": "female", "M": "male"}[native["sex"]]
        if native["mutations"] == "NA":
            assert row["tmb_per_mb"] is None
        else:
            assert row["tmb_per_mb"] == pytest.approx(int(native["mutations"]) / 38)
        if native["albumin"]:
            assert row["albumin_g_per_dl"] == pytest.approx(float(native["albumin"]) / 10)
        expected = {"CR": True, "PR": True, "SD": False, "PD": False}.get(native["best_response"])
        assert row["response"] is expected


def test_days_said_to_be_months_are_refused(tmp_path: Path) -> None:
    table = HEAD + "".join(f"p{i},60,{300 + 12 * i},{i % 2}\n" for i in range(14))
    with pytest.raises(IngestError, match=r'os: median 378 months is implausible.*set unit = "days" in study.toml'):
        take_in(small(tmp_path / "unit", table))
    edit(tmp_path / "unit", 'unit = "months"', 'unit = "days"')
    assert take_in(tmp_path / "unit").rows_accepted == 14


def test_expression_is_stored_as_log2_of_the_users_values() -> None:
    matrix = take_in(EXAMPLE).tables.expression[0]
    lines = (EXAMPLE / "expression.tsv").read_text(encoding="utf-8").splitlines()
    raw = {line.split("\t")[0]: [float(one) for one in line.split("\t")[1:]] for line in lines[1:]}
    place = list(matrix.genes).index("CD8A")
    assert matrix.unit == "log2 TPM"
    np.testing.assert_allclose(matrix.values[place], np.log2(np.array(raw["CD8A"]) + 1), rtol=1e-5)


def test_the_same_folder_has_the_same_version_and_a_changed_one_another(tmp_path: Path) -> None:
    folder = example(tmp_path / "c")
    first = take_in(folder).version
    assert take_in(folder).version == first == take_in(EXAMPLE).version
    edit(folder, "EX-001,EX-001-T1,M,63", "EX-001,EX-001-T1,M,64", file="clinical.csv")
    assert take_in(folder).version != first


CELL = st.one_of(
    st.sampled_from(
        ["", "NA", "1", "0", "61", "-5", "400", "12.5", "abc", "1e400", "inf", "nan", "P1", "P2", "1,5", '"', "90+"]
    ),
    st.integers(-10, 2000).map(str),
    st.text(st.characters(codec="utf-8", exclude_characters="\x00@", exclude_categories=("Cs",)), max_size=6),
)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.lists(CELL, min_size=3, max_size=5), min_size=0, max_size=12))
def test_rows_in_are_rows_accepted_plus_rows_refused(rows: list[list[str]]) -> None:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["id", "age", "os", "dead"])
    writer.writerow(["A1", "61", "10", "1"])  # one good row, so that the file as a whole is not refused
    writer.writerows(rows)
    with tempfile.TemporaryDirectory() as folder:
        try:
            intake = take_in(small(Path(folder), stream.getvalue()))
        except IngestError as error:
            assert str(error)
            return
    assert intake.rows_in == len(rows) + 1
    assert intake.rows_in == intake.rows_accepted + intake.rows_refused
    assert intake.rows_refused == intake.refused().height == len(intake.tables.refused)
    patients = intake.tables.tables["patient"]
    assert patients.height == intake.rows_accepted
    assert patients["patient_id"].n_unique() == patients.height
    for age in patients["age_years"].drop_nulls():
        assert math.isfinite(age)
        assert 0 <= age <= 90
    assert all(reason for *_, reason in intake.tables.refused)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("P2,abc,1,0", "'abc' is not a number"),
        ("P2,-1,1,0", "impossible"),
        ("P2,50,-0.1,0", "impossible"),
        ("P2,50,5,maybe", "neither true nor false"),
        (",50,5,1", "no id"),
        ("NA,50,5,1", "no id"),
        ("P2,50,5", "has 3 values for 4 columns"),
        ("P2,50,5,1,9", "has 5 values for 4 columns"),
        ("P2,1e999,5,1", "impossible"),
        ("P2,nan ,inf,1", "is not a number"),
        ('P2,"61,5",5,1', 'say decimal = ","'),
    ],
)
def test_a_bad_row_is_refused_with_file_line_and_reason(tmp_path: Path, row: str, reason: str) -> None:
    intake = take_in(small(tmp_path, HEAD + "P0,60,4,1\nP1,60,4,0\n" + row + "\nP3,61,5,0\n"))
    assert (intake.rows_in, intake.rows_accepted, intake.rows_refused) == (4, 3, 1)
    (refused,) = intake.refused().to_dicts()
    assert refused["file"] == "clinical.csv"
    assert refused["line"] == 4
    assert reason in refused["reason"]


def test_missing_stays_missing(tmp_path: Path) -> None:
    intake = take_in(small(tmp_path, HEAD + "P1,,NA,\nP2,60,4,0\n"))
    first = intake.tables.tables["patient"].row(0, named=True)
    assert first["age_years"] is None
    assert first["os_months"] is None
    assert first["os_event"] is None


def test_copies_keep_one_row_and_contradictions_none(tmp_path: Path) -> None:
    intake = take_in(small(tmp_path, HEAD + "P1,60,4,0\nP1,60,4,0\nP2,60,4,0\nP2,61,4,0\nP3,62,4,1\n"))
    assert intake.tables.tables["patient"]["source_id"].to_list() == ["P1", "P3"]
    assert [(line, row_id) for _, line, row_id, _ in intake.tables.refused] == [(3, "P1"), (4, "P2"), (5, "P2")]


@pytest.mark.parametrize("age", ["90", "93", "112", "90+", ">89", "≥ 90"])
def test_ages_over_89_are_stored_as_90_and_said(tmp_path: Path, age: str) -> None:
    intake = take_in(small(tmp_path, HEAD + f"P1,{age},4,0\nP2,89,4,0\n"))
    assert intake.tables.tables["patient"]["age_years"].to_list() == [90.0, 89.0]
    assert any("90 or older" in note for note in intake.tables.notes)


def test_line_numbers_count_quoted_line_breaks(tmp_path: Path) -> None:
    table = 'id,age,os,dead,note\nP1,60,4,0,"two\nlines"\nP2,x,4,0,\n'
    intake = take_in(small(tmp_path, table))
    assert [line for _, line, _, _ in intake.tables.refused] == [4]


def test_a_table_in_which_no_row_is_sane_is_refused_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(IngestError, match=r"not one of the 2 rows .* impossible"):
        take_in(small(tmp_path, HEAD + "P1,600,4,0\nP2,700,4,1\n"))


@pytest.mark.parametrize("kind", ["tsv", "xlsx", "parquet", "semicolons", "utf16", "latin1", "bom"])
def test_every_format_gives_the_same_patients(tmp_path: Path, kind: str) -> None:
    text = HEAD + "P1,60,4.5,0\nP2,,7,1\nP3,71,12,1\n"
    expected = take_in(small(tmp_path / "csv", text)).tables.tables["patient"]
    frame = pl.read_csv(text.encode())
    folder = tmp_path / kind
    folder.mkdir()
    if kind == "tsv":
        small(folder, text.replace(",", "\t"), file="c.tsv")
    elif kind == "semicolons":
        small(folder, text.replace(",", ";").replace("4.5", "4,5"), more='decimal = ","')
    elif kind == "utf16":
        small(folder, text.encode("utf-16"), more='encoding = "utf-16"')
    elif kind == "latin1":
        small(
            folder,
            text.replace("dead\n", "dead,bemerkung\n")
            .replace("P1,60,4.5,0", "P1,60,4.5,0,müde")
            .replace("7,1", "7,1,")
            .replace("12,1", "12,1,")
            .encode("latin-1"),
            more='encoding = "latin-1"',
        )
    elif kind == "bom":
        small(folder, b"\xef\xbb\xbf" + text.encode())
    elif kind == "parquet":
        small(folder, b"", file="c.parquet")
        frame.write_parquet(folder / "c.parquet")
    else:
        small(folder, b"", file="c.xlsx")
        frame.write_excel(folder / "c.xlsx")
    assert take_in(folder).tables.tables["patient"].equals(expected)


def test_line_ends_of_windows_and_old_macs(tmp_path: Path) -> None:
    text = HEAD + "P1,60,4.5,0\nP2,x,7,1\nP3,71,12,1\n"
    expected = take_in(small(tmp_path / "unix", text))
    for name, end in (("windows", "\r\n"), ("mac", "\r")):
        found = take_in(small(tmp_path / name, text.replace("\n", end).encode()))
        assert found.tables.tables["patient"].equals(expected.tables.tables["patient"])
        assert found.tables.refused == expected.tables.refused

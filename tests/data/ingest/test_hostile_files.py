"""Files that are not what they say: each gives one sentence with the value and the remedy, and quickly."""

from __future__ import annotations

import io
import os
import random
import shutil
import time
import tracemalloc
import zipfile
from pathlib import Path

import polars as pl
import pytest
from cohort_folder import edit, example, small
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data.errors import IngestError
from data.ingest import take_in

GOOD = "id,age,os,dead\nP1,60,4.5,0\nP2,,7,1\nP3,71,12,1\n"


def workbook(folder: Path) -> bytes:
    path = folder / "made.xlsx"
    pl.read_csv(GOOD.encode()).write_excel(path)
    data = path.read_bytes()
    path.unlink()
    return data


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.99])
def test_truncated_workbook(tmp_path: Path, share: float) -> None:
    data = workbook(tmp_path)
    folder = small(tmp_path / "c", data[: int(len(data) * share)], file="c.xlsx")
    with pytest.raises(IngestError, match=r"c\.xlsx.*(truncated|damaged).*save it as"):
        take_in(folder)


def test_zip_bomb_in_a_workbook(tmp_path: Path) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
        with archive.open("xl/worksheets/sheet1.xml", "w") as sheet:
            for _ in range(520):
                sheet.write(b"\0" * 1024 * 1024)
    folder = small(tmp_path, stream.getvalue(), file="c.xlsx")
    began = time.perf_counter()
    with pytest.raises(IngestError, match="unpacks to more than"):
        take_in(folder)
    assert time.perf_counter() - began < 2


def test_a_cell_at_the_far_corner_of_a_sheet(tmp_path: Path) -> None:
    data = workbook(tmp_path)
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(stream, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name.endswith("sheet1.xml"):
                content = content.replace(
                    b"</sheetData>", b'<row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData>'
                )
            new.writestr(name, content)
    with pytest.raises(IngestError, match="reaches row 1,048,576 and column 16,384"):
        take_in(small(tmp_path / "c", stream.getvalue(), file="c.xlsx"))


@pytest.mark.parametrize("name", ["clinical.csv", "c.tsv", "c.xlsx", "c.parquet"])
def test_200_mb_of_garbage_is_refused_at_once(tmp_path: Path, name: str) -> None:
    folder = small(tmp_path, b"", file=name)
    with (folder / name).open("wb") as stream:
        stream.write(os.urandom(1024 * 1024))
        stream.truncate(200 * 1024 * 1024)
    tracemalloc.start()
    began = time.perf_counter()
    with pytest.raises(IngestError, match=f"{name} "):
        take_in(folder)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert time.perf_counter() - began < 2
    assert peak < 20e6


@pytest.mark.parametrize("name", ["expression.tsv", "mutations.maf"])
def test_200_mb_of_garbage_as_expression_or_mutations(tmp_path: Path, name: str) -> None:
    folder = example(tmp_path / "c")
    with (folder / name).open("wb") as stream:
        for _ in range(25):
            stream.write(os.urandom(1024 * 1024))
        stream.truncate(200 * 1024 * 1024)
    began = time.perf_counter()
    with pytest.raises(IngestError, match=f"{name} holds"):
        take_in(folder)
    assert time.perf_counter() - began < 2


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("", "is empty"),
        ("\n\n\n", "only blank lines"),
        ("id,age,os,dead\n", "no rows"),
        (b"id,age,os,dead\nP1,60,4,0\nM\xfcller,60,4,0\n", "line 3 .* not utf-8 .*0xFC"),
        (GOOD.encode("utf-16"), "UTF-16"),
        (b"PK\x03\x04" + GOOD.encode(), "zip archive or Excel"),
        (b"\xd0\xcf\x11\xe0" + b"\0" * 600, "old Excel"),
        ("id,age,os,dead\nP1;60;4;0\nP2;60;4;0\nP3;60;4;1\n", "mixes delimiters"),
        ("id\tage\tos\tdead\nP1,60,4,0\nP2,60,4,0\n", "mixes delimiters"),
        ("id,age,os,dead,age\nP1,60,4,0,60\n", "more than once .*'age'"),
        ("id,Age,os,dead\nP1,60,4,0\n", "no column 'age'.*did you mean 'Age'"),
        ("ident,age,os,dead\nP1,60,4,0\n", "no column 'id'.*did you mean 'ident'"),
        ('id,age,os,dead\nP1,"60,4,0\n' + "x" * 200_000, "quote"),
    ],
)
def test_broken_tables(tmp_path: Path, table: str | bytes, words: str) -> None:
    with pytest.raises(IngestError, match=words) as caught:
        take_in(small(tmp_path, table))
    assert "Traceback" not in str(caught.value)
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "sub/../../x.csv", "", "no.csv", "."])
def test_paths_stay_inside_the_folder(tmp_path: Path, name: str) -> None:
    folder = small(tmp_path / "c", GOOD)
    (tmp_path / "x.csv").write_text(GOOD)
    (tmp_path / "c" / "sub").mkdir()
    edit(folder, 'file = "clinical.csv"', f'file = "{name}"')
    with pytest.raises(IngestError) as caught:
        take_in(folder)
    assert "root:" not in str(caught.value)


def test_links_out_of_the_folder_are_not_followed(tmp_path: Path) -> None:
    folder = small(tmp_path / "c", GOOD)
    (tmp_path / "elsewhere.csv").write_text(GOOD)
    (folder / "clinical.csv").unlink()
    (folder / "clinical.csv").symlink_to(tmp_path / "elsewhere.csv")
    with pytest.raises(IngestError, match="outside the cohort folder"):
        take_in(folder)
    (folder / "clinical.csv").unlink()
    (folder / "clinical.csv").symlink_to(folder / "clinical.csv")
    with pytest.raises(IngestError, match=r"cannot be opened|not in the folder"):
        take_in(folder)


def test_a_pipe_is_no_file(tmp_path: Path) -> None:
    folder = small(tmp_path / "c", GOOD)
    (folder / "clinical.csv").unlink()
    os.mkfifo(folder / "clinical.csv")
    with pytest.raises(IngestError, match="no ordinary file"):
        take_in(folder)


def test_truncated_parquet(tmp_path: Path) -> None:
    pl.read_csv(GOOD.encode()).write_parquet(tmp_path / "x.parquet")
    data = (tmp_path / "x.parquet").read_bytes()
    with pytest.raises(IngestError, match="truncated or damaged"):
        take_in(small(tmp_path / "c", data[:-20], file="c.parquet"))


def test_gzip_bomb(tmp_path: Path) -> None:
    import gzip

    folder = small(tmp_path, b"", file="c.csv.gz")
    with gzip.open(folder / "c.csv.gz", "wb") as stream:
        stream.write(b"id,age,os,dead\n")
        for _ in range(15):
            stream.write(b"P1,60,4,0\n" * 100_000)
    with pytest.raises(IngestError, match=r"unpacks to more than|cells"):
        take_in(folder)


def test_a_folder_without_study_file_and_no_folder(tmp_path: Path) -> None:
    with pytest.raises(IngestError, match=r"has no study\.toml"):
        take_in(tmp_path)
    with pytest.raises(IngestError, match="no folder"):
        take_in(tmp_path / "nothing")


@pytest.mark.parametrize(
    "name", ["study.toml", "clinical.csv", "expression.tsv", "mutations.maf", "c.xlsx", "c.parquet"]
)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32 - 1))
def test_damage_anywhere_is_refused_or_counted(tmp_path: Path, name: str, seed: int) -> None:
    """Bytes changed, added and cut at random: a sentence, or every row accounted for; never another error."""
    chance = random.Random(seed)
    folder = example(tmp_path / f"c{seed}-{chance.random()}")
    frame = pl.read_csv(folder / "clinical.csv", infer_schema=False)
    if name.startswith("c."):
        frame.write_excel(folder / name) if name == "c.xlsx" else frame.write_parquet(folder / name)
        edit(folder, 'file = "clinical.csv"', f'file = "{name}"')
    data = bytearray((folder / name).read_bytes())
    for _ in range(chance.choice([1, 2, 10])):
        place = chance.randrange(len(data))
        match chance.randrange(3):
            case 0:
                data[place] = chance.randrange(256)
            case 1:
                data[place:place] = chance.choice(
                    [b"\n", b"\t", b",", b'"', b"\x00", b"\xff", b"\r", b"9" * 30, b"e999"]
                )
            case _:
                del data[place : place + chance.choice([1, 40, 400])]
    (folder / name).write_bytes(bytes(data) or b"x")
    try:
        intake = take_in(folder)
    except IngestError as error:
        assert len(str(error)) < 1500
    else:
        assert intake.rows_in == intake.rows_accepted + intake.rows_refused
        assert intake.rows_refused == len(intake.tables.refused)
    finally:
        shutil.rmtree(folder)

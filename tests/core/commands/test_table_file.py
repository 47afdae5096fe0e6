"""Any CSV as a table: what is read, and the sentence where it cannot be."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from core.commands.table_file import LINE, columns, flags, is_one_two, labels, listed, numbers, read_table
from core.errors import NotMeasured, UnknownName


def written(folder: Path, text: str | bytes, name: str = "t.csv") -> Path:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_delimiters_quotes_blanks_and_missing_words(tmp_path: Path, delimiter: str) -> None:
    text = 'time,"event", note\r\n1.5,1,"a b"\r\n\r\n NA ,0,\r\n3,1,.\r\n'.replace(",", delimiter)
    table = read_table(written(tmp_path, text))
    assert table.columns == ["time", "event", "note", LINE]
    assert table["time"].to_list() == ["1.5", None, "3"]
    assert table["note"].to_list() == ["a b", None, None]
    assert table[LINE].to_list() == [2, 4, 5]
    np.testing.assert_array_equal(numbers(table, "time"), [1.5, np.nan, 3])


@pytest.mark.parametrize("raw", ["\ufefftime\n1\n".encode(), "time\n1\n# é".encode("cp1252")[:7]])
def test_byte_order_marks_and_windows_text(tmp_path: Path, raw: bytes) -> None:
    assert read_table(written(tmp_path, raw)).columns[0] == "time"
    accented = read_table(written(tmp_path, "tumeur,é\n1,2\n".encode("cp1252")))
    assert accented.columns[:2] == ["tumeur", "é"]


def test_numbers_name_line_and_value(tmp_path: Path) -> None:
    table = read_table(written(tmp_path, 'a;b\n1;2\n\n"3,5";x\n'))
    with pytest.raises(NotMeasured, match=r"line 4: a is '3,5', not a number; write decimals with a point"):
        numbers(table, "a")
    with pytest.raises(NotMeasured, match=r"line 4: b is 'x', not a number$"):
        numbers(table, "b")
    assert np.isinf(numbers(read_table(written(tmp_path, "a\ninf\n-Inf\n1e3\n")), "a")).tolist() == [True, True, False]
    with pytest.raises(NotMeasured, match="'1_0'"):
        numbers(read_table(written(tmp_path, "a\n1_0\n")), "a")


@pytest.mark.parametrize(
    ("words", "values"),
    [
        ("1 0 NA", [1, 0, np.nan]), ("TRUE FALSE T", [1, 0, 1]), ("yes no Y", [1, 0, 1]), ("1.0 0.0 1", [1, 0, 1]),
        ("2 1 2", [1, 0, 1]), ("1 1 1", [1, 1, 1]), ("1.00 0 0", [1, 0, 0]),
    ],
)  # fmt: skip
def test_flags(tmp_path: Path, words: str, values: list[float]) -> None:
    table = read_table(written(tmp_path, "e\n" + "\n".join(words.split()) + "\n"))
    np.testing.assert_array_equal(flags(table, "e"), values)
    assert is_one_two(table, "e") == ("2" in words)


@pytest.mark.parametrize("word", ["2", "dead", "-1", "0.5"])
def test_a_flag_that_is_none_is_named(tmp_path: Path, word: str) -> None:
    table = read_table(written(tmp_path, f"e\n0\n{word}\n1\n"))
    with pytest.raises(NotMeasured, match=f"line 3: e is '{word}'"):
        flags(table, "e")


@pytest.mark.parametrize(
    ("words", "seen"),
    [
        ("none liver None", ["none", "liver", "None"]), ("1.5 none 2", ["1.5", None, "2"]), ("yes none no", ["yes", None, "no"]),
        ("none NA none", [None, None, None]), ("NA liver unknown", [None, "liver", None]),
    ],
)  # fmt: skip
def test_none_is_a_word_among_words_and_missing_among_numbers(
    tmp_path: Path, words: str, seen: list[str | None]
) -> None:
    assert read_table(written(tmp_path, "w\n" + "\n".join(words.split()) + "\n"))["w"].to_list() == seen


def test_labels_are_sorted_as_r_sorts_them(tmp_path: Path) -> None:
    table = read_table(written(tmp_path, "n,w\n10,b\n2,a\n2.0,NA\n,b\n"))
    assert labels(table, "n")[0] == ("2", "10")
    assert labels(table, "n")[1].tolist() == [1, 0, 0, -1]
    assert labels(table, "w")[0] == ("a", "b")
    assert labels(table, "w")[1].tolist() == [1, 0, -1, 1]


def test_a_missing_column_gets_the_nearest_names(tmp_path: Path) -> None:
    table = read_table(written(tmp_path, "os_months,os_event,arm\n1,1,a\n"))
    with pytest.raises(UnknownName, match=r"no column 'OS_month' \(--time\); did you mean os_months"):
        columns(table, ["OS_month"], option="--time")
    with pytest.raises(UnknownName, match="the file has os_months, os_event, arm"):
        columns(table, ["zzz"])
    columns(table, ["arm"])
    with pytest.raises(UnknownName):
        columns(table, [LINE])


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "is empty"),
        ("\n\n", "is empty"),
        ("a,b\n", "no row"),
        ("a,b\n1,2\n1,2,3\n", "line 3: 3 values where the header names 2 columns"),
        ("a,a\n1,2\n", "two columns named 'a'"),
        (b"PK\x03\x04\x00\x00", "not a text table"),
    ],
)
def test_a_file_that_is_no_table(tmp_path: Path, text: str | bytes, why: str) -> None:
    with pytest.raises(NotMeasured, match=why):
        read_table(written(tmp_path, text))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    written(tmp_path, "a\n1\n", "lung.csv")
    with pytest.raises(NotMeasured, match=r"did you mean lung\.csv"):
        read_table(tmp_path / "lungs.csv")
    with pytest.raises(NotMeasured, match="its folder is not there either"):
        read_table(tmp_path / "nowhere" / "lung.csv")
    with pytest.raises(NotMeasured, match="is a folder"):
        read_table(tmp_path)


def test_lists_of_names() -> None:
    assert listed(" a, b ,,a") == ("a", "b")
    assert listed(None) == ()

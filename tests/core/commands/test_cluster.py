"""python -m core cluster: tables in, labels or "no structure" out."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from core.__main__ import main


def written(folder: Path, *, noise: bool = False) -> Path:
    rng = np.random.default_rng(0)
    truth = np.arange(90) % 3
    values = rng.normal(size=(90, 4)) + (0 if noise else 1) * 5.0 * np.eye(3, 4)[truth]
    frame = pl.DataFrame({"patient": [f"p{i}" for i in range(90)], **{f"gene_{j}": values[:, j] for j in range(4)}, "site": ["a", "b"] * 45})
    path = folder / "table.csv"
    frame.write_csv(path)
    frame.write_parquet(folder / "table.parquet")
    return path


def answer(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, object]:
    code = main(["cluster", *words, "--json"])
    document = json.loads(capsys.readouterr().out)
    assert code == (1 if "error" in document else 0)
    return dict(document)


def test_clusters_save_and_apply(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path)
    fast = ("--methods", "k-means", "--most", "3")
    found = answer(capsys, str(path), *fast, "--save", str(tmp_path / "models"))
    assert found["structure"] is True
    assert found["k"] == 3
    assert found["features"] == ["gene_0", "gene_1", "gene_2", "gene_3"]
    labels = found["labels"]
    assert isinstance(labels, list)
    assert labels[0]["row"] == "p0"
    applied = answer(capsys, str(tmp_path / "table.parquet"), "--apply", str(found["saved"]))
    assert [row["cluster"] for row in applied["labels"]] == [row["cluster"] for row in labels]  # type: ignore[index, attr-defined]


def test_noise_is_no_structure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = answer(capsys, str(written(tmp_path, noise=True)))
    assert found["structure"] is False
    assert found["k"] == 1
    assert found["clusters"] == []


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("nowhere.csv",), "there is no file nowhere.csv"),
        ((), "name one thing to cluster"),
        (("TABLE", "--columns", "gene_9"), "no column 'gene_9'"),
        (("TABLE", "--columns", "site"), "not a number"),
        (("TABLE", "--methods", "magic"), "no clustering method 'magic'"),
        (("TABLE", "--apply", "missing"), "no model"),
        (("TABLE", "--most", "1"), "--most"),
    ],
)
def test_bad_input_is_one_sentence(
    words: tuple[str, ...], sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(written(tmp_path))
    found = answer(capsys, *(path if word == "TABLE" else word for word in words))
    assert sentence in str(found["error"])

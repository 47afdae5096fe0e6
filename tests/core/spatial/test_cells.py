"""The Cells page: a planted association is found, chance is not called one, and a cohort without cells says who has some."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from core.cohort.query import CohortQuery
from core.errors import NotMeasured, TooFewPatients, UnknownName
from core.pipeline import cells as pipeline
from core.pipeline.staging import Finished, Staging
from core.spatial import cells
from core.spatial.cell_survival import cell_survival
from data import staging as tables
from data.schema import TABLES
from data.store import Store

TYPES = ("Tumour cell (CK+)", "CD8 T cell", "Other")
PATIENTS, QUERY = 40, CohortQuery(("mif",))


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty patients with two fields each; the more CD8 T cells, the later the death."""
    path = tmp_path_factory.mktemp("cells") / "cohort-0123456789abcdef.duckdb"
    tables.create(path)
    rng = np.random.default_rng(3)
    people, spots = [], []
    for number in range(PATIENTS):
        share = 0.1 + 0.5 * number / PATIENTS
        months = float(rng.exponential(3 + 200 * (share - 0.1)) + 0.1)
        people.append({"patient_id": f"mif:{number}", "study": "mif", "cohort": "mif", "source_id": str(number), "os_months": months, "os_event": number % 5 != 0})
        for field in (1, 2):
            n = 60
            label = rng.choice(TYPES, n, p=[0.9 - share, share, 0.1])
            spots.append(
                pl.DataFrame(
                    {
                        "study": "mif", "patient_id": f"mif:{number}", "section_id": f"{number}_{field}", "spot_id": [str(i) for i in range(n)], "kind": "cell",
                        "x_um": rng.uniform(0, 300, n), "y_um": rng.uniform(0, 200, n), "label": label,
                    }
                )
            )  # fmt: skip
    people.append({"patient_id": "rna:1", "study": "rna", "cohort": "rna", "source_id": "1", "os_months": 5.0, "os_event": True})
    staged = Staging(path)
    studies = [dict.fromkeys(TABLES["study"].dtypes) | {"study": study, "title": study, "citation": study, "synthetic": False} for study in ("mif", "rna")]
    staged.append("study", pl.DataFrame(studies, schema=TABLES["study"].dtypes))
    staged.append("patient", pl.DataFrame(people))
    staged.append("spot", pl.concat(spots))
    pipeline.fill(staged, Finished(None), work=pipeline.pieces(staged, seed=0), progress=str)
    staged.close()
    return path


@pytest.fixture(scope="module")
def store(database: Path) -> Iterator[Store]:
    opened = Store(database)
    yield opened
    opened.close()


def test_a_planted_association_is_found_and_corrected_for_all_tests(store: Store) -> None:
    found = cell_survival(store, QUERY)
    row = found.table.filter(pl.col("label") == "CD8 T cell").row(0, named=True)
    assert (found.n, found.deaths, found.n_missing) == (40, 32, 0)
    assert row["hazard_ratio"] < 0.8
    assert row["q_value"] < 0.05
    assert (found.table["q_value"] >= found.table["p_value"]).all()
    answer = cells.against_survival(store, QUERY)
    assert "32 deaths" in answer.sentence
    assert answer.sentence.startswith("2 associations with overall survival")  # tumour cells are what CD8 T cells leave room for
    assert answer.charts[0].table.height == found.table.height == 4


def test_chance_is_not_called_an_association(store: Store) -> None:
    placed = cell_survival(store, QUERY).table.filter(pl.col("kind") != "density")
    assert placed["label"].to_list() == ["Tumour cell and CD8 T cell", "CD8 T cell near tumour cell"]
    assert (placed["q_value"] > 0.05).all()
    p = store.sql("SELECT p_value FROM spatial_statistic WHERE p_value IS NOT NULL")["p_value"]
    assert 0.3 < float(p.mean()) < 0.7  # type: ignore[arg-type]


def test_the_page_draws_a_field_its_densities_and_two_types(store: Store) -> None:
    people = cells.patients(store, QUERY)
    assert people["mif:0"] == "Patient 0 (2 fields, 120 cells)"
    assert list(people)[:3] == ["mif:0", "mif:1", "mif:2"]
    assert set(cells.fields(store, QUERY, patient="mif:0")) == {"1", "2"}
    assert list(cells.kinds(store, QUERY)) == list(TYPES[:2])
    chart = cells.field_map(store, QUERY, patient="mif:0", field="2")
    assert chart.table["cells"].sum() == 60
    assert [trace.type for trace in chart.figure.data] == ["scattergl"] * 3
    assert cells.densities(store, QUERY, patient="mif:0").table.height == 80
    for function in ("cross_l", "nearest"):
        chart = cells.pattern(store, QUERY, patient="mif:9", first=TYPES[0], second=TYPES[1], function=function)
        assert "199 permutations" in chart.caption
        assert chart.title.startswith("CD8 T cells around tumour cells: ")
    with pytest.raises(UnknownName, match="no field 7"):
        cells.field_map(store, QUERY, patient="mif:0", field="7")
    with pytest.raises(UnknownName, match="no cell type"):
        cells.pattern(store, QUERY, patient="mif:0", first="Neuron", second=TYPES[1])


def test_a_cohort_without_cells_or_deaths_says_so(store: Store) -> None:
    other = CohortQuery(("rna",))
    for question in (cells.patients, cells.densities, cells.against_survival):
        with pytest.raises(NotMeasured, match="mif has it"):
            question(store, other)
    with pytest.raises(NotMeasured):
        cells.field_map(store, QUERY, patient="rna:1")


def test_too_few_deaths_are_refused(store: Store) -> None:
    from core.cohort.query import Filter

    with pytest.raises(TooFewPatients, match="10 deaths are needed"):
        cell_survival(store, QUERY.with_filter(Filter("os_months", "ge", 90.0)))


def test_the_same_build_gives_the_same_tables_from_the_cache(database: Path, tmp_path: Path) -> None:
    import shutil

    copy = tmp_path / "copy.duckdb"
    shutil.copy(database, copy)
    staged = Staging(copy)
    before = staged.sql("SELECT * FROM spatial_statistic ORDER BY ALL")
    for _ in range(2):
        pipeline.fill(staged, Finished(tmp_path), work=pipeline.pieces(staged, seed=0), progress=str)
        assert staged.sql("SELECT * FROM spatial_statistic ORDER BY ALL").equals(before)
    staged.close()

"""Every page, run without a browser on the synthetic studies."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
from streamlit.testing.v1 import AppTest

from core.cohort.query import CohortQuery, Filter
from core.settings import Settings
from data.sources import SYNTHETIC
from data.store import Store
from tests.pages.conftest import PAGES, Open


def words(test: AppTest) -> str:
    """Everything that the page says in running text."""
    return " ".join(element.proto.body for element in test.get("html")).replace("\u00a0", " ")


def plots(test: AppTest) -> list[dict[str, object]]:
    return [json.loads(element.proto.spec) for element in test.get("plotly_chart") if element.proto.spec]


@pytest.fixture(scope="module")
def store(synthetic_data_dir: Path) -> Store:
    return Store.open_current(Settings(data_dir=synthetic_data_dir).database_dir)


@pytest.mark.slow
@pytest.mark.parametrize("study", SYNTHETIC)
@pytest.mark.parametrize("page", PAGES)
def test_a_page_opens_on_every_study(open_page: Open, page: str, study: str) -> None:
    test = open_page(page, study=study)
    assert not test.exception
    assert "answer" in words(test) or "state" in words(test)
    if page not in {"about", "model"}:  # of the whole database; its figure says so
        assert "Synthetic data: these patients are simulated" in words(test)


@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page in PAGES if page != "about"])
def test_a_figure_of_synthetic_patients_says_so(open_page: Open, page: str) -> None:
    test = open_page(page, study="synthetic_a")
    drawn = [plot for plot in plots(test) if "SYNTHETIC" in json.dumps(plot)]
    assert drawn
    assert "SYNTHETIC DATA" in words(test)


@pytest.mark.slow
def test_the_overview_counts_what_the_database_holds(open_page: Open, store: Store) -> None:
    frame = store.table("patient", study="synthetic_a")
    said = words(open_page("cohort", study="synthetic_a"))
    assert f"{frame.height:,} patients" in said
    assert f"{frame['response'].count():,} evaluable" in said
    assert f"({int(frame['response'].sum()):,} of {frame['response'].count():,};" in said


@pytest.mark.slow
def test_a_filter_of_the_link_narrows_the_cohort(open_page: Open, store: Store) -> None:
    query = CohortQuery(("synthetic_a",), (Filter("sex", "in", ("female",)), Filter("tmb_per_mb", "ge", 5.0)))
    test = open_page("cohort", cohort=query.key())
    frame = store.table("patient", study="synthetic_a")
    n = frame.filter((pl.col("sex") == "female") & (pl.col("tmb_per_mb") >= 5)).height
    assert not test.exception
    assert f"{n:,} of {frame.height:,} patients" in words(test)
    labels = [button.label for button in test.button]
    assert any(label.startswith("Sex is female") for label in labels)


@pytest.mark.slow
def test_a_chip_removes_its_filter(open_page: Open, store: Store) -> None:
    query = CohortQuery(("synthetic_a",), (Filter("sex", "in", ("female",)),))
    test = open_page("cohort", cohort=query.key())
    chip = next(button for button in test.button if button.label.startswith("Sex is female"))
    test = chip.click().run()
    assert not test.exception
    assert f"{store.table('patient', study='synthetic_a').height:,} patients" in words(test)
    assert CohortQuery.from_key(test.query_params["cohort"]).filters == ()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"cohort": '{"s":["synthetic_a"],"f":[["shoe_size","ge",40]]}'}, "shoe_size"),
        ({"cohort": '{"s":["synthetic_a"],"f":[["sex","ge",40]]}'}, "needs a number"),
        ({"cohort": '{"s":["nowhere2031"]}'}, "nowhere2031"),
        ({"cohort": "garbage"}, "garbage"),
        ({"cohort": '{"s":7}'}, "cannot be read"),
        ({"study": "nowhere2031"}, "nowhere2031"),
        ({"study": "synthetic_a", "filter": "shoe_size"}, "&#x27;filter&#x27;"),
        ({"study": "synthetic_a", "f\u00fcr": "<script>"}, "ignored"),
    ],
)
def test_a_link_that_cannot_be_read_says_so_and_the_rest_works(
    open_page: Open, params: dict[str, str], said: str
) -> None:
    test = open_page("cohort", **params)
    assert not test.exception
    assert said in words(test)
    assert 'class="answer"' in words(test)
    assert "<script>" not in words(test)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["predictor", "split", "endpoint"])
def test_a_control_that_the_link_names_wrongly_says_so(open_page: Open, name: str) -> None:
    test = open_page("survival", study="synthetic_a", **{name: "nonsense"})
    assert not test.exception
    assert f"{name} &#x27;nonsense&#x27;" in words(test)
    assert name not in test.query_params


@pytest.mark.slow
def test_an_empty_cohort_names_the_filter_to_relax(open_page: Open) -> None:
    query = CohortQuery(("synthetic_a",), (Filter("age_years", "ge", 500.0), Filter("sex", "in", ("female",))))
    test = open_page("survival", cohort=query.key())
    assert not test.exception
    assert "Nobody matches" in words(test)
    assert any("Remove the filter" in button.label and "Age" in button.label for button in test.button)


@pytest.mark.slow
def test_an_unknown_gene_is_a_sentence(open_page: Open) -> None:
    test = open_page("map", study="synthetic_a", gene="NOTAGENE")
    assert not test.exception
    assert "NOTAGENE" in words(test)


def test_without_a_database_the_page_says_how_to_build_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TMESCOPE_DATA", str(tmp_path))
    test = AppTest.from_string(f"{PAGES['cohort']}\nmodule.page()\n", default_timeout=30).run()
    assert not test.exception
    assert any("python -m core build" in code.value for code in test.code)


@pytest.mark.slow
def test_in_sample_scores_are_never_drawn(open_page: Open, store: Store) -> None:
    """A patient whose only score of a predictor is in-sample is on no curve of it."""
    for study in SYNTHETIC:
        test = open_page("performance", study=study)
        assert "in-sample," not in json.dumps(plots(test))

"""The map page, run without a browser: layouts, spaces, a group of the link, and what is said where one cannot be used."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from core.cohort.query import CohortQuery
from core.settings import Settings
from core.tme import map as tme
from core.tme.group import drawn
from data.store import Store
from tests.pages.conftest import Open
from tests.pages.test_pages import plots, words

pytestmark = pytest.mark.slow
QUERY = CohortQuery(("synthetic_a",))


@pytest.fixture(scope="module")
def chosen(synthetic_data_dir: object) -> str:
    store = Store.open_current(Settings(data_dir=synthetic_data_dir).database_dir)  # type: ignore[arg-type]
    places = tme.positions(store, QUERY)
    x, y = places["x"].to_numpy(), places["y"].to_numpy()
    box = f"{x.min() - 1:.6g}_{y.min() - 1:.6g}_{float(x.mean()):.6g}_{y.max() + 1:.6g}"
    return drawn(store, QUERY, corners=box, study="synthetic_a", name="West end")


def healthy(test: AppTest) -> str:
    assert not test.exception
    said = words(test)
    assert 'class="answer"' in said
    return said


@pytest.mark.parametrize("layout", ["umap", "pca"])
def test_the_picture_says_how_far_it_can_be_trusted(open_page: Open, layout: str) -> None:
    said = healthy(open_page("map", study="synthetic_a", layout=layout))
    assert "nearest neighbours kept" in said


@pytest.mark.parametrize(("about", "word"), [("made_of", "against the others"), ("response", "selected by eye"), ("survival", "selected by eye"), ("genes", "false discovery rate")])
def test_a_group_of_the_link_is_described(open_page: Open, chosen: str, about: str, word: str) -> None:
    test = open_page("map", study="synthetic_a", group=chosen, about=about)
    said = healthy(test)
    assert "West end" in said
    assert word in said
    assert test.query_params["group"] in (chosen, [chosen])
    assert any("West end" in str(plot) for plot in plots(test))


@pytest.mark.parametrize(
    ("group", "said"),
    [
        ("nonsense", "cannot be read"),
        ("A~synthetic_a~tme_signatures~umap~0~900_900_901_900_901_901", "obody is inside"),
        ("A~synthetic_a~tme_signatures~umap~0~-900_-900_900_-900_900_900_-900_900", "draw a smaller one"),
        ("A~synthetic_b~tme_signatures~umap~0~0_0_1_0_1_1", "open that study"),
    ],
)
def test_a_group_that_cannot_be_used_is_a_sentence_and_the_map_stays(open_page: Open, group: str, said: str) -> None:
    test = open_page("map", study="synthetic_a", group=group)
    assert said in healthy(test)
    assert plots(test)


def test_an_unknown_gene_keeps_the_map(open_page: Open) -> None:
    test = open_page("map", study="synthetic_a", gene="NOTAGENE")
    said = healthy(test)
    assert "NOTAGENE" in said
    assert "coloured by TME type" in said
    assert plots(test)


def test_a_name_can_be_given_and_the_group_cleared(open_page: Open, chosen: str) -> None:
    test = open_page("map", study="synthetic_a", group=chosen)
    name = next(box for box in test.text_input if box.label == "Name of the group")
    test = name.set_value("Hot corner").run()
    assert "Hot corner" in healthy(test)
    clear = next(button for button in test.button if button.label == "Clear the group")
    test = clear.click().run()
    assert "Hot corner" not in healthy(test)
    assert "group" not in test.query_params


def test_a_wrong_zoom_shows_the_whole_map(open_page: Open) -> None:
    test = open_page("map", study="synthetic_a", view="synthetic_a~1_2")
    assert not test.exception
    assert plots(test)

"""The composition page, without a browser, on the synthetic studies."""

from __future__ import annotations

from streamlit.testing.v1 import AppTest

from tests.pages.conftest import Open


def words(test: AppTest) -> str:
    return " ".join(element.proto.body for element in test.get("html")).replace("\u00a0", " ")


def test_groups_patients_and_pairs(open_page: Open) -> None:
    test = open_page("composition", study="synthetic_a", grouped="response")
    assert not test.exception
    said = words(test)
    assert "Cliff's delta" in said.replace("&#x27;", "'")
    assert "Kruskal-Wallis" in said
    assert len(test.get("plotly_chart")) >= 3
    test.query_params["bars"] = "patients"
    test.run()
    assert not test.exception


def test_a_method_that_is_not_here_leaves_a_notice_and_the_page(open_page: Open) -> None:
    test = open_page("composition", study="synthetic_a", counted="slides")
    assert not test.exception
    assert "not offered here" in words(test)
    assert "answer" in words(test)


def test_everybody_together_has_no_test(open_page: Open) -> None:
    test = open_page("composition", study="synthetic_b", grouped="")
    assert not test.exception

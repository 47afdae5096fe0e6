"""The survival page, run without a browser: what is compared, the options under More, and the closer looks."""

from __future__ import annotations

import json
import re

import pytest
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Multiselect

from core.cohort.query import CohortQuery, Filter
from core.survival.closer import LOOKS
from tests.pages.conftest import Open
from tests.pages.test_pages import plots, words

pytestmark = pytest.mark.slow
ICB = CohortQuery(("synthetic_a",), (Filter("arm", "in", ("ICB",)),)).key()
CURVES = "Kaplan-Meier"


def titles(test: AppTest) -> list[str]:
    return [element.value for element in test.title]


def covariates(test: AppTest) -> Multiselect:
    return next(box for box in test.multiselect if box.label == "Adjust for")


@pytest.mark.parametrize("look", list(LOOKS))
def test_every_look_opens_or_says_why_not(open_page: Open, look: str) -> None:
    test = open_page("survival", cohort=ICB, predictor="tmb", look=look)
    assert not test.exception
    said = words(test)
    assert "patients with a higher TMB" in said or "Not shown here" in said
    if look == "competing":
        assert "cause of death is not known" in said.lower()
        assert "Not measured here" in said
        assert len(plots(test)) == 2
    else:
        assert len(plots(test)) == 3
        assert "SYNTHETIC DATA" in json.dumps(plots(test)[2])


def test_a_look_that_fails_leaves_the_page_standing(open_page: Open) -> None:
    alive = CohortQuery(("synthetic_a",), (Filter("arm", "in", ("ICB",)), Filter("os_event", "in", ("false",)))).key()
    test = open_page("survival", cohort=alive, compare="sex", look="constancy")
    assert not test.exception
    said = words(test)
    assert "no events" in said
    assert "nobody has had an event yet" in said.lower()
    assert CURVES in said


def test_comparing_by_a_column_asks_another_question(open_page: Open) -> None:
    assert titles(open_page("survival", cohort=ICB)) == ["Do patients predicted to respond live longer?"]
    test = open_page("survival", cohort=ICB, compare="phenotype")
    assert titles(test) == ["Does overall survival differ by immune phenotype?"]
    assert "over 3 groups" in words(test)
    labels = [box.label for box in test.selectbox]
    assert "Predictor" not in labels
    assert "Compare by" in labels


def test_more_options_come_from_the_link(open_page: Open) -> None:
    mixed = CohortQuery(("synthetic_c",), (Filter("arm", "in", ("ICB",)),)).key()
    test = open_page("survival", cohort=mixed, predictor="tmb", strata="cancer_type", landmark="3", test="gehan", interval="log", look="mean")
    assert not test.exception
    said = re.sub("<[^>]+>", "", words(test))
    for part in ("stratified by cancer type", "The clock starts at 3 months", "Gehan-Wilcoxon", "band (log)", "left out"):
        assert part in said, part


def test_covariates_live_in_the_link(open_page: Open) -> None:
    test = open_page("survival", cohort=ICB, predictor="tmb", look="hazards", adjust="sex,nonsense")
    assert not test.exception
    assert covariates(test).value == ["sex"]
    assert "Adjusted for sex, " in words(test)
    test = covariates(test).set_value(["sex", "age_years"]).run()
    assert test.query_params["adjust"] == "sex,age_years"
    assert "Adjusted for sex and age, " in words(test)
    test = covariates(test).set_value([]).run()
    assert test.query_params["adjust"] == "none"
    assert "Not adjusted, " in words(test)


@pytest.mark.parametrize("wrong", [{"compare": "shoe_size"}, {"look": "palmistry"}, {"landmark": "7"}, {"test": "student"}, {"horizon": "13", "look": "mean"}])
def test_a_wrong_link_is_put_right(open_page: Open, wrong: dict[str, str]) -> None:
    test = open_page("survival", cohort=ICB, **wrong)
    assert not test.exception
    assert "which is not offered here" in words(test)
    assert CURVES in words(test)

"""Alarms: each is raised by what it is about, says a number, and stays silent elsewhere."""

from __future__ import annotations

import numpy as np
import pytest

from core.cohort.overlap import shared_patients
from core.cohort.query import CohortQuery, Filter
from core.errors import UnknownName
from core.response.alarms import KINDS, alarms, of_auc, of_definition, of_events, of_overlap
from core.response.roc import curve
from data.store import Store
from tests.core.cohort.test_overlap import people, planted


def test_auc_of_one_zero_and_without_interval() -> None:
    y = np.array([True] * 4 + [False] * 4)
    top, bottom = of_auc(curve(np.arange(8)[::-1], y).auc)[0], of_auc(curve(np.arange(8), y).auc)[0]
    assert "AUC of 1 in 8 patients" in top.text
    assert "AUC of 0 in 8 patients" in bottom.text
    assert top.kind == "auc"
    assert "no usable interval" in of_auc(curve(np.ones(8), y).auc)[0].text
    assert "no usable interval" in of_auc(curve([1.0, 2, 0], [True, False, False]).auc)[0].text
    assert of_auc(curve([3.0, 1, 2, 0, 1, 2, 3, 0], y).auc) == []
    assert of_auc(curve([3.0, 1], [True, True]).auc) == []


def test_few_events() -> None:
    assert of_events(10, 20) == []
    assert of_events(0, 0) == []
    assert "9 responders" in of_events(9, 60)[0].text
    assert "3 non-responders" in of_events(57, 60)[0].text
    assert "2 responders and 4 non-responders" in of_events(2, 6)[0].text


def test_definitions_that_use_time() -> None:
    assert of_definition("RECIST CR or PR against SD or PD", study="x") == []
    assert of_definition("", study="x") == []
    assert of_definition("RECIST CR or PR within 6 months", study="x") == []
    for text in (
        "clinical benefit (no RECIST published)",
        "CR, PR, or SD with PFS over 6 months",
        "CR, PR or stable for at least 24 weeks",
        "overall survival over 1 year",
    ):
        assert text in of_definition(text, study="x")[0].text


def test_shared_patients() -> None:
    a, b = people(200, 1), people(150, 2, prefix="b")
    assert of_overlap(shared_patients(a, b), label="LORIS", training="A") == []
    said = of_overlap(shared_patients(a, planted(a, b, 9)), label="LORIS", training="A")[0]
    assert said.kind == "shared"
    assert "9 patients of 150 look like patients of A" in said.text


def test_store_and_unknown_predictor(synthetic_store: Store) -> None:
    found = alarms(synthetic_store, CohortQuery(("synthetic_a",)), "elastic_net")
    assert all(a.kind in KINDS and a.text.endswith(".") for a in found)
    with pytest.raises(UnknownName):
        alarms(synthetic_store, CohortQuery(("synthetic_a",)), "magic")


@pytest.mark.realdata
def test_loris_and_nathanson(real_store: Store) -> None:
    whole = alarms(real_store, CohortQuery(("loris",)), "loris")
    assert {a.kind for a in whole} == {"trained", "shared"}
    assert "964 patients" in whole[0].text
    assert any(a.text.startswith("Vanguri: ") for a in whole)
    assert (
        alarms(real_store, CohortQuery(("loris",), (Filter("cohort", "in", ("Chowell_test", "MSK1")),)), "loris") == ()
    )
    assert {a.kind for a in alarms(real_store, CohortQuery(("nathanson2017",)), "elastic_net")} == {"events", "label"}

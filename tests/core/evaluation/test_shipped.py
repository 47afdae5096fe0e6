"""Shipped models as entries: who may teach, heads refitted on a fixed transformer, and a cohort that every model saw."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.errors import NotMeasured
from core.evaluation import compare as comparing
from core.evaluation import shipped
from core.evaluation.compare import Material, figure
from core.speakers import Speakers
from models.bundle import Bundle
from models.config import Config
from models.inputs import Inputs, Labels
from models.multimodal import Arrays

TINY = Config(dim=8, layers=1, heads=2, inner=8, gene_dim=2, seeds=1)


def test_readers_are_treated_patients_with_the_outcome_or_tcga_with_expression(material: Material) -> None:
    cohorts = np.asarray(material.inputs.cohorts)
    treated = shipped.readers(material.inputs, material.labels, "response", tcga=False)
    assert set(cohorts[treated]) == {"imvigor210/IMvigor210", "liu2019/Liu", "riaz2017/Riaz", "loris/Chowell"}
    assert all(name.startswith("tcga/") for name in cohorts[shipped.readers(material.inputs, material.labels, "os", tcga=True)])
    nobody = replace(material.labels, response=np.full_like(material.labels.response, np.nan))
    assert not shipped.readers(material.inputs, nobody, "response", tcga=False).any()


def asked(material: Material) -> tuple[Any, dict[str, Any]]:
    blank: Arrays = shipped.untrained(material.words, TINY)
    rows = np.flatnonzero(shipped.readers(material.inputs, material.labels, "response", tcga=False))
    return material.inputs.take(rows), {"weights_of": lambda _cohort: (blank, TINY)}


def test_refitted_heads_find_what_was_planted_and_nothing_in_shuffled_outcomes(material: Material) -> None:
    treated, common = asked(material)
    entry = shipped.refitted(treated, material.words, "response", **common, within=False)
    blind = shipped.refitted(treated, material.words, "response", **common, within=False, name="blind", without=("expression", "genome"))
    made = comparing.evaluation("unseen_cohorts", material)
    found = comparing.compare(made, material, [entry, blind])
    whole, less = figure(found, "multimodal"), figure(found, "blind")
    assert whole is not None and less is not None
    assert whole["estimate"] > 0.7 > less["estimate"] + 0.05
    chance = comparing.control(made, material, [entry], shuffles=2)
    assert abs(next(row for row in chance if row["cohort"] == "")["estimate"] - 0.5) < 0.12


@pytest.mark.parametrize("endpoint", ["response", "os"])
def test_within_a_cohort_a_patient_is_scored_by_heads_that_never_saw_the_fold(material: Material, endpoint: str) -> None:
    treated, common = asked(material)
    name = "imvigor_response" if endpoint == "response" else "imvigor_survival"
    entry = shipped.refitted(treated, material.words, endpoint, **common, within=True, penalties="both")
    made = comparing.evaluation(name, material, repeats=1)
    split = made.splits[0]
    flipped = relabelled(material.labels, split.test)
    take = material.inputs.take(split.train), material.inputs.take(split.test)
    one = entry.score(take[0], material.labels.take(split.train), take[1], seed=0)
    other = entry.score(take[0], flipped.take(split.train), take[1], seed=0)
    np.testing.assert_array_equal(one, other)
    assert np.isfinite(one).all() and one.std() > 0


def relabelled(labels: Labels, rows: np.ndarray[Any, Any]) -> Labels:
    response, months = labels.response.copy(), labels.os_months.copy()
    response[rows] = 1 - response[rows]
    months[rows] = 1.0
    return replace(labels, response=response, os_months=months)


def test_a_cohort_that_every_model_saw_has_no_score(material: Material) -> None:
    inputs: Inputs = material.inputs
    document = {"cohorts": list(dict.fromkeys(inputs.cohorts)), "without": []}
    main = Bundle(path=Path("nowhere"), name="m", created="", document=document, tensors={}, weights_sha256="", weights_bytes=0)
    with pytest.raises(NotMeasured, match="every model at hand was trained on liu2019/Liu"):
        shipped.Shipped(known=Speakers(main=main)).unseen("liu2019/Liu")

"""Comparisons on synthetic patients: a planted cause is found, chance is not, and nothing leaks from the judged patients."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.errors import TooFewPatients
from core.evaluation import compare as comparing
from core.evaluation import record, simple
from core.evaluation.compare import NAMES, Material, figure
from core.evaluation.entry import Entry, ablated
from core.evaluation.protocol import out_of_fold, shuffled
from data.schema import EVALUATION
from models.baselines import ridge_signatures
from models.card import ModelError
from models.inputs import Inputs, Labels
from models.protocols import Split
from tests.core.evaluation.conftest import WORDS, patients

FAST = {
    "unseen_cohorts": ("gep", "tmb", "ridge_signatures", "additive_fusion"),
    "imvigor_response": ("tmb", "tmb_clinical", "transferred", "late_fusion"),
    "imvigor_survival": ("clinical", "joint_ridge"),
    "tcga_survival": ("clinical", "pathology", "joint_ridge"),
}


def entries(name: str, keep: tuple[str, ...] | None = None) -> list[Entry]:
    profile = {"G0": 1.0, "G1": 0.5}
    made = (
        simple.response_of_unseen_cohorts(WORDS, profile) if name == "unseen_cohorts"
        else simple.response_within(WORDS, profile) if name == "imvigor_response"
        else simple.survival_within(WORDS, kinds=("clinical", "burden", "expression") if name == "imvigor_survival" else ("clinical", "pathology", "expression"))
    )  # fmt: skip
    return [entry for entry in made if entry.name in (keep or FAST[name])]


@pytest.mark.parametrize("name", NAMES)
def test_every_evaluation_finds_what_is_planted_and_fills_the_table(name: str, material: Material, tmp_path: Path) -> None:
    made = comparing.evaluation(name, material, repeats=1)
    rows = comparing.compare(made, material, entries(name))
    table = record.table(rows)
    assert table.columns == [column.name for column in EVALUATION.columns]
    for entry in entries(name):
        whole = figure(rows, entry.name)
        assert whole is not None
        assert whole["ci_low"] < whole["estimate"] < whole["ci_high"]
        assert whole["estimate"] > 0.5, entry.name
    best = FAST[name][-1]
    assert figure(rows, best)["estimate"] > 0.6  # type: ignore[index]
    path = tmp_path / "evaluation.json"
    record.write(path, rows, about={"database": "synthetic"})
    assert record.read(path).equals(table)
    assert [p.name for p in tmp_path.iterdir()] == ["evaluation.json"]


@pytest.mark.parametrize("name", NAMES)
def test_no_patient_and_no_left_out_cohort_on_both_sides(name: str, material: Material) -> None:
    made = comparing.evaluation(name, material, repeats=2)
    cohorts = np.asarray(material.inputs.cohorts)
    assert made.splits
    for split in made.splits:
        assert not set(split.train) & set(split.test)
        assert len(set(cohorts[split.test])) == 1
        if name == "unseen_cohorts":
            assert not set(cohorts[split.train]) & set(cohorts[split.test])


def test_every_model_repeats(material: Material) -> None:
    made = comparing.evaluation("imvigor_response", material, repeats=1)
    one, two = (comparing.compare(made, material, entries("imvigor_response")) for _ in range(2))
    assert one == two


def test_shuffled_outcomes_are_chance(material: Material) -> None:
    inputs, labels = material.inputs, material.labels
    dealt = shuffled(labels, inputs.cohorts, seed=0)
    for name in set(inputs.cohorts):
        own = np.asarray(inputs.cohorts) == name
        assert np.nansum(dealt.response[own]) == np.nansum(labels.response[own])
        assert sorted(dealt.os_months[own]) == sorted(labels.os_months[own])
    made = comparing.evaluation("unseen_cohorts", material)
    rows = comparing.control(made, material, entries("unseen_cohorts", ("ridge_signatures",)), shuffles=12)
    whole = next(row for row in rows if row["cohort"] == "")
    assert whole["shuffled"]
    assert whole["estimate"] == pytest.approx(0.5, abs=0.05)


class Leaking:
    """A model that would win only if it were shown the outcomes of the patients that it scores."""

    def __init__(self, material: Material) -> None:
        self.outcome = dict(zip(material.inputs.patients, material.labels.response.tolist(), strict=True))
        self.seen: list[set[str]] = []

    def __call__(self, train: Inputs, labels: Labels, test: Inputs, *, seed: int) -> np.ndarray:
        assert not set(train.patients) & set(test.patients)
        self.seen.append(set(test.patients))
        return np.zeros(test.n)


def test_a_model_is_shown_no_judged_patient_while_it_learns(material: Material) -> None:
    leaking = Leaking(material)
    for name in ("unseen_cohorts", "imvigor_response"):
        made = comparing.evaluation(name, material, repeats=1)
        for pool in ("cohort", "treated", "everyone"):
            out_of_fold(Entry(name="x", label="x", score=leaking, pool=pool), material.inputs, material.labels, evaluation=made)
    assert sum(len(s) for s in leaking.seen) > 0


def test_a_column_that_tells_the_outcome_in_the_judged_fold_alone_does_not_help(material: Material) -> None:
    """The column is noise in training and the label in the test fold: a model that learns from training cannot use it."""
    made = comparing.evaluation("imvigor_response", material, repeats=1)
    inputs, labels = material.inputs, material.labels
    rng = np.random.default_rng(0)
    scores = {"clean": np.full((1, int(made.judged.sum())), np.nan), "leak": np.full((1, int(made.judged.sum())), np.nan)}
    place = np.cumsum(made.judged) - 1
    from models.outcome import Outcome

    for split in made.splits:
        train = split.train[made.judged[split.train]]
        for kind in scores:
            x = np.column_stack([inputs.expression, rng.standard_normal(inputs.n)]).astype(float)
            if kind == "leak":
                x[split.test, -1] = labels.response[split.test]
            fitted = ridge_signatures.fit(x[train], Outcome(response=labels.response[train].astype(float)))
            scores[kind][0, place[split.test]] = fitted.score(x[split.test])
    groups = record.groups(made, inputs, labels, scores=scores)
    from core.evaluation.judged import judge

    found = {e.model: e.value for e in judge(groups) if e.cohort == ""}
    assert found["leak"] == pytest.approx(found["clean"], abs=0.06)


def test_outcomes_of_a_left_out_cohort_change_none_of_its_scores(material: Material) -> None:
    made = comparing.evaluation("unseen_cohorts", material)
    flipped = material.labels.response.copy()
    own = np.asarray(material.inputs.cohorts) == "liu2019/Liu"
    flipped[own] = 1 - flipped[own]
    labels = replace(material.labels, response=flipped)
    for entry in entries("unseen_cohorts"):
        one, two = (out_of_fold(entry, material.inputs, given, evaluation=made) for given in (material.labels, labels))
        liu = own[made.judged]
        np.testing.assert_allclose(one[:, liu], two[:, liu], atol=1e-12, err_msg=entry.name)


def test_look_alikes_are_kept_apart(material: Material) -> None:
    twin = (material.inputs.patients[0], material.inputs.patients[-300])
    given = replace(material, alike=replace(material.alike, pairs=(twin,)))
    made = comparing.evaluation("unseen_cohorts", given)
    split = next(s for s in made.splits if s.name == "imvigor210/IMvigor210")
    assert material.inputs.n - 300 not in split.train.tolist()
    assert isinstance(split, Split)


def test_an_ablated_model_sees_nothing_of_that_kind(material: Material) -> None:
    seen: list[Inputs] = []

    def score(train: Inputs, labels: Labels, test: Inputs, *, seed: int) -> np.ndarray:
        seen.extend((train, test))
        return np.zeros(test.n)

    entry = ablated(Entry(name="x", label="X", score=score), WORDS, "expression")
    made = comparing.evaluation("imvigor_response", material, repeats=1)
    out_of_fold(entry, material.inputs, material.labels, evaluation=made)
    assert entry.name == "x - expression"
    assert all(np.isnan(x.expression).all() and np.isfinite(x.numbers).any() for x in seen)


def test_seeds_are_averaged_on_one_scale(material: Material) -> None:
    def score(train: Inputs, labels: Labels, test: Inputs, *, seed: int) -> np.ndarray:
        return np.random.default_rng(seed).standard_normal(test.n) * (1000 if seed >= 100_000 else 1)

    made = comparing.evaluation("imvigor_response", material, repeats=1)
    found = comparing.averaged(made, material, Entry(name="x", label="x", score=score), seeds=(0, 1))
    assert found.std() < 2


def test_too_few_patients_say_so() -> None:
    inputs, labels = patients()
    few = np.arange(0, inputs.n, 9)
    material = Material(inputs=inputs.take(few), labels=labels.take(few), words=WORDS, alike=None)  # type: ignore[arg-type]
    with pytest.raises(TooFewPatients, match="five folds need"):
        comparing.evaluation("imvigor_response", material)


@pytest.mark.parametrize("text", ["", "{}", '{"format": "other", "rows": []}', '{"format": "tmescope evaluation 1", "rows": [{"x": 1}]}', "[1]"])
def test_a_file_that_holds_no_evaluation_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "evaluation.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(record.BadEvaluation, match=r"evaluation\.json"):
        record.read(path)


def test_a_model_that_cannot_be_fitted_is_told_and_the_others_go_on(material: Material) -> None:
    def score(train: Inputs, labels: Labels, test: Inputs, *, seed: int) -> np.ndarray:
        raise ModelError("three genes are too few")

    made = comparing.evaluation("imvigor_response", material, repeats=1)
    said: list[str] = []
    rows = comparing.compare(made, material, [*entries("imvigor_response", ("tmb",)), Entry(name="x", label="x", score=score)], say=said.append)
    assert {row["predictor"] for row in rows} == {"tmb"}
    assert "x is left out: three genes are too few" in said


def test_what_comes_with_the_software_leaves_differences_of_single_cohorts_out() -> None:
    rows = [{"cohort": c, "against": a, "estimate": 0.123456} for c in ("", "Liu") for a in ("", "tmb")]
    kept = record.brief(rows)
    assert [(row["cohort"], row["against"]) for row in kept] == [("", ""), ("", "tmb"), ("Liu", "")]
    assert kept[0]["estimate"] == 0.1235

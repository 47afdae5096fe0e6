"""Who trains and who is judged: no cohort and no patient on both sides."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.card import ModelError
from models.protocols import leave_one_cohort_out, repeated_folds


@given(st.lists(st.sampled_from("abcd"), min_size=6, max_size=40), st.integers(0, 99))
def test_a_cohort_that_is_judged_teaches_nothing(cohorts: list[str], seed: int) -> None:
    judged = np.random.default_rng(seed).random(len(cohorts)) < 0.6
    names = np.asarray(cohorts)
    splits = list(leave_one_cohort_out(cohorts, judged))
    assert sorted(np.concatenate([s.test for s in splits] or [np.empty(0, int)]).tolist()) == np.flatnonzero(judged).tolist()
    for split in splits:
        assert set(names[split.test]) == {split.name}
        assert split.name not in set(names[split.train])


def test_look_alikes_never_teach_for_each_other() -> None:
    cohorts = ["a", "a", "b", "b", "c", "c"]
    splits = {s.name: s for s in leave_one_cohort_out(cohorts, np.ones(6, dtype=bool), alike=[(0, 3), (4, 1)])}
    assert splits["a"].train.tolist() == [2, 5]
    assert splits["b"].train.tolist() == [1, 4, 5]
    assert splits["c"].train.tolist() == [0, 2, 3]


@given(st.integers(30, 80), st.integers(0, 50))
def test_folds_never_split_a_patient(n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    patients = [f"p{number}" for number in rng.integers(0, n // 2, n)]
    judged, happened = rng.random(n) < 0.8, rng.random(n) < 0.4
    ids = np.asarray(patients)
    splits = list(repeated_folds(patients, judged, happened, folds=5, repeats=2, seed=seed))
    for repeat in range(2):
        own = [s for s in splits if s.repeat == repeat]
        assert sorted(np.concatenate([s.test for s in own]).tolist()) == np.flatnonzero(judged).tolist()
    for split in splits:
        assert not set(ids[split.train]) & set(ids[split.test])


def test_repeats_differ_and_seeds_repeat() -> None:
    patients, judged, happened = [f"p{k}" for k in range(50)], np.ones(50, dtype=bool), np.arange(50) % 3 == 0
    one, two = (list(repeated_folds(patients, judged, happened, repeats=2, seed=1)) for _ in range(2))
    assert all((a.test == b.test).all() for a, b in zip(one, two, strict=True))
    assert not np.array_equal(one[0].test, one[5].test)


def test_arrays_of_other_lengths_are_refused() -> None:
    with pytest.raises(ModelError, match="do not fit together"):
        next(leave_one_cohort_out(["a"], np.ones(2, dtype=bool)))
    with pytest.raises(ModelError, match="do not fit together"):
        next(repeated_folds(["a"], np.ones(2, dtype=bool), np.ones(2, dtype=bool)))

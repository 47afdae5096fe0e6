"""The performance page without a browser: one look at a time, quickly, and the same from its link."""

from __future__ import annotations

import time

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from core.response.closer import LOOKS
from tests.pages.conftest import Open

pytestmark = pytest.mark.slow


def words(test: AppTest) -> str:
    return " ".join(element.proto.body for element in test.get("html")).replace("\u00a0", " ")


def chooser(test: AppTest, label: str) -> object:
    return next(box for box in test.selectbox if box.label == label)


def test_looks_change_without_an_exception_and_in_under_half_a_second(open_page: Open) -> None:
    test = open_page("performance", study="synthetic_a", predictor="loris")
    waited = []
    for turn in range(4):
        for look in reversed(LOOKS):
            chooser(test, "Look").set_value(look)  # type: ignore[attr-defined]
            start = time.perf_counter()
            test = test.run()
            waited += [time.perf_counter() - start] if turn else []
            assert not test.exception
            told = "omparison of models" if look == "beside" else 'class="definition"'  # comparisons are of published studies
            assert told in words(test), look
    assert np.percentile(waited, 95) < 0.5, waited


def test_only_the_chosen_look_is_computed(open_page: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    import core.response.closer.look as module

    asked: list[str] = []
    answers = {kind: (lambda *a, kind=kind, own=own, **k: asked.append(kind) or own(*a, **k)) for kind, own in module._ANSWERS.items()}
    monkeypatch.setattr(module, "_ANSWERS", answers)
    test = open_page("performance", study="synthetic_c", predictor="tmb", look="subgroups")
    assert not test.exception
    assert asked == ["subgroups"]


@pytest.mark.parametrize("part", ["look", "on", "fitted"])
def test_a_wrong_part_of_the_link_is_a_sentence(open_page: Open, part: str) -> None:
    test = open_page("performance", study="synthetic_a", predictor="loris", **{"look": "calibration", part: "nonsense"})
    assert not test.exception
    assert 'class="answer"' in words(test)


def test_one_look_is_in_the_link_of_another_study(open_page: Open) -> None:
    first = open_page("performance", study="synthetic_b", predictor="loris", look="calibration")
    assert "Recalibration fitted on" in words(first)
    assert "Synthetic A" in words(first) or "Synthetic study A" in words(first)

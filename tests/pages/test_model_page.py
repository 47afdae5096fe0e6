"""The model-card page without a browser: every predictor from its link, quickly."""

from __future__ import annotations

import time

import numpy as np
import pytest

from models import EVALUATED, MODULES, card
from tests.pages.conftest import Open
from tests.pages.test_performance_page import chooser, words

pytestmark = pytest.mark.slow


def test_every_card_opens_and_changes_in_under_half_a_second(open_page: Open) -> None:
    test = open_page("model", model="tmb")
    assert card("tmb").limits.split(";")[0][:30] in words(test)
    waited = []
    for turn in range(3):
        for name in (*MODULES, *EVALUATED):
            chooser(test, "Predictor").set_value(name)  # type: ignore[attr-defined]
            start = time.perf_counter()
            test = test.run()
            waited += [time.perf_counter() - start] if turn else []
            assert not test.exception
            assert 'class="answer"' in words(test)
    assert np.percentile(waited, 95) < 0.5, waited


def test_a_wrong_predictor_in_the_link_is_no_traceback(open_page: Open) -> None:
    test = open_page("model", model="magic")
    assert not test.exception
    assert 'class="answer"' in words(test)

"""The attribution page: kinds of measurement, faithfulness, one patient, in words."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

Open = Callable[..., AppTest]


@pytest.mark.parametrize("predictor", ["elastic_net", "loris"])
def test_the_page_explains_and_can_be_copied(open_page: Open, predictor: str) -> None:
    page = open_page("attribution", study="synthetic_a", explained=predictor)
    assert not page.exception
    assert [header.value for header in page.header] == ["What kind of measurement, and can it be trusted?", "One patient"]
    texts = [code.value for code in page.code]  # the bar's link is one too
    cohort = next(text for text in texts if text.startswith("In "))
    patient = next(text for text in texts if text.startswith("Patient "))
    assert "out of sample" in cohort
    assert all("no advice on treatment" in text for text in (cohort, patient))
    shown = " ".join(str(part.proto.body) for part in page.get("html"))
    assert "times as much as in a random order" in shown
    assert "What kind of measurement moves" in shown

"""Fixtures of the pages: a page run without a browser, on a database of one's choice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

Open = Callable[..., AppTest]

PAGES = {
    "cohort": "from pages.cohort import overview as module",
    "map": "from pages.tme import map as module",
    "composition": "from pages.tme import composition as module",
    "survival": "from pages.response import survival as module",
    "scan": "from pages.markers import scan as module",
    "cutoff": "from pages.markers import cutoff as module",
    "attribution": "from pages.markers import attribution as module",
    "performance": "from pages.response import performance as module",
    "quality": "from pages.cohort import quality as module",
    "model": "from pages.about import model as module",
    "about": "from pages.about import about as module",
}


@pytest.fixture
def open_page(synthetic_data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Open]:
    """`open_page("survival", study="synthetic_a", split="median")` runs a page with these parts of the URL."""
    monkeypatch.setenv("TMESCOPE_DATA", str(synthetic_data_dir))

    def opened(page: str, **params: str) -> AppTest:
        test = AppTest.from_string(f"{PAGES[page]}\nmodule.page()\n", default_timeout=60)
        for name, value in params.items():
            test.query_params[name] = value
        return test.run()

    yield opened
    st.cache_resource.clear()

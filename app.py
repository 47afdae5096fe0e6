"""TMEscope: contents table of the app."""

from __future__ import annotations

import streamlit as st

from pages.about import about
from pages.cohort import overview, quality
from pages.markers import attribution
from pages.response import performance, survival
from pages.shared import cache, look
from pages.tme import map as tme_map

st.set_page_config(page_title="TMEscope", page_icon=look.ICON, layout="wide")
cache.warm()
look.dress()
st.navigation(
    [overview.PAGE, tme_map.PAGE, survival.PAGE, attribution.PAGE, performance.PAGE, quality.PAGE, about.PAGE], position="top"
).run()

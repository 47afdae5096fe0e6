"""TMEscope: contents table of the app."""

from __future__ import annotations

import streamlit as st

from pages.response import survival
from pages.shared import cache, look

st.set_page_config(page_title="TMEscope", page_icon=look.ICON, layout="wide")
cache.warm()
look.dress()
st.navigation([survival.PAGE], position="top").run()

"""The look beyond .streamlit/config.toml: one style sheet, one icon."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import streamlit as st

from pages.shared.cache import dark

ICON = str(Path(__file__).with_name("icon.svg"))


@cache
def _sheet() -> str:
    return Path(__file__).with_name("look.css").read_text(encoding="utf-8")


def dress() -> None:
    """Title, icon and style sheet, in the reader's theme."""
    st.set_page_config(page_title="TMEscope", page_icon=ICON, layout="wide")
    st.logo(ICON, size="small")
    sheet = _sheet()
    if dark():
        light, _, after = sheet.partition(".dark-theme")
        sheet = f"{light}:root{after}"
    st.html(f"<style>{sheet}</style>")

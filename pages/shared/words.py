"""Running text: paragraphs and the two-line explanations of statistics."""

from __future__ import annotations

from html import escape

import streamlit as st

from core.glossary import TERMS


def paragraph(text: str) -> None:
    """A paragraph of plain text."""
    tied = text.replace("n = ", "n\u00a0=\u00a0")
    st.html(f'<p class="definition">{escape(tied)}</p>')


def note(text: str) -> None:
    """A remark in small type; nothing where there is nothing to say."""
    if text:
        st.html(f'<p class="definition">{escape(text)}</p>')


def caution(text: str) -> None:
    """A calm sentence on what to know before trusting what stands below it."""
    st.html(f'<p class="caution">{escape(text)}</p>')


def glossary() -> None:
    """Every statistic in two lines, with its reference; captions link here."""
    parts = []
    for term in TERMS:
        source = escape(term.reference)
        if term.doi:
            source = f'<a href="https://doi.org/{escape(term.doi, quote=True)}" target="_blank" rel="noopener">{source}</a>'
        parts.append(f'<p class="definition" id="{term.slug}"><strong>{escape(term.name)}.</strong> {escape(term.text)} {source}</p>')
    st.html("".join(parts))

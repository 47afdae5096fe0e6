"""The two-line explanations: complete, short, with a reference, and found in captions."""

from __future__ import annotations

import re

from core.glossary import BY_SLUG, TERMS, spans


def test_every_term_is_short_and_has_its_own_anchor() -> None:
    assert len(BY_SLUG) == len(TERMS)
    for term in TERMS:
        assert re.fullmatch(r"[a-z0-9-]+", term.slug)
        assert 60 <= len(term.text) <= 330, term.slug
        assert term.text.endswith(".")


def test_a_caption_keeps_its_text_and_names_each_term_once() -> None:
    caption = "Kaplan-Meier estimate; two-sided log-rank test. HR: Cox regression; HR again. Median follow-up 20.6 months."
    pieces = spans(caption)
    assert "".join(text for text, _ in pieces) == caption
    named = [term.slug for _, term in pieces if term]
    assert named == ["kaplan-meier", "log-rank-test", "hazard-ratio", "follow-up"]


def test_words_inside_other_words_are_not_terms() -> None:
    assert [term for _, term in spans("THREE shapes of CHROMATIN")] == [None]
    assert spans("") == []

"""The two-line explanations: complete, short, with a reference, and found in captions."""

from __future__ import annotations

import re

import pytest

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


@pytest.mark.parametrize(
    ("phrase", "slug"),
    [
        ("unstable (mean Jaccard overlap over refits under 0.75)", "stability"),
        ("types overlap: mean silhouette 0.12", "silhouette"),
        ("No structure: these patients", "no-structure"),
        ("p = .03, corrected for the choice of clustering", "choice-of-clustering"),
        ("PaCMAP of TME features", "other-layouts"),
        ("Point: probability that a patient of the group has more of it", "mann-whitney"),
        ("Wilcoxon-Mann-Whitney test a gene", "mann-whitney"),
        ("middle half and middle 90% of the rank correlations", "spearman"),
        ("TILs = mean of the standardised scores", "tils-tams"),
        ("Cytotoxicity and exhaustion: mean of the genes' z-scores", "t-cell-states"),
        ("Ridge on the tile around each spot", "ridge"),
        ("the multivariable model is penalised (ridge)", "penalised"),
        ("Diamond: random effects (REML)", "random-effects"),
    ],
)
def test_what_the_map_composition_and_slides_pages_show_has_a_term(phrase: str, slug: str) -> None:
    named = [term.slug for _, term in spans(phrase) if term]
    assert named[:1] == [slug]


def test_words_inside_other_words_are_not_terms() -> None:
    assert [term for _, term in spans("THREE shapes of CHROMATIN")] == [None]
    assert spans("") == []

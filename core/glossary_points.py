"""Glossary, continued: terms of the Cells and Slides pages."""

from __future__ import annotations

from core.term import Term

POINTS: tuple[Term, ...] = (
    Term(
        slug="cross-l", name="Cross-K and cross-L", words=r"[Cc]ross-[KL]|L = sqrt\(K / π\)",
        text="K: how many cells of one type lie within a distance of a cell of another, over their density. L is its square root on the scale of "
        "distances. Pairs near the edge of the field weigh more (translation correction), as some of their partners lie outside.",
        reference="Ripley 1976; Ohser & Stoyan 1981", doi="10.2307/3212829",
    ),
    Term(
        slug="nearest-neighbour-g", name="Nearest-neighbour function G", words=r"[Nn]earest-neighbour function|Kaplan-Meier edge correction",
        text="The share of cells of one type that have one of another within a distance. A cell nearer to the edge of the field than to its neighbour "
        "counts as censored there, as a patient lost to follow-up does.",
        reference="Baddeley & Gill 1997", doi="10.1214/aos/1034276629",
    ),
    Term(
        slug="random-labelling", name="Random labelling", words=r"[Rr]andom labelling",
        text="The null in which cells stay where they are and only their types are dealt anew within each field. Two types that merely share the shape of "
        "the tissue do not pass for attracted.",
        reference="Diggle 2013", doi="10.1201/b15326",
    ),
    Term(
        slug="global-envelope", name="Global envelope", words=r"[Gg]lobal envelope",
        text="A band around the null's mean curve that a curve leaves anywhere, at any distance, with probability 5% under the null. A band made "
        "distance by distance would be left far more often.",
        reference="Myllymäki 2017", doi="10.1111/rssb.12172",
    ),
)  # fmt: skip

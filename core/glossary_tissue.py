"""Glossary of tissue sections: spots, what lies around them, and what lies beside what."""

from __future__ import annotations

from core.term import Term

TISSUE: tuple[Term, ...] = (
    Term(
        slug="bivariate-moran", name="Bivariate Moran's I", words=r"[Bb]ivariate Moran's I",
        text="How far two values go together in neighbouring spots: above 0 where both are high side by side, below 0 where one is high beside the other's "
        "lows. The spot itself is not counted. It is judged against patterns moved as a whole, as neighbours are alike.",
        reference="Wartenberg 1985", doi="10.1111/j.1538-4632.1985.tb00849.x",
    ),
    Term(
        slug="niche", name="Niche", words=r"[Nn]iches?",
        text="A kind of surroundings: spots whose neighbourhood is made of similar cell types, relative to their section. Found by k-means over all sections "
        "of a study; the number is the largest whose niches survive resampling.",
        reference="Schürch 2020", doi="10.1016/j.cell.2020.07.005",
    ),
    Term(
        slug="tertiary-lymphoid-structure", name="Tertiary lymphoid structure", words=r"[Tt]ertiary lymphoid structures?",
        text="An organised aggregate of B and T cells in tissue that is no lymph node. Here: a peak of B-cell, T-cell and 12-chemokine expression, a candidate "
        "that a pathologist has to confirm.",
        reference="Coppola 2011", doi="10.1016/j.ajpath.2011.03.007",
    ),
    Term(
        slug="consensus-clustering", name="Consensus clustering", words=r"[Cc]onsensus clustering",
        text="Many groupings vote on which spots belong together; clusters are cut from the votes. Here the groupings differ in smoothing, number of groups and "
        "start, and all use every spot: how often they agree is a cluster's stability to those, not to other spots. The number of clusters is fixed.",
        reference="after Monti 2003", doi="10.1023/A:1023949509487",
    ),
)  # fmt: skip

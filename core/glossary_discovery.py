"""Glossary, continued: terms of cohort mixing, TME types in words, and rules that carry over."""

from __future__ import annotations

from core.term import Term

DISCOVERY: tuple[Term, ...] = (
    Term(
        slug="kbet", name="kBET acceptance", words=r"kBET(?: acceptance)?",
        text="Share of patients whose nearest neighbours come from the cohorts in the shares that these have overall (Pearson's chi-squared test, .05). "
        "About 95% where cohorts are fully mixed, 0 where they lie apart.",
        reference="Buettner 2019", doi="10.1038/s41592-018-0254-1",
    ),
    Term(
        slug="lisi", name="iLISI and cLISI", words=r"iLISI|cLISI",
        text="The effective number of different labels among a patient's neighbours: cohorts (iLISI, more is better mixed) or kinds of "
        "microenvironment (cLISI, 1 keeps them apart). Mixing is iLISI scaled from 0, cohorts apart, to 1, dealt at random.",
        reference="Korsunsky 2019", doi="10.1038/s41592-019-0619-0",
    ),
    Term(
        slug="combat", name="ComBat", words=r"ComBat",
        text="Takes each cohort's shift and scale of every feature away, shrunk towards what the cohort's features have in common. True "
        "differences between cohorts go too, as it is told of no label.",
        reference="Johnson 2007", doi="10.1093/biostatistics/kxj037",
    ),
    Term(
        slug="harmony", name="Harmony-like correction", words=r"Harmony(?:-like)?",
        text="Groups patients softly so that every group holds all cohorts, and takes each cohort's shift away within each group, over and "
        "over. Unlike ComBat the shift may differ between kinds of patients. Written anew after the paper.",
        reference="Korsunsky 2019", doi="10.1038/s41592-019-0619-0",
    ),
    Term(
        slug="ridge", name="Ridge regression", words=r"[Rr]idge",
        text="A linear model whose coefficients are pulled towards 0, so that many features that go together can be used with few patients. How hard "
        "it pulls is fixed beforehand or chosen on the training patients alone.",
        reference="Hoerl & Kennard 1970", doi="10.1080/00401706.1970.10488634",
    ),
    Term(
        slug="balanced-accuracy", name="Balanced accuracy", words=r"[Bb]alanced accuracy",
        text="The mean of the share of a group that a rule finds and the share of the others that it leaves out. 0.5 is what a coin gives, "
        "1 a perfect rule, however large the group.",
        reference="Brodersen 2010", doi="10.1109/ICPR.2010.764",
    ),
    Term(
        slug="tme-type-names", name="Immune-enriched, fibrotic, desert", words=r"[Ii]mmune-enriched(?: fibrotic)?",
        text="Names of TME types by a fixed rule. A theme is high a quarter of a standard deviation above the cohort's mean: T cells high is "
        "immune-enriched, stroma high fibrotic, both immune-enriched fibrotic. Desert: T cells as much below, stroma not high. Else mixed. "
        "Bagaev's own types are found otherwise.",
        reference="after Bagaev 2021", doi="10.1016/j.ccell.2021.04.014",
    ),
)  # fmt: skip

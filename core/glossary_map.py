"""Glossary, continued: terms of the TME map and of groups drawn on it."""

from __future__ import annotations

from core.term import Term

MAP: tuple[Term, ...] = (
    Term(
        slug="trustworthiness", name="Trustworthiness, neighbours kept", words=r"[Tt]rustworthiness|[Nn]eighbours kept",
        text="How far a two-dimensional picture keeps who is near whom. Trustworthiness: 1 = nobody looks near who is not, about 0.5 by "
        "chance. Neighbours kept: the share of a patient's nearest in the feature space who are nearest in the picture too.",
        reference="Venna & Kaski 2001", doi="10.1007/3-540-44668-0_68",
    ),
    Term(
        slug="selected-by-eye", name="Selected by eye", words=r"[Ss]elected by eye",
        text="A group outlined on a picture was chosen after looking. A test that compares it with the rest does not know of the choice, "
        "so that its p value is too small. What holds in another cohort, by a rule fixed beforehand, can be trusted.",
        reference="Kriegeskorte 2009", doi="10.1038/nn.2303",
    ),
    Term(
        slug="stability", name="Stability, Jaccard overlap", words=r"[Ss]tability|Jaccard overlap",
        text="How much of a group is found again when patients are resampled and grouped afresh: members shared with its best match, over members of "
        "either, on average. 1: the same group every time. Under .75 it is unstable; do not lean on it.",
        reference="Hennig 2007", doi="10.1016/j.csda.2006.11.025",
    ),
    Term(
        slug="silhouette", name="Silhouette", words=r"[Ss]ilhouette",
        text="How much nearer a patient lies to the own type than to the next one: 1 well inside, 0 on the border, below 0 nearer to another. A mean "
        "under .25 says that types run into each other.",
        reference="Rousseeuw 1987", doi="10.1016/0377-0427(87)90125-7",
    ),
    Term(
        slug="no-structure", name="Test of one group, no structure", words=r"[Tt]est of one group|[Nn]o structure",
        text="Whether a mixture of groups describes the patients better than it describes tables made of one group, with the same correlations and "
        "tails or the same margins. Where it does not, no types are shown. That is no proof that there are none.",
        reference="after Liu 2008 (SigClust)", doi="10.1198/016214508000000454",
    ),
    Term(
        slug="choice-of-clustering", name="Corrected for the choice of clustering", words=r"[Cc]orrected for the choice of clustering|max-type",
        text="Who may look at several clusterings sees the one that splits the outcome best. The p value compares it with the best of all on offer in "
        "each of many tables with the outcomes dealt anew.",
        reference="Westfall & Young 1993, Resampling-Based Multiple Testing",
    ),
    Term(
        slug="other-layouts", name="Principal components, PaCMAP", words=r"[Pp]rincipal components|PaCMAP",
        text="Other pictures than UMAP. Principal components: the two directions in which patients differ most, a shadow in which distances are never "
        "too long. PaCMAP keeps near, middle and far pairs in view; its distances mean little, as UMAP's.",
        reference="Wang 2021", doi="10.48550/arXiv.2012.04456",
    ),
)  # fmt: skip

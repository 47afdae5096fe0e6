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
)  # fmt: skip

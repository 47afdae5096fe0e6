"""Glossary, continued: terms of what makes a prediction trustworthy."""

from __future__ import annotations

from core.term import Term

TRUST: tuple[Term, ...] = (
    Term(
        slug="conformal-sets", name="Conformal sets", words=r"[Cc]onformal sets?|[Cc]onformal",
        text="Instead of one call, the set of outcomes that a patient's probability does not rule out: responder, non-responder, either or "
        "none. With other patients of the same population to calibrate on, it holds the truth as often as promised, however poor the model.",
        reference="Vovk 2005; Angelopoulos & Bates 2023", doi="10.1561/2200000101",
    ),
    Term(
        slug="class-conditional", name="One threshold a class (Mondrian)", words=r"[Oo]ne threshold a class|[Cc]lass-conditional",
        text="Conformal sets calibrated in responders and in non-responders each, so that the promise holds in both. One threshold for all "
        "keeps it on average, mostly at the cost of the rarer class.",
        reference="Vovk 2012", doi="10.1007/978-3-642-28395-6_3",
    ),
    Term(
        slug="unlike-training", name="Unlike the training patients", words=r"Mahalanobis distance|[Oo]ut of distribution",
        text="How far a patient's measurements lie from those of the patients who trained a model. Past the distance that 95% of these keep "
        "from each other, the model extrapolates, and saying nothing may be better.",
        reference="Lee 2018; Bates 2023", doi="10.1214/22-AOS2244",
    ),
    Term(
        slug="risk-coverage", name="Risk-coverage curve", words=r"[Rr]isk-coverage curve",
        text="How good the predictions are among those kept when the strangest patients are left unpredicted. A level curve says that "
        "abstaining gains nothing; one that rises towards fewer patients, that it does.",
        reference="El-Yaniv & Wiener 2010, J Mach Learn Res 11:1605",
    ),
    Term(
        slug="equal-opportunity", name="Equal opportunity", words=r"[Ee]qual opportunity",
        text="Responders of every subgroup have the same chance of being called responders. Where response rates differ, this, equal "
        "predictive values and equal calibration cannot all hold at once.",
        reference="Hardt 2016; Chouldechova 2017", doi="10.1089/big.2016.0047",
    ),
    Term(
        slug="recommended", name="Recommended predictor", words=r"Recommended",
        text="The most complex predictor that is shown to beat every simpler one on the patients who have both (each paired 95% interval "
        "above 0); none if it is not shown to beat chance. All must be beaten, so their number needs no correction.",
        reference="Berger 1982", doi="10.1080/00401706.1982.10487790",
    ),
)  # fmt: skip

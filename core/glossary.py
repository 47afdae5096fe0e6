"""Glossary: what each statistic on the pages means, in two lines, with its reference."""

from __future__ import annotations

import re

from core.glossary_analysis import ANALYSIS
from core.glossary_cells import CELLS
from core.glossary_discovery import DISCOVERY
from core.glossary_map import MAP
from core.glossary_points import POINTS
from core.glossary_tissue import TISSUE
from core.glossary_trust import TRUST
from core.term import Term

TERMS: tuple[Term, ...] = (
    Term(
        slug="response-rate", name="Response rate", words=r"[Rr]esponse rate",
        text="Share of evaluable patients whose best response is complete (CR) or partial (PR), against stable (SD) or "
        "progressive disease (PD). Patients without an evaluation are left out, not counted as non-responders.",
        reference="Eisenhauer 2009, RECIST 1.1", doi="10.1016/j.ejca.2008.10.026",
    ),
    Term(
        slug="wilson-interval", name="Wilson interval", words=r"Wilson interval(?:s)?",
        text="A 95% confidence interval for a share. Unlike the textbook interval it stays between 0 and 1 and holds its "
        "coverage for small n.",
        reference="Wilson 1927", doi="10.1080/01621459.1927.10502953",
    ),
    Term(
        slug="confidence-interval", name="95% confidence interval (CI)", words=r"95% CI",
        text="The range of true values that the data do not contradict at the 5% level: over many studies, 95% of such "
        "intervals hold the true value. Wide intervals mean few patients or events.",
        reference="Gardner & Altman 1986", doi="10.1136/bmj.292.6522.746",
    ),
    Term(
        slug="p-value", name="p value", words=r"p value",
        text="How often a difference at least as large would arise if there were none. It measures neither the size nor the "
        "importance of an effect; look at the interval.",
        reference="Wasserstein & Lazar 2016", doi="10.1080/00031305.2016.1154108",
    ),
    Term(
        slug="kaplan-meier", name="Kaplan-Meier estimate", words=r"Kaplan-Meier",
        text="The share of patients still free of the event after a time, with censored patients counted while they were "
        "followed. The band is pointwise; it is drawn only while at least 10% of a group are at risk.",
        reference="Kaplan & Meier 1958", doi="10.1080/01621459.1958.10501452",
    ),
    Term(
        slug="log-rank-test", name="Log-rank test", words=r"[Ll]og-rank(?: test)?",
        text="Tests whether hazards are equal in all groups at all times, from observed against expected events. It has most "
        "power when the hazards are proportional, and says nothing about the size of a difference.",
        reference="Peto & Peto 1972", doi="10.2307/2344317",
    ),
    Term(
        slug="hazard-ratio", name="Hazard ratio (HR), Cox regression", words=r"HR|[Hh]azard ratio",
        text="The ratio of event rates of two groups, taken as constant over time; under 1 means later events in the first "
        "group. Ties are handled by Efron's method; unadjusted unless said otherwise, so it is an association, not an effect.",
        reference="Cox 1972; Efron 1977", doi="10.1080/01621459.1977.10480613",
    ),
    Term(
        slug="median-survival", name="Median survival", words=r"[Mm]edian (?:overall )?survival",
        text="The time at which the curve falls to one half, with a Brookmeyer-Crowley interval. “Not reached” means that more "
        "than half of the group were event-free when follow-up ended.",
        reference="Brookmeyer & Crowley 1982", doi="10.2307/2530286",
    ),
    Term(
        slug="follow-up", name="Median follow-up, reverse Kaplan-Meier", words=r"[Mm]edian follow-up|reverse Kaplan-Meier",
        text="How long patients were observed, estimated with censoring as the event, so that early deaths do not shorten it.",
        reference="Schemper & Smith 1996", doi="10.1016/0197-2456(96)00075-X",
    ),
    Term(
        slug="auc", name="AUC, area under the ROC curve", words=r"AUC",
        text="The chance that a responder, picked at random, scores higher than a non-responder; .5 is a coin, 1 is perfect. "
        "The interval is DeLong's. It says how patients are ordered, not whether a probability is right.",
        reference="DeLong 1988", doi="10.2307/2531595",
    ),
    Term(
        slug="calibration", name="Calibration slope and intercept", words=r"[Cc]alibration|logistic recalibration",
        text="Whether predicted probabilities come true: the log-odds of response regressed on the predicted log-odds. Slope 1 "
        "and intercept 0 are ideal; a slope under 1 means predictions that are too extreme.",
        reference="Cox 1958; Van Calster 2019", doi="10.1186/s12916-019-1466-7",
    ),
    Term(
        slug="brier-score", name="Brier score", words=r"Brier(?: score)?",
        text="Mean squared distance between predicted probability and outcome (0 is perfect). Compare it with the score of "
        "predicting the response rate for everyone; a model that does not beat it predicts no better than the prevalence.",
        reference="Brier 1950", doi="10.1175/1520-0493(1950)078<0001:VOFEIT>2.0.CO;2",
    ),
    Term(
        slug="calibration-error", name="Expected calibration error", words=r"[Ee]xpected calibration error",
        text="The mean gap between predicted probability and observed response rate over bins of about equal size, weighted "
        "by patients.",
        reference="Naeini 2015", doi="10.1609/aaai.v29i1.9602",
    ),
    Term(
        slug="out-of-sample", name="Out-of-sample, cross-fitted, in-sample",
        words=r"[Oo]ut-of-sample|[Cc]ross-fitted|[Oo]ut-of-fold|[Ii]n-sample|leave one cohort out",
        text="A prediction is out-of-sample when the model never saw the patient: a published formula, a model fitted on other "
        "cohorts, or cross-fitting (each fold predicted by a model fitted on the others). In-sample scores flatter a model and "
        "are never shown as performance.",
        reference="Stone 1974", doi="10.1111/j.2517-6161.1974.tb00994.x",
    ),
    Term(
        slug="published-cut", name="Published cut", words=r"[Pp]ublished cut",
        text="A threshold fixed before these patients were seen. A cut chosen on the same patients makes any p value too small, "
        "so TMEscope offers published cuts and quantiles, and no “best” cut.",
        reference="Altman 1994", doi="10.1093/jnci/86.11.829",
    ),
    Term(
        slug="shap", name="SHAP value", words=r"SHAP(?: value(?:s)?)?",
        text="How much a feature moved one patient's prediction from the average, in log-odds; base value plus all SHAP values is "
        "the prediction. It explains the model, not the biology: correlated features share their credit.",
        reference="Lundberg & Lee 2017", doi="10.48550/arXiv.1705.07874",
    ),
    Term(
        slug="null-model", name="Beats the null", words=r"[Bb]eat(?:s)? the null|shuffled (?:labels|response)",
        text="A feature counts only when its mean absolute SHAP value is above the 95th percentile of models refitted to shuffled "
        "responses. Features that do not reach it are greyed: noise of this size is expected.",
        reference="Altmann 2010", doi="10.1093/bioinformatics/btq134",
    ),
    Term(
        slug="umap", name="UMAP", words=r"UMAP",
        text="A two-dimensional picture that keeps near neighbours near. Distances between groups, their sizes and the axes mean "
        "nothing, and nothing is computed on it: types are found in the feature space.",
        reference="McInnes 2018", doi="10.48550/arXiv.1802.03426",
    ),
    Term(
        slug="tme-type", name="TME type", words=r"TME type(?:s)?",
        text="A group of patients found on standardised signature scores, by whichever of Gaussian mixtures, k-means, Leiden and Ward gives "
        "groups that survive resampling and describe the scores best. No outcome is looked at; names follow a fixed rule.",
        reference="after Hennig 2007; Kass & Raftery 1995", doi="10.1016/j.csda.2006.11.025",
    ),
    Term(
        slug="independence", name="Fisher's exact and chi-squared test",
        words=r"Fisher's exact(?: test)?|Pearson's chi-squared test|Cochran-Armitage(?: trend)?(?: test)?",
        text="Tests whether two groupings are independent. Fisher's for two by two; else Pearson's chi-squared, with a permutation "
        "p value where an expected count is under 5.",
        reference="Agresti 2013, Categorical Data Analysis",
    ),
    Term(
        slug="standardised", name="Standardised score", words=r"[Ss]tandardised|SD within the cohort",
        text="Score minus the mean of its cohort, divided by its standard deviation. Expression units differ between studies, so "
        "scores are compared within a cohort only.",
    ),
    Term(
        slug="synthetic", name="Synthetic data", words=r"[Ss]ynthetic data",
        text="Simulated patients with a planted truth, for trying the app and testing its statistics. Every figure and export that "
        "shows them says so; nothing in them is an observation.",
    ),
    Term(
        slug="paired-delong", name="Paired DeLong test", words=r"[Pp]aired DeLong(?: tests?)?",
        text="Compares the AUCs of two scores on the same patients, so that easy and hard patients count for both alike. Without it, "
        "overlapping intervals say little about a difference.",
        reference="DeLong 1988", doi="10.2307/2531595",
    ),
    Term(
        slug="holm-correction", name="Holm's correction", words=r"Holm(?:-corrected)?",
        text="Raises the p values of several tests so that the chance of any false alarm among them stays under 5%, step by step from "
        "the smallest.",
        reference="Holm 1979", doi="10.2307/4615733",
    ),
    Term(
        slug="average-precision", name="Average precision, precision-recall curve", words=r"[Aa]verage precision|[Pp]recision-recall curves?",
        text="Precision is the share of responders among the patients called; recall the share of all responders who are called. Average "
        "precision is the area under their curve; without information it is the response rate.",
        reference="Boyd, Eng & Page 2013", doi="10.1007/978-3-642-40994-3_29",
    ),
    Term(
        slug="net-benefit", name="Net benefit, decision curve", words=r"[Nn]et benefit|[Dd]ecision curve",
        text="Responders treated less non-responders treated, the latter weighted by the odds of the threshold at which one would just "
        "treat. A score is useful where it lies above treating everybody and treating nobody.",
        reference="Vickers & Elkin 2006", doi="10.1177/0272989X06295361",
    ),
    Term(
        slug="recalibration", name="Recalibration", words=r"[Rr]ecalibration",
        text="The log-odds of a probability are shifted and stretched to agree with what was observed in one cohort, then tested on other "
        "patients. It changes the probabilities, not the order of the patients.",
        reference="Steyerberg 2004", doi="10.1002/sim.1844",
    ),
    Term(
        slug="random-effects", name="Random-effects mean", words=r"[Rr]andom[- ]effects(?: mean| estimate)?",
        text="The average over cohorts whose true values differ. Its interval (Hartung-Knapp) is about that average, not about a single "
        "cohort.",
        reference="Knapp & Hartung 2003", doi="10.1002/sim.1482",
    ),
    Term(
        slug="heterogeneity", name="Heterogeneity, I² and τ²", words=r"I²|τ²|[Hh]eterogeneity",
        text="How much cohorts differ beyond chance: τ² is the variance of the true values between cohorts, I² its share of all the "
        "variance seen.",
        reference="Higgins 2009", doi="10.1111/j.1467-985X.2008.00552.x",
    ),
    Term(
        slug="prediction-interval", name="Prediction interval", words=r"[Pp]rediction interval",
        text="Where the true value of a further cohort like these would lie, 19 times in 20 if many cohorts were pooled; with fewer than "
        "ten it holds less often. Wider than the interval of the mean, and the one that matters at a new hospital.",
        reference="IntHout 2016", doi="10.1136/bmjopen-2015-010247",
    ),
    Term(
        slug="maximally-selected", name="Maximally selected statistic", words=r"[Mm]aximally selected(?: rank)? statistic(?:s)?|corrected for the search",
        text="The best of all cuts of a marker, with a p value for the best of all cuts rather than for one fixed beforehand. "
        "Searching every cut without that correction finds p < .05 in about 40% of markers that say nothing.",
        reference="Hothorn & Lausen 2003", doi="10.1016/S0167-9473(02)00225-6",
    ),
    Term(
        slug="youden-index", name="Youden index", words=r"Youden(?:'s)? index",
        text="Sensitivity plus specificity less 1: 0 for a marker that says nothing, 1 for one that is never wrong. It weighs a missed "
        "responder like a false alarm, which a clinic may not.",
        reference="Youden 1950", doi="10.1002/1097-0142(1950)3:1<32::AID-CNCR2820030106>3.0.CO;2-3",
    ),
    Term(
        slug="optimism", name="Optimism", words=r"[Oo]ptimism",
        text="How much better a searched cut looks on the patients it was searched on than on new ones, estimated by repeating the "
        "search in bootstrap samples and trying each cut on the original patients.",
        reference="Harrell, Lee & Mark 1996", doi="10.1002/(SICI)1097-0258(19960229)15:4<361::AID-SIM168>3.0.CO;2-4",
    ),
    Term(
        slug="restricted-cubic-spline", name="Restricted cubic spline", words=r"[Rr]estricted cubic spline(?:s)?",
        text="A smooth curve for a marker's effect over its whole range, straight beyond the outer knots. Its test of a bend asks whether "
        "a straight line would do; a straight line has no threshold.",
        reference="Harrell 2015", doi="10.1007/978-3-319-19425-7",
    ),
    Term(
        slug="proportional-hazards", name="Proportional hazards, Schoenfeld residuals",
        words=r"[Pp]roportional hazards|(?:[Ss]caled )?Schoenfeld residuals|Grambsch-Therneau test",
        text="A hazard ratio stands for the whole follow-up only when it is the same early and late. Each residual estimates it at one "
        "event; the test asks whether they drift with time. A large p proves nothing when events are few.",
        reference="Grambsch & Therneau 1994", doi="10.1093/biomet/81.3.515",
    ),
    Term(
        slug="c-index", name="Concordance index (C-index)", words=r"[Cc]-index|[Cc]oncordance(?: index)?",
        text="Of two patients whose order of events is known, how often the one with the earlier event had the higher predicted "
        "risk: 0.5 is chance, 1 is always. On the patients that a model was fitted to it is too high.",
        reference="Harrell 1982", doi="10.1001/jama.1982.03320430047030",
    ),
    Term(
        slug="penalised", name="Penalised Cox model (ridge)", words=r"[Pp]enalised|[Rr]idge-Cox",
        text="With fewer than ten events for each coefficient, hazard ratios jump from sample to sample. A penalty pulls them "
        "towards 1, as if each log ratio per standard deviation were drawn from N(0, 1) beforehand.",
        reference="Verweij & van Houwelingen 1994", doi="10.1002/sim.4780132307",
    ),
    Term(
        slug="adjusted-curves", name="Adjusted survival curves (g-formula)", words=r"[Aa]djusted (?:survival )?curves?|g-formula",
        text="For each group, the mean survival that a Cox model predicts had everyone been in it, other covariates as they are. "
        "It takes out differences in what was measured, and in nothing else.",
        reference="Ozenne 2020", doi="10.1002/bimj.201800298",
    ),
    Term(
        slug="censoring-weights", name="AUC and Brier score at a time, weighted for censoring",
        words=r"[Ww]eighted for censoring|[Ii]nverse[- ]probability[- ]of[- ]censoring|IPCW",
        text="How well a score tells those with the event by a time from those still without it. Patients censored before are of "
        "unknown state; others like them are counted more, by the chance of being censored.",
        reference="Blanche 2013; Graf 1999", doi="10.1002/sim.5958",
    ),
    *ANALYSIS,
    *MAP,
    *CELLS,
    *POINTS,
    *TISSUE,
    *TRUST,
    *DISCOVERY,
)  # fmt: skip

BY_SLUG = {term.slug: term for term in TERMS}
_ANY = re.compile("|".join(rf"(?P<t{i}>\b(?:{term.words})\b)" for i, term in enumerate(TERMS)))


def spans(text: str) -> list[tuple[str, Term | None]]:
    """A text cut into pieces, each with the term that it names; a term is marked once, where it first appears."""
    pieces: list[tuple[str, Term | None]] = []
    seen: set[str] = set()
    end = 0
    for match in _ANY.finditer(text):
        term = TERMS[int(str(match.lastgroup)[1:])]
        if term.slug in seen:
            continue
        seen.add(term.slug)
        if match.start() > end:
            pieces.append((text[end : match.start()], None))
        pieces.append((match.group(0), term))
        end = match.end()
    if end < len(text):
        pieces.append((text[end:], None))
    return pieces

"""Glossary, continued: terms of the survival, scan and cut-off pages."""

from __future__ import annotations

from core.term import Term

ANALYSIS: tuple[Term, ...] = (
    Term(
        slug="deletion-insertion", name="Deletion and insertion curves", words=r"[Dd]eletion and insertion(?: curves)?|[Dd]eletion ratios?",
        text="Features are taken away (or put in alone) in the order that an explanation gives, and the move of the output is compared with "
        "that in a random order. A ratio above 1: the explanation names what moves the model.",
        reference="DeYoung 2020", doi="10.18653/v1/2020.acl-main.408",
    ),
    Term(
        slug="kendall-tau", name="Kendall's tau", words=r"Kendall's tau",
        text="How far two rankings agree: 1 the same, 0 as random ones, -1 reversed. Here, of the features' ranking with that of models "
        "fitted to other samples of the patients.",
        reference="Kendall 1945", doi="10.1093/biomet/33.3.239",
    ),
    Term(
        slug="counterfactual", name="Counterfactual, off the manifold", words=r"[Cc]ounterfactual|[Oo]ff the manifold",
        text="The smallest change of a patient's measurements that flips a prediction. It describes the model, not an intervention. Off "
        "the manifold: farther from every patient than 95% of the cohort are from each other, where the model has seen nobody.",
        reference="Wachter 2018", doi="10.2139/ssrn.3063289",
    ),
    Term(
        slug="attention", name="Attention", words=r"[Aa]ttention",
        text="The weight with which a network mixes its inputs. It shows where the network looks, not what moves its output: other weights "
        "can give the same prediction. It is never called importance here.",
        reference="Jain & Wallace 2019", doi="10.18653/v1/N19-1357",
    ),
    Term(
        slug="cohen-kappa", name="Cohen's kappa, positive and negative agreement", words=r"[Kk]appa|PPA|NPA",
        text="How far two assays call the same patients alike, beyond what chance would give (kappa), and the share of the comparator's "
        "positives (PPA) and negatives (NPA) that the other calls alike. Neither assay is the truth.",
        reference="Cohen 1960", doi="10.1177/001316446002000104",
    ),
    Term(
        slug="interaction", name="Treatment by marker interaction", words=r"[Ii]nteraction",
        text="The ratio of a treatment's hazard ratio in marker-high patients to that in marker-low ones. Away from 1, the marker tells who "
        "benefits (predictive); a marker that works alike with and without treatment is prognostic.",
        reference="Ballman 2015", doi="10.1200/JCO.2015.63.3651",
    ),
    Term(
        slug="predictive-value", name="Predictive values and likelihood ratios", words=r"[Pp]redictive values?|[Ll]ikelihood ratios?|PPV|NPV",
        text="The share of positive results that respond (PPV) and of negative ones that do not (NPV); both move with the response rate. A "
        "likelihood ratio is how much a result changes the odds of response, and does not.",
        reference="Altman & Bland 1994", doi="10.1136/bmj.309.6947.102",
    ),
    Term(
        slug="weighted-rank-tests", name="Weighted rank tests", words=r"Gehan-Wilcoxon(?: test)?|Tarone-Ware(?: test)?|Peto-Peto(?: test)?|Fleming-Harrington(?: test)?",
        text="Relatives of the log-rank test that weigh early or late events more. Choose one before looking at the curves: the best of "
        "several p values is too small.",
        reference="Harrington & Fleming 1982", doi="10.1093/biomet/69.3.553",
    ),
    Term(
        slug="landmark", name="Landmark analysis", words=r"[Ll]andmark|clock starts",
        text="The clock starts some months after treatment, with those still at risk then. It answers a conditional question, and lets "
        "groups that form over time, such as responders, be compared without favouring those who lived to be in them.",
        reference="Anderson 1983", doi="10.1200/JCO.1983.1.11.710",
    ),
    Term(
        slug="left-truncation", name="Left truncation", words=r"[Ll]eft truncation",
        text="A patient who came under observation late could not have been seen to die before. Such a patient counts as at risk only from "
        "then on; counting the time before would make survival look too long.",
        reference="Cnaan & Ryan 1989", doi="10.1002/sim.4780081009",
    ),
    Term(
        slug="restricted-mean", name="Restricted mean survival time", words=r"[Rr]estricted mean(?: survival time)?",
        text="The mean number of months free of the event within a horizon: the area under the curve. Its difference needs no constant hazard "
        "ratio, and is about this horizon only.",
        reference="Royston & Parmar 2013", doi="10.1186/1471-2288-13-152",
    ),
    Term(
        slug="competing-events", name="Cumulative incidence, Gray's test", words=r"[Cc]umulative incidence|Gray's test|Aalen-Johansen",
        text="The probability of an event by a time when another event can come first (Aalen-Johansen estimate). Gray's test compares it "
        "between groups; one minus a Kaplan-Meier curve would overstate it.",
        reference="Gray 1988", doi="10.1214/aos/1176350951",
    ),
    Term(
        slug="e-value", name="E-value", words=r"E-value",
        text="How strongly something unmeasured would have to go with both the group and the outcome, as a risk ratio each, to explain an "
        "association away. It says how much confounding it takes, not whether there is any.",
        reference="VanderWeele & Ding 2017", doi="10.7326/M16-2607",
    ),
    Term(
        slug="false-discovery-rate", name="False discovery rate", words=r"[Ff]alse discovery rate|Benjamini-Hochberg",
        text="Of the markers called at a false discovery rate of 10%, about one in ten is expected to be a chance finding. It grows "
        "with the number of tests, so that thousands of markers need far smaller p values than one.",
        reference="Benjamini & Hochberg 1995", doi="10.1111/j.2517-6161.1995.tb02031.x",
    ),
    Term(
        slug="odds-ratio", name="Odds ratio", words=r"[Oo]dds ratio(?:s)?",
        text="The odds of response (responders per non-responder) in one group over those in another, or per standard deviation "
        "of a marker. Over 1: more response. It lies farther from 1 than the ratio of response rates.",
        reference="Bland & Altman 2000", doi="10.1136/bmj.320.7247.1468",
    ),
    Term(
        slug="winners-curse", name="Winner's curse", words=r"winner's curse",
        text="An effect picked because it was the largest of many is overestimated: part of its size is the luck that had it picked. "
        "In other patients it shrinks.",
        reference="Ioannidis 2008", doi="10.1097/EDE.0b013e31818131e7",
    ),
    Term(
        slug="family-wise", name="Family-wise p (maximum statistic)", words=r"Family-wise p|maximum statistic",
        text="How often the strongest of all markers would look this strong if outcomes were shuffled among the patients. Under 5%: "
        "unlikely to be the best of many chance findings, whatever the correlations between markers.",
        reference="Westfall & Troendle 2008", doi="10.1002/bimj.200710456",
    ),
    Term(
        slug="score-test", name="Score test", words=r"score test(?:s)?",
        text="Tests whether a marker goes with what the model without it leaves unexplained. It needs no fit, and a few outlying "
        "values cannot make it significant as they can a Wald test.",
        reference="Therneau 1990", doi="10.1093/biomet/77.1.147",
    ),
)  # fmt: skip

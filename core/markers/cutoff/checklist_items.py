"""Checklist items: REMARK (20 items) and STARD 2015 (30 items), each in a few words of our own.

Altman 2012, doi 10.1371/journal.pmed.1001216; Bossuyt 2015, doi 10.1136/bmj.h5527.
"""

from __future__ import annotations

from collections.abc import Mapping

REMARK: Mapping[str, str] = {
    "1": "Marker, objectives and hypotheses set beforehand",
    "2": "Patients: stage, source, who was eligible",
    "3": "Treatments, and how they were chosen",
    "4": "Specimens: kind, how kept",
    "5": "Assay: method, quality, scoring blind to outcome",
    "6": "How cases were selected; period and length of follow-up",
    "7": "Definition of every endpoint",
    "8": "All variables that were looked at",
    "9": "Why this sample size",
    "10": "Statistical methods, missing values included",
    "11": "How marker values were used; how the cut-off was found",
    "12": "Flow of patients, events, reasons for leaving",
    "13": "Distribution of baseline variables and of the marker",
    "14": "Marker against standard prognostic variables",
    "15": "Univariable effect of the marker, with interval",
    "16": "Multivariable effects, with intervals",
    "17": "Marker beside the standard variables, whatever their significance",
    "18": "Assumptions, sensitivity and internal validation",
    "19": "Results against the hypotheses; limitations",
    "20": "What follows for research and care",
}
STARD: Mapping[str, str] = {
    "1": "Title names it a study of accuracy",
    "2": "Structured abstract",
    "3": "Background, intended use and role of the test",
    "4": "Objectives and hypotheses",
    "5": "Data collected before or after the tests were planned",
    "6": "Who was eligible",
    "7": "How eligible patients were found",
    "8": "Where and when",
    "9": "Consecutive, random or convenience series",
    "10": "Index test and reference standard, to be repeatable",
    "11": "Why this reference standard",
    "12": "Cut-offs: definition, and fixed beforehand or explored",
    "13": "Readers blind to the other test and to the patient",
    "14": "How accuracy was estimated or compared",
    "15": "How indeterminate results were handled",
    "16": "How missing results were handled",
    "17": "Variation of accuracy, planned or explored",
    "18": "Intended sample size, and why",
    "19": "Flow of patients",
    "20": "Baseline characteristics",
    "21": "Severity of disease; other diagnoses",
    "22": "Time and treatment between test and reference",
    "23": "Cross-tabulation of test and reference",
    "24": "Accuracy with 95% intervals",
    "25": "Harm from the tests",
    "26": "Limitations",
    "27": "What follows for practice; intended use",
    "28": "Registration number",
    "29": "Where the protocol is",
    "30": "Funding",
}
ITEMS: Mapping[str, Mapping[str, str]] = {"remark": REMARK, "stard": STARD}
"""Guideline -> item number -> topic."""

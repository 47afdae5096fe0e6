"""Checklist: what REMARK and STARD ask for, filled from the lock, its validation and the studies; the rest marked missing.

Altman 2012, doi 10.1371/journal.pmed.1001216; Bossuyt 2015, doi 10.1136/bmj.h5527.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from core.cohort.provenance import provenance
from core.cohort.query import CohortQuery
from core.errors import UnknownName
from core.figures import words
from core.figures.chart import Chart, Provenance
from core.figures.checklist import checklist as checklist_figure
from core.markers import marker as markers
from core.markers.cutoff.admission import ENDPOINT_WORDS
from core.markers.cutoff.checklist_items import ITEMS
from core.markers.cutoff.derivation import RULES
from core.markers.cutoff.ledger import Ledger, Record
from core.markers.cutoff.performance import performance_from
from core.markers.cutoff.required import sizes
from core.markers.cutoff.shown import side
from core.markers.cutoff.validation import Validation, validations
from core.version import software_version
from data.store import Store

GUIDELINES: Mapping[str, str] = {"remark": "REMARK", "stard": "STARD 2015"}
SOURCES = {
    "remark": "REMARK: Altman 2012, doi 10.1371/journal.pmed.1001216; topics in our own words.",
    "stard": "STARD 2015: Bossuyt 2015, doi 10.1136/bmj.h5527; topics in our own words.",
}
Entry = tuple[str, str]
"""(status, text); statuses as in `core.figures.checklist.STATUS`."""
MISSING: Entry = ("missing", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the app knows of a lock: its record, its first validation, and the studies of both, by key."""

    lock: Record
    validation: Validation | None
    studies: Mapping[str, Mapping[str, Any]]

    @property
    def facts(self) -> Mapping[str, Any]:
        return self.lock.content

    def of(self, query: CohortQuery, column: str) -> str:
        """A column of the study table for a cohort's studies, in words."""
        return words.listing([str(self.studies[s][column]) for s in query.studies if self.studies.get(s, {}).get(column)])

    @property
    def derivation(self) -> CohortQuery:
        return CohortQuery.from_key(str(self.facts["cohort"]))

    @property
    def cohorts(self) -> list[tuple[str, CohortQuery]]:
        """The cohorts in play, each with what it was for."""
        other = [("validation", self.validation.cohort)] if self.validation is not None else []
        return [("derivation", self.derivation), *other]

    def each(self, column: str) -> str:
        """A column for derivation and validation, said once where they are the same."""
        found = {role: self.of(query, column) for role, query in self.cohorts}
        if len(set(found.values())) == 1:
            return next(iter(found.values()))
        return "; ".join(f"{role}: {text}" for role, text in found.items() if text)


def items(guideline: str, known: Known | None) -> pl.DataFrame:
    """The items of a guideline: item, topic, status, text.

    Parameters
    ----------
    guideline : key of GUIDELINES. known : None = nothing is locked, so that everything is missing.

    Raises
    ------
    UnknownName
        There is no such guideline.
    """
    if guideline not in ITEMS:
        raise UnknownName(f"there is no guideline '{guideline}'; choose one of {', '.join(GUIDELINES)}")
    answers = {} if known is None else (_remark(known) if guideline == "remark" else _stard(known))
    rows = [(item, topic, *answers.get(item, MISSING)) for item, topic in ITEMS[guideline].items()]
    return pl.DataFrame(rows, schema=["item", "topic", "status", "text"], orient="row")


def known_of(store: Store, lock: str, *, ledger: Ledger) -> Known:
    """What is known of a lock.

    Raises
    ------
    UnknownName
        The ledger holds no such lock.
    """
    locked = ledger.find(lock, kind="locked")
    done = validations(ledger, locked.hash)
    studies = {row["study"]: row for row in store.sql("SELECT * FROM study").iter_rows(named=True)}
    return Known(lock=locked, validation=done[0] if done else None, studies=studies)


def filled(store: Store, *, guideline: str, lock: str, folder: str, head: str = "") -> Chart:
    """A guideline's items as a figure with its table; `lock` empty = nothing is locked yet."""
    known = known_of(store, lock, ledger=Ledger(folder)) if lock else None
    table = items(guideline, known)
    source = Provenance(cohort="no cut-off is locked", n=0, database=store.version, software=software_version())
    if known is not None:
        query = known.derivation if known.validation is None else known.validation.cohort
        n = known.facts["n"] if known.validation is None else known.validation.performance.n
        source = provenance(store, query, n=int(n))
    return checklist_figure(
        table, provenance=source, title=f"{GUIDELINES[guideline]}: {'nothing is locked yet' if known is None else side(known.lock)}",
        caption=f"{SOURCES[guideline]} Half marks: what the app knows is only part of what the item asks.", slug=f"checklist-{guideline}",
    )  # fmt: skip


def _filled(text: str) -> Entry:
    return ("filled", text) if text else MISSING


def _partly(text: str) -> Entry:
    return ("partly", text) if text else MISSING


def _remark(k: Known) -> dict[str, Entry]:
    c, v = k.facts, k.validation
    endpoint = ENDPOINT_WORDS[str(c["endpoint"])]
    return {
        "1": _partly(f"{c['label']}; intended use: {c['intended_use']}. Hypotheses beyond the use are not stated."),
        "2": _partly(f"{k.each('cancer')} ({k.each('citation')}); eligibility as in the sources."),
        "3": _partly(f"{k.each('treatment')}; how it was chosen is not known here."),
        "5": _assay(k),
        "6": _partly("Retrospective, from published cohorts; follow-up under the survival curves."),
        "7": _filled(f"Primary: {endpoint}. Response: {k.each('response_definition')}."),
        "8": _filled(_tried(c)),
        "9": _partly(_size(c)),
        "10": _filled(f"{_methods(c)} Missing values are left out and counted, never imputed."),
        "11": _filled(_cut(k)),
        "12": _partly(_flow(k)),
        "13": _partly(f"Marker known in {c['n']:,} of {int(c['n']) + int(c['n_missing']):,} derivation patients; baseline variables: Cohort page."),
        "15": _filled(_effect(k)),
        "18": _partly(_internal(c) + (" External validation: done." if v is not None else " External validation: not yet.")),
        "19": _partly("Limits known here: " + _limits(k)),
    }  # fmt: skip


def _stard(k: Known) -> dict[str, Entry]:
    c, v = k.facts, k.validation
    none = ("missing", "no validation yet: this item needs one")
    return {
        "3": _filled(f"Intended use: {c['intended_use']}."),
        "4": _partly(f"Accuracy of {words.inside(str(c['label']))} for {ENDPOINT_WORDS[str(c['endpoint'])]} at a locked cut-off."),
        "5": _filled(f"Retrospective: outcomes existed, but none of the validation patients' was read before the lock of {k.lock.time[:16].replace('T', ' ')} UTC."),
        "6": _partly(f"{k.each('cancer')}; {k.each('treatment')}. Eligibility as in the sources."),
        "7": _partly(f"Patients of {k.each('citation')}."),
        "9": _partly("Convenience: the patients that the sources published."),
        "10": _partly(f"{_assay(k)[1]} Reference standard: {k.each('response_definition')}."),
        "12": _filled(f"{_cut(k)} Fixed before validation: ledger hash {k.lock.short}."),
        "13": _partly("The index test is computed without the outcome; who judged the response, and what they knew, is in the sources."),
        "14": _filled("Sensitivity, specificity and predictive values with Wilson intervals; likelihood ratios (Simel); AUC (DeLong)."),
        "15": ("not applicable", "a number against a cut has no indeterminate result"),
        "16": _filled(f"Left out and counted: {'derivation ' + str(c['n_missing'])}{'' if v is None else ', validation ' + str(v.performance.n_missing)} without the marker or endpoint."),
        "17": _partly("Subgroups on the Performance page; explored, not planned."),
        "18": _partly(_size(c)),
        "19": _partly(_flow(k)),
        "20": _partly("Cohort page of both cohorts."),
        "23": none if v is None or v.performance.cells is None else _filled("TP {}, FP {}, FN {}, TN {}.".format(*v.performance.cells)),
        "24": none if v is None or v.performance.cells is None else _filled(_accuracy(v)),
        "26": _partly(_limits(k)),
        "27": _partly(f"Intended use: {c['intended_use']}."),
        "29": _partly(f"The ledger stands for a protocol of the cut-off: record {k.lock.number}, hash {k.lock.short}."),
    }  # fmt: skip


def _assay(k: Known) -> Entry:
    c = k.facts
    kind = markers.KINDS[markers.address(str(c["marker"])).kind].lower()
    return _partly(f"{c['label']} ({kind}{', ' + str(c['unit']) if c['unit'] else ''}), as published; assay protocol and blinding are in the sources.")


def _tried(c: Mapping[str, Any]) -> str:
    tried = c["tried"]
    return f"{words.count(tried['count'], 'candidate')} of {words.count(tried['markers'], 'marker')} tried before the lock; listed in the ledger."


def _size(c: Mapping[str, Any]) -> str:
    """That the size was not planned, and what one question would have asked for."""
    table = sizes(c)
    if table.is_empty():
        return "Not planned: the patients that the sources published."
    asked = "; ".join(f"{q[:1].lower()}{q[1:]}: {n:,} patients" for q, n in table.select("question", "patients").head(3).iter_rows())
    return f"Not planned: the patients that the sources published. A validation needs, by question: {asked}."


def _cut(k: Known) -> str:
    c = k.facts
    rule = RULES.get(str(c["rule"]), str(c["rule"]))
    return f"{side(k.lock)} = positive; {rule}, {c['n_cuts']:,} cuts looked at on {c['n']:,} derivation patients."


def _methods(c: Mapping[str, Any]) -> str:
    return {
        "youden": "Largest Youden's J; exact p of the maximum; bootstrap optimism.",
        "maxstat": "Maximally selected statistic with corrected p; bootstrap optimism.",
        "median": "Median split; bootstrap optimism.",
    }.get(str(c["rule"]), "A cut fixed beforehand.")  # fmt: skip


def _flow(k: Known) -> str:
    c = k.facts
    text = f"Derivation: {c['n']:,} used ({c['events']:,} {'responders' if c['endpoint'] == 'response' else 'events'}), {c['n_missing']:,} without marker or endpoint."
    if k.validation is not None:
        v, p = k.validation.record.content, k.validation.performance
        text += f" Validation: {p.n:,} with the marker, {p.n_missing:,} without, {len(v['left_out']):,} look-alikes left out."
    return text


def _effect(k: Known) -> str:
    if k.validation is None:
        return ""
    rows = k.validation.performance.survival.drop_nulls("hazard_ratio").iter_rows(named=True)
    said = [
        f"{ENDPOINT_WORDS[r['endpoint']]}: HR {words.ratio(r['hazard_ratio'])} ({words.interval((r['ci_low'], r['ci_high']))}), n = {r['n']:,}"
        for r in rows
    ]
    if k.validation.performance.cells is not None:
        up, down = (k.validation.performance.measure(key)[0] for key in ("orr_positive", "orr_negative"))
        said.append(f"response {words.percent(up)} of positives, {words.percent(down)} of negatives")
    return "; ".join(said) + "." if said else ""


def _internal(c: Mapping[str, Any]) -> str:
    apparent = performance_from(c["performance"]).measure("youden")[0]
    corrected = ((c.get("optimism") or {}).get("youden") or {}).get("corrected")
    if apparent != apparent or corrected is None:
        return "Bootstrap of the cut-off where it was searched."
    return f"Bootstrap: Youden's J {words.ratio(apparent)} apparent, {words.ratio(corrected)} less its optimism."


def _accuracy(v: Validation) -> str:
    said = []
    for key, name in (("sensitivity", "sensitivity"), ("specificity", "specificity"), ("ppv", "PPV"), ("npv", "NPV")):
        value, low, high = v.performance.measure(key)
        said.append(f"{name} {words.percent(value)} ({words.percent(low)} to {words.percent(high)})")
    return f"{'; '.join(said)}; n = {sum(v.performance.cells or (0,)):,}."


def _limits(k: Known) -> str:
    said = [str(n) for n in k.facts["notes"]]
    if k.validation is None:
        said.append("not validated on other patients yet")
    else:
        said += [str(n) for n in k.validation.performance.notes]
    said.append("patients of published cohorts, not a planned series")
    return "; ".join(dict.fromkeys(said)) + "."

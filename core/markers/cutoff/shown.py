"""Shown: a lock, and its validation as it stands in the ledger, as a page says them - one sentence, and the charts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import polars as pl

from core.answer import Answer
from core.cohort.provenance import describe, provenance, titles
from core.cohort.query import CohortQuery
from core.errors import CohortError, NotMeasured
from core.figures import words
from core.figures.calibration import calibration as calibration_figure
from core.figures.chart import Chart, Provenance
from core.figures.claims import claims
from core.figures.decision_curve import decision_curve as decision_figure
from core.figures.km import km
from core.figures.predictive_values import predictive_values as predictive_figure
from core.figures.two_by_two import two_by_two
from core.markers.cutoff.admission import ENDPOINT_WORDS, fingerprint, ids
from core.markers.cutoff.late_entry import late_entry
from core.markers.cutoff.ledger import Ledger, Record
from core.markers.cutoff.lock import spoken_unit
from core.markers.cutoff.performance import NEGATIVE, POSITIVE, Performance, performance_from, positive
from core.markers.cutoff.validation import Validation, is_probability, labels, told, validations
from core.response.calibration import calibration
from core.response.confusion import predictive_values
from core.response.decision_curve import decision_curve
from core.survival.follow_up import median_follow_up
from core.survival.hazard_ratio import hazard_ratio
from core.survival.kaplan_meier import kaplan_meier
from core.survival.logrank import logrank
from data.schema import ENDPOINTS
from data.store import Store

COMPARED = ("youden", "sensitivity", "specificity", "ppv", "npv", "positive_rate", "auc")
"""Measures of the main figure, in order; the AUC does not depend on the cut."""
CAPTION = (
    "Locked: the cut-off was fixed in the ledger before any outcome of these patients was read. Apparent: on the patients the cut-off was "
    "chosen on, too good by the optimism. Re-tuned: what choosing the cut-off on these very patients would have claimed; it is shown so that nobody "
    "has to believe it. Wilson intervals for shares, Newcombe's for Youden's J, DeLong's for the AUC."
)


def side(lock: Record) -> str:
    """Which patients a lock calls positive: "TMB at or above 10 mutations/Mb"."""
    c = lock.content
    where = "at or above" if c["direction"] == "high" else "below"
    return f"{c['label']} {where} {words.number(float(c['cut']), unit=spoken_unit(str(c['unit'])))}"


def lock_facts(store: Store, *, lock: str, folder: str, head: str) -> tuple[tuple[str, str], ...]:
    """A lock in pairs of words: what, when, on whom, after how many tries, for what use."""
    locked = Ledger(folder).find(lock, kind="locked")
    c = locked.content
    known = titles(store)
    tried = c["tried"]
    corrected = _corrected(c)
    rows = [
        ("Marker-positive", side(locked)),
        ("Intended use", str(c["intended_use"])),
        ("Derived on", f"{describe(CohortQuery.from_key(str(c['cohort'])), known)}, n = {c['n']:,}, {c['events']:,} {_events(str(c['endpoint']))}"),
        ("Chosen for", f"{ENDPOINT_WORDS[str(c['endpoint'])]}, by {_rule(str(c['rule']))}"),
        ("Tried before the lock", f"{words.count(tried['count'], 'candidate')} of {words.count(tried['markers'], 'marker')}"),
        *([("Optimism-corrected", corrected)] if corrected else []),
        ("Locked", f"{locked.time[:16].replace('T', ' ')} UTC{' by ' + str(c['who']) if c['who'] else ''}, record {locked.number}, data {c['database']}"),
        ("Hash", locked.hash),
    ]
    return tuple(rows)


def _rule(rule: str) -> str:
    from core.markers.cutoff.derivation import RULES

    return f"the {RULES[rule]}" if rule in {"youden", "maxstat", "median"} else RULES.get(rule, rule)


def _events(endpoint: str) -> str:
    return {"response": "responders", "os": "deaths"}.get(endpoint, "events")


def _corrected(content: Any) -> str:
    """Youden's J or the hazard ratio, apparent and less its optimism."""
    optimism = content.get("optimism") or {}
    found = []
    for key, name, scale in (("youden", "Youden's J", float), ("log_hr", "hazard ratio, at or above against below", None)):
        part = optimism.get(key) or {}
        apparent, corrected = part.get("apparent"), part.get("corrected")
        if apparent is None or corrected is None:
            continue
        if scale is None:
            import math

            apparent, corrected = math.exp(apparent), math.exp(corrected)
        found.append(f"{name} {words.ratio(corrected)} (apparent {words.ratio(apparent)})")
    return "; ".join(found)


def waiting(store: Store, *, lock: str, folder: str, head: str) -> str:
    """What a page answers where a cut-off is locked and nothing has been validated."""
    locked = Ledger(folder).find(lock, kind="locked")
    return f"Locked: {words.inside(side(locked))} is marker-positive. It has not been validated yet; choose patients it was not derived on."


def validated(store: Store, *, lock: str, cohort: str, folder: str, head: str) -> Answer:
    """A validation as it stands in the ledger: the answer, the claims, the two-by-two table, survival, calibration.

    Parameters
    ----------
    lock : hash. cohort : key of the validation cohort. `head` : of the ledger, for the memory of the pages.

    Raises
    ------
    NotMeasured
        This lock was not validated on this cohort.
    """
    ledger = Ledger(folder)
    found = next((v for v in validations(ledger, lock) if v.record.content["cohort"] == cohort), None)
    if found is None:
        raise NotMeasured("this lock was not validated on these patients; read their outcomes first, or choose another validation")
    result = found.performance
    source = provenance(store, found.cohort, n=result.n, n_missing=result.n_missing)
    charts: list[Chart] = []
    if result.cells is not None:
        charts.append(_claims(found, source))
        charts.append(_table(found, source))
    charts += _drawn(store, found, ledger=ledger, source=source)
    if not charts:
        raise NotMeasured(f"nothing can be drawn of this validation: {'; '.join(result.notes)}")
    first = replace(charts[0], warnings=(*charts[0].warnings, *_warnings(found), *filter(None, (late_entry(store, found.cohort),))))
    return Answer(sentence=_sentence(found), charts=(first, *charts[1:]))


def _warnings(found: Validation) -> tuple[str, ...]:
    c = found.record.content
    said = [told(found), *(f"{n[:1].upper()}{n[1:]}" for n in found.performance.notes), *(str(n) for n in c["notes"])]
    if c["overlap"] is not None:
        said.append(f"Shared patients: {c['overlap']['sentence']}")
    return tuple(f"{s.rstrip('.')}." for s in said)


def _sentence(found: Validation) -> str:
    lock, result = found.lock, found.performance
    endpoint = str(lock.content["endpoint"])
    head = side(lock)
    if endpoint == "response" and result.cells is not None:
        sens, spec, j = (result.measure(k) for k in ("sensitivity", "specificity", "youden"))
        up, down = result.measure("orr_positive"), result.measure("orr_negative")
        start = "Yes, better than chance: " if j[1] > 0 else "No, the reverse: " if j[2] < 0 else "Not shown: "
        apparent = performance_from(lock.content["performance"]).measure("youden")[0]
        return (
            f"{start}{head} has a sensitivity of {words.percent(sens[0])} ({words.percent(sens[1])} to {words.percent(sens[2])}) and a specificity of "
            f"{words.percent(spec[0])} ({words.percent(spec[1])} to {words.percent(spec[2])}) in patients it was not derived on (Youden's J {words.ratio(j[0])}, {words.ratio(apparent)} where it was); {words.percent(up[0])} of positives and "
            f"{words.percent(down[0])} of negatives responded, n = {sum(result.cells):,}."
        )
    row = result.survival.filter(pl.col("endpoint") == endpoint)
    if row.is_empty() or row["hazard_ratio"][0] is None:
        why = row["note"][0] if row.height and row["note"][0] else "; ".join(result.notes) or "the endpoint is not known"
        return f"Cannot be told in these patients: {why}."
    hr, low, high = (float(row[k][0]) for k in ("hazard_ratio", "ci_low", "ci_high"))
    start = "Yes: " if high < 1 else "No, the reverse: " if low > 1 else "Not shown: "
    return (
        f"{start}for {ENDPOINT_WORDS[endpoint]}, HR {words.ratio(hr)} ({words.interval((low, high))}) of {words.inside(head)} against the others in patients it was not derived on, "
        f"{words.p(row['p_value'][0])}, n = {row['n'][0]:,} with {words.event(endpoint, row['events'][0])}."
    )


def claims_table(found: Validation) -> pl.DataFrame:
    """Measures of the locked cut on new patients, of the derivation, and of the re-tuned cut: measure, claim, estimate,
    ci_low, ci_high, n."""
    derivation: Performance = performance_from(found.lock.content["performance"])
    claimed = found.retuned.performance
    rows = []
    for key in COMPARED:
        for claim, part in (("validated", found.performance), ("derivation", derivation), ("retuned", claimed)):
            if part is None or (key == "auc" and claim == "retuned"):
                continue
            row = part.measures.filter(pl.col("key") == key)
            if row.height:
                rows.append((row["measure"][0], claim, row["estimate"][0], row["ci_low"][0], row["ci_high"][0], row["n"][0]))
    schema = {
        "measure": pl.String, "claim": pl.String, "estimate": pl.Float64, "ci_low": pl.Float64, "ci_high": pl.Float64,
        "n": pl.Int64,
    }  # fmt: skip
    return pl.DataFrame(rows, schema=schema, orient="row")


def _claims(found: Validation, source: Provenance) -> Chart:
    cut = found.retuned
    said = f" Re-tuned cut-off: {words.number(cut.cut)} ({cut.by})." if cut.performance is not None else ""
    return claims(
        claims_table(found), provenance=source, caption=CAPTION + said,
        title=f"{side(found.lock)}: locked, then tried on patients it was not derived on",
    )  # fmt: skip


def _table(found: Validation, source: Provenance) -> Chart:
    cells = found.performance.cells or (0, 0, 0, 0)
    beside = []
    for key, name in (("lr_positive", "LR+"), ("lr_negative", "LR−"), ("accuracy", "Accuracy"), ("prevalence", "Response rate")):
        value, low, high = found.performance.measure(key)
        beside.append(f"{name} {words.ratio(value)}" + (f" ({words.interval((low, high))})" if value == value and low == low else ""))
    return two_by_two(
        cells, provenance=source, rows=("Marker-positive", "Marker-negative"), columns=("Responder", "Non-responder"), beside=beside,
        title="Two-by-two table at the locked cut-off", slug="locked-two-by-two",
        caption=f"Patients with the marker and an evaluable response, n = {sum(cells):,}. LR: likelihood ratio, Simel's interval; accuracy and response rate: Wilson intervals.",
    )  # fmt: skip


def _drawn(store: Store, found: Validation, *, ledger: Ledger, source: Provenance) -> list[Chart]:
    """Figures that need the patients: drawn again from the same ones, or left out where the database changed."""
    if fingerprint(ids(store, found.cohort)) != found.record.content["patients"]:
        return []
    frame, _ = labels(store, found.cohort, ledger=ledger, lock=found.lock.hash)
    called = positive(frame["value"].to_numpy(), cut=found.performance.cut, direction=found.performance.direction)
    group = pl.Series("group", [POSITIVE if c > 0.5 else NEGATIVE for c in called], dtype=pl.Enum([POSITIVE, NEGATIVE]))
    charts = []
    for outcome in found.performance.survival["endpoint"]:
        charts.append(_curves(frame.with_columns(group), outcome, source=source, about=side(found.lock)))
    if is_probability(str(found.lock.content["marker"])) and found.performance.calibration:
        label = str(found.lock.content["label"])
        probability = frame.select("response", pl.col("value").alias("probability"))
        try:
            drawn = calibration_figure(calibration(probability, probability="probability"), provenance=source, label=label)
            charts.append(replace(drawn, slug="locked-calibration"))
            curve = decision_curve(probability["probability"].to_numpy(), probability["response"].cast(pl.Float64).fill_null(float("nan")).to_numpy())
            charts.append(replace(decision_figure([(label, curve)], provenance=source), slug="locked-decision-curve"))
        except CohortError:  # too few for a curve; the numbers stand in the ledger
            pass
    return charts


def _curves(frame: pl.DataFrame, outcome: str, *, source: Provenance, about: str) -> Chart:
    curves = kaplan_meier(frame, outcome=outcome, by="group")
    drawn = km(
        curves, logrank(frame, outcome=outcome, by="group"), hazard_ratio(frame, outcome=outcome, by="group"),
        provenance=replace(source, n=curves.n, n_missing=source.n_missing + curves.n_missing),
        follow_up=median_follow_up(frame, outcome=outcome), title=f"{ENDPOINTS[outcome]} at the locked cut-off ({about})",
    )  # fmt: skip
    return replace(drawn, slug=f"locked-{outcome}")


def at_prevalence(store: Store, *, lock: str, cohort: str, prevalence: float, folder: str, head: str) -> Chart:
    """PPV and NPV of a validated lock where another share of the patients responds.

    Raises
    ------
    NotMeasured
        There is no such validation, or sensitivity and specificity do not exist.
    """
    found = next((v for v in validations(Ledger(folder), lock) if v.record.content["cohort"] == cohort), None)
    sens, spec = (found.performance.measure(k)[0] for k in ("sensitivity", "specificity")) if found else (float("nan"),) * 2
    if found is None or sens != sens or spec != spec:
        raise NotMeasured("predictive values need a sensitivity and a specificity, and this validation has none; choose a cohort with responses")
    limits = {k: found.performance.measure(k)[1:] for k in ("lr_positive", "lr_negative")}
    table = predictive_values(sens, spec, [i / 200 for i in range(201)], lr_positive=limits["lr_positive"], lr_negative=limits["lr_negative"])
    source = provenance(store, found.cohort, n=sum(found.performance.cells or (0,)))
    return predictive_figure(
        table, at=prevalence, observed=found.performance.measure("prevalence")[0], provenance=source,
        caption=f"By Bayes' theorem from the validated sensitivity {words.percent(sens)} and specificity {words.percent(spec)}, taken as the same at every response rate; 95% bands: limits of the likelihood ratios (Simel), response rate taken as known.",
    )  # fmt: skip

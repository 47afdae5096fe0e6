"""Which predictor is recommended here, for which endpoint, and what does that rest on?"""

from __future__ import annotations

import polars as pl

from core.answer import Answer
from core.cohort.query import CohortQuery
from core.errors import NotMeasured
from core.figures import words
from core.figures.chart import Chart
from core.figures.rows import Axis, Row, numbers, rows
from core.figures.theme import BLUE, INK
from core.response.closer import patients
from core.response.closer.compared import signed
from core.response.closer.patients import POOLED
from core.response.recommendations import ENDPOINTS, Recommendation, none_of, recommendations
from core.response.recommended import RULE, TIERS, Candidate, Comparison
from data.store import Store

MEASURE = {"response": "AUC", "os": "c-index", "pfs": "c-index"}


def choice(store: Store, query: CohortQuery, *, predictor: str = "", cohort: str = POOLED) -> Answer:
    """A figure for each endpoint: every candidate's estimate, and the comparisons that the rule made.

    Raises
    ------
    EmptyCohort, NotMeasured
        Nobody matches; or nothing can be recommended for any endpoint.
    """
    narrow = patients.narrowed(query, cohort)
    made: list[Recommendation] = []
    for endpoint in ENDPOINTS:
        try:
            found = recommendations(store, narrow, endpoint=endpoint)
        except NotMeasured:
            continue
        made += [r for r in found if r.choice.picked is not None]
    if not made:
        raise none_of((), endpoint="response")
    return Answer(sentence=" ".join(_sentence(r) for r in made[:6]), charts=tuple(_chart(store, narrow, r) for r in made[:6]))


def _sentence(found: Recommendation) -> str:
    picked = found.choice.picked
    if picked is None or found.picked is None:
        return ""
    measure = MEASURE[found.endpoint]
    told = f"{found.picked.spoken}, {measure} {words.ratio(picked.estimate)} ({words.interval(picked.ci95)}), n = {picked.n:,}"
    what = ENDPOINTS[found.endpoint]
    if not found.recommended:
        return f"{what}: none is recommended; the rule ends at {told}, not shown to beat chance."
    above = [c for c in found.choice.candidates if c.estimate > picked.estimate and c.tier > picked.tier]
    lost = found.choice.closest(above[0].key) if above else None
    if lost is None or lost.beats:
        return f"{what}: {told}, is recommended."
    rival, other = found.named(lost.one), found.named(lost.other)
    over = f", which is not shown to be better{'' if other == found.picked else f' than {other.spoken}'} ({_difference(lost)})"
    return f"{what}: {told}, is recommended over {rival.spoken}{over}."


def _difference(pair: Comparison) -> str:
    low, high = pair.difference.ci95 or (float("nan"), float("nan"))
    return f"difference {signed(pair.difference.effect or 0.0)}, {signed(low)} to {signed(high)}, n = {pair.difference.n:,}"


def _chart(store: Store, query: CohortQuery, found: Recommendation) -> Chart:
    measure, what = MEASURE[found.endpoint], ENDPOINTS[found.endpoint]
    picked = found.choice.picked
    largest = max(c.n for c in found.choice.candidates)
    records, lines = [], []
    for c in found.choice.candidates:
        v = found.named(c.key)
        mark = found.mark(v.predictor, v.protocol)
        reason = mark or _reason(found, c)
        records.append(
            {
                "predictor": v.label, "complexity": TIERS[c.tier], "n": c.n, "estimate": c.estimate, "ci_low": c.ci95[0], "ci_high": c.ci95[1],
                "verdict": reason,
            }
        )  # fmt: skip
        strong = picked is not None and c.key == picked.key
        lines.append(
            Row(
                label=v.label, estimate=c.estimate, low=c.ci95[0], high=c.ci95[1], weight=c.n / largest, colour=INK if strong else BLUE,
                columns=(numbers(c.estimate, *c.ci95), f"{c.n:,}", TIERS[c.tier], f"<b>{reason}</b>" if strong else reason),
            )
        )  # fmt: skip
    harder = sum(c.tier > min(d.tier for d in found.choice.candidates) for c in found.choice.candidates)
    table = pl.DataFrame(records).with_columns(pl.col(pl.Float64).fill_nan(None))
    source = patients.placed(store, CohortQuery((found.study,), query.filters), POOLED, n=found.n, n_missing=0)
    axis = Axis(title=f"{measure} for {what.lower()}", null=0.5, low=0.4, high=0.8, least=0.0, most=1.0)
    figure = rows(lines, axis=axis, headers=(f"{measure} (95% CI)", "n", "complexity", "by the rule"), synthetic=source.synthetic, measure=measure)
    how = "DeLong" if found.endpoint == "response" else "Harrell's c-index of the same score, higher = longer; infinitesimal jackknife"
    within = " Patients of the same cohort only are compared." if found.cohorts > 1 else ""
    prognosis = " Nobody here is known to have had ICB: this is prognosis, not benefit." if found.prognosis else ""
    left = [found.named(k).spoken for k in found.choice.left_out]
    apart = f" Left out, seems to hold patients of the training: {words.listing(list(found.apart))}." if found.apart else ""
    few = f" Left out, too few patients have it: {words.listing(left)}." if left else ""
    return Chart(
        slug=f"recommended-{found.study}-{found.endpoint}".replace("_", "-"),
        title=f"{what}: which predictor the rule recommends", figure=figure, table=table,
        caption=f"{RULE} Comparisons: paired, on the patients who have both, 95% intervals ({how}); all simpler ones must be beaten, so their number needs no "
        f"correction; that {words.count(harder, 'more complex candidate')} {'was' if harder == 1 else 'were'} tried, each at one-sided 2.5%, is not corrected for."
        f"{within}{prognosis}{few}{apart}",
        provenance=source, alt="; ".join(f"{r.label} {r.columns[0]}, {r.columns[3]}" for r in lines).replace("<b>", "").replace("</b>", "") + ".",
    )  # fmt: skip


def _reason(found: Recommendation, mine: Candidate) -> str:
    """Why a candidate is not the one: "not above TMB (−0.04 to +0.10)"."""
    picked, closest = found.choice.picked, found.choice.closest(mine.key)
    if mine.key not in found.choice.qualified:
        if closest is None:
            return "shares too few patients with a simpler one"
        low, high = closest.difference.ci95 or (float("nan"), float("nan"))
        return f"not above {found.named(closest.other).spoken} ({signed(low)} to {signed(high)})"
    return "beaten" if picked is not None and picked.tier > mine.tier else "lower, as complex"

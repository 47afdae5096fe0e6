"""How well does a predictor separate responders, and does it beat the others on the same patients?"""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from core.answer import Answer
from core.cohort.query import CohortQuery
from core.errors import TooFewPatients
from core.figures import words
from core.figures.chart import Chart
from core.figures.precision_recall import precision_recall as precision_recall_figure
from core.figures.roc import roc as roc_figure
from core.figures.rows import Axis, Row, numbers, rows
from core.figures.theme import colours
from core.response.closer import patients
from core.response.closer.compared import FEWEST, FEWEST_OF_EACH, Pair, against, distinct, enough, signed
from core.response.closer.patients import POOLED, Judged, Variant
from core.response.precision_recall import precision_recall
from core.response.roc import Roc, roc
from data.store import Store

MOST_CURVES = 5
KEPT = 0.7
"""Share of the predictor's patients that must have another one too for both to be drawn."""


def _tick(value: float) -> str:
    return f"{value:+g}" if value else "0"


DIFFERENCE = Axis(
    title="Difference in AUC on the same patients", null=0.0, low=-0.2, high=0.2, least=-1.0, most=1.0, write=_tick
)


def discrimination(store: Store, query: CohortQuery, *, predictor: str, cohort: str = POOLED) -> Answer:
    """ROC and precision-recall curves of a predictor and those measured on the same patients; paired DeLong tests.

    Raises
    ------
    EmptyCohort, NotMeasured, TooFewPatients, UnknownName
        As `patients.judged`; the predictor has no out-of-sample score here; or too few patients have one.
    """
    found = patients.judged(store, query, cohort=cohort)
    mine = patients.chosen(found, predictor)
    if not enough(found.frame, mine.score):
        raise TooFewPatients(
            f"{words.count(mine.n, 'patient')} {'has' if mine.n == 1 else 'have'} a response and {mine.label}; curves take {FEWEST}, "
            f"{FEWEST_OF_EACH} responders and {FEWEST_OF_EACH} non-responders among them: pick another cohort or relax a filter"
        )
    drawn, left_out = _together(found, mine)
    shared = found.frame.drop_nulls([v.score for v in drawn])
    curves = [roc(shared, score=v.score, label=v.label) for v in drawn]
    source = patients.source(store, found, n=shared.height)
    remark = f" Left out of the curves because fewer patients have it: {words.listing(left_out)}." if left_out else ""
    first = roc_figure(curves, provenance=source)
    first = replace(first, slug=f"roc-{predictor}", caption=first.caption + remark, warnings=(*first.warnings, *patients.pooled(shared)))
    second = precision_recall_figure(
        [(v.label, precision_recall(shared, score=v.score, response="response")) for v in drawn], provenance=source
    )
    charts: list[Chart] = [first, replace(second, slug=f"precision-recall-{predictor}")]
    pairs = [_turned(pair) for pair in against(found, mine)]
    if pairs:
        charts.append(_differences(store, found, pairs))
    return Answer(sentence=_sentence(mine, curves[0], pairs), charts=tuple(charts))


def _together(found: Judged, mine: Variant) -> tuple[list[Variant], list[str]]:
    """The predictor and the others that most of its patients have too, and the names of those left out."""
    shared = found.frame.drop_nulls(["response", mine.score])
    least = max(KEPT * shared.height, FEWEST)
    drawn, left_out = [mine], []
    others = [v for v in distinct(found) if v.score != mine.score and not _same(v, mine)]
    for v in sorted(others, key=lambda v: -shared[v.score].count()):
        kept = shared.drop_nulls(v.score)
        if len(drawn) < MOST_CURVES and kept.height >= least and enough(kept, *(d.score for d in drawn), v.score):
            drawn, shared = [*drawn, v], kept
        elif kept.height < least:
            left_out.append(v.spoken)
    return drawn, left_out


def _same(one: Variant, two: Variant) -> bool:
    """LORIS and its recalibration rank patients alike."""
    return {one.predictor, two.predictor} == {"loris", "loris_recalibrated"}


def _turned(pair: Pair) -> Pair:
    """The pair the other way round: the chosen predictor against another."""
    low, high = pair.difference.ci95 or (float("nan"), float("nan"))
    effect = None if pair.difference.effect is None else -pair.difference.effect
    turned = replace(pair.difference, effect=effect, ci95=(-high, -low), statistic=-pair.difference.statistic)
    return Pair(
        one=pair.other, other=pair.one, difference=turned, auc_one=pair.auc_other, auc_other=pair.auc_one, p_holm=pair.p_holm
    )


def _differences(store: Store, found: Judged, pairs: list[Pair]) -> Chart:
    """A row a comparison: difference in AUC, both AUCs, n, corrected p."""
    mine = pairs[0].one
    table = pl.DataFrame(
        [
            {
                "predictor": p.one.label, "against": p.other.label, "n": p.difference.n, "auc": p.auc_one, "auc_against": p.auc_other,
                "difference": p.difference.effect, "ci_low": (p.difference.ci95 or (None, None))[0],
                "ci_high": (p.difference.ci95 or (None, None))[1], "p_value": p.difference.p_value, "p_holm": p.p_holm,
            }
            for p in pairs
        ],
        infer_schema_length=None,
    ).with_columns(pl.col(pl.Float64).fill_nan(None))  # fmt: skip
    colour = colours([p.other.label for p in pairs])
    largest = max(p.difference.n for p in pairs)
    lines = [
        Row(
            label=p.other.label, estimate=r["difference"], low=r["ci_low"], high=r["ci_high"],
            weight=p.difference.n / largest, colour=colour[p.other.label],
            columns=(
                numbers(r["difference"], r["ci_low"], r["ci_high"], write=signed), f"{p.difference.n:,}",
                f"{words.ratio(p.auc_one)}, {words.ratio(p.auc_other)}", words.p(p.p_holm),
            ),
        )
        for p, r in zip(pairs, table.iter_rows(named=True), strict=True)
    ]  # fmt: skip
    source = patients.source(store, found, n=largest)
    figure = rows(
        lines, axis=DIFFERENCE, headers=("difference (95% CI)", "n", "both AUCs", "p (Holm)"), synthetic=source.synthetic, measure="Difference"
    )
    said = "; ".join(f"from {r.label} {r.columns[0]}, {r.columns[3]}" for r in lines)
    return Chart(
        slug=f"paired-{mine.predictor}",
        title=f"{mine.label}: difference in AUC from every other predictor",
        figure=figure,
        table=table,
        caption="Difference in AUC on the patients who have both, with 95% CI, paired DeLong test, p values Holm-corrected for "
        f"{words.count(len(pairs), 'comparison')}; right of the dashed line {mine.spoken} is higher. Each row has its own patients, "
        "so AUCs differ between rows. The tests do not include the variance of training a model anew.",
        provenance=source,
        alt=f"Forest plot of differences in AUC. {said}.",
    )


def _sentence(mine: Variant, curve: Roc, pairs: list[Pair]) -> str:
    start = f"{mine.label}: {words.area(curve.auc)}, {curve.responders:,} responders of {curve.n:,}"
    if not pairs:
        return f"{start}; no other predictor shares enough of these patients."
    above = [p.other.spoken for p in pairs if p.better]
    below = [p.other.spoken for p in pairs if p.worse]
    parts = []
    if above:
        parts.append(f"higher than {words.listing(above)}")
    if below:
        parts.append(f"lower than {words.listing(below)}")
    rest = len(pairs) - len(above) - len(below)
    if rest:
        others = [p.other.spoken for p in pairs if not p.better and not p.worse]
        listed = words.listing(others) if rest < 3 else f"the other {rest}" if parts else f"{rest} others"
        parts.append(f"not shown to differ from {listed}")
    return f"{start}; on shared patients {', '.join(parts)} (paired DeLong, Holm over {words.count(len(pairs), 'comparison')})."

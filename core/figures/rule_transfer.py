"""Rule transfer figure: response and survival of the patients whom a rule picks, in each cohort and pooled."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from core.errors import NotMeasured
from core.figures import words
from core.figures.chart import Chart, Provenance
from core.figures.rows import Axis, Row, numbers, rows
from core.figures.theme import BLUE, FAINT, ORANGE

if TYPE_CHECKING:
    from core.pooling import Pooled
    from core.tme.rule_effect import Transfer

HEADS = {
    "response": "Response: odds ratio (right of 1: the rule picks responders)",
    "os": "Death: hazard ratio (right of 1: those it picks die sooner)",
}


def rule_transfer(found: Transfer, *, provenance: Provenance, title: str = "") -> Chart:
    """Forest of a rule's effect: odds ratios of response, then hazard ratios of death, each with its pooled row.

    Parameters
    ----------
    found : from `core.tme.rule.transfer`. The cohort that the rule comes from is grey and outside the pool.

    Raises
    ------
    NotMeasured
        No cohort has an estimate of either.
    """
    table = found.table
    if table["odds_ratio"].null_count() + table["hazard_ratio"].null_count() == 2 * table.height:
        raise NotMeasured("no cohort has enough patients inside and outside the rule to compare; widen the rule or choose more cohorts")
    lines: list[Row] = []
    for key, value, ends, measured, pooled in (
        ("response", "odds_ratio", ("or_low", "or_high"), "response_pooled", found.response),
        ("os", "hazard_ratio", ("hr_low", "hr_high"), "os_pooled", found.os),
    ):
        lines.append(Row(label=HEADS[key]))
        for row in table.iter_rows(named=True):
            lines.append(_line(row, key, (row[value], *(row[e] for e in ends))))
        if pooled is not None and int(pooled.k) > 1:
            used = table.filter(measured)
            n = int((used["evaluable_in"] + used["evaluable_out"]).sum() if key == "response" else used["os_n"].sum())
            lines.append(_pooled(pooled, n=n, p=found.p_response if key == "response" else found.p_os))
    axis = Axis(
        title="Ratio, log scale", null=0.0, low=-2.0, high=2.0, least=-4.0, most=4.0, write=lambda t: f"{2.0**t:.2g}"
    )  # fmt: skip
    figure = rows(lines, axis=axis, headers=("ratio (95% CI)", "inside / all", "responders in, out; deaths"), synthetic=provenance.synthetic, measure="ratio")
    said = "; ".join(f"{r.label} {r.columns[0]}" for r in lines if r.columns)
    return Chart(
        slug="rule-transfer", title=title or "The rule in other cohorts", figure=figure, table=table, provenance=provenance,
        caption="Odds ratio of response (CR or PR; Woolf's interval, Fisher's p) and hazard ratio of death (Cox, Efron) of the patients whom the rule "
        "picks against the others, features standardised within each cohort; squares grow with n, grey: in-sample or not pooled. Diamond: "
        "random effects (REML, Hartung-Knapp, no narrower than the sampling errors); thin line: where another cohort's effect would lie; p corrected for the two endpoints (Holm). " + " ".join(found.notes),
        alt=f"Forest plot. {said}.",
    )  # fmt: skip


def _line(row: dict[str, object], key: str, estimate: tuple[object, object, object]) -> Row:
    value, low, high = (_number(v) for v in estimate)
    pooled = bool(row["response_pooled" if key == "response" else "os_pooled"])
    note = str(row["response_note" if key == "response" else "os_note"] or "")
    if key == "response" and value is not None:
        detail = f"{row['responders_in']}/{row['evaluable_in']}, {row['responders_out']}/{row['evaluable_out']}"
    elif value is not None:
        detail = words.event("os", int(str(row["deaths"])))
    else:
        detail = ""
    n = int(str(row["n"] or 0))
    return Row(
        label=str(row["label"]), estimate=_log(value), low=_log(low), high=_log(high), weight=min(n / 300, 1.0),
        colour=BLUE if pooled else FAINT,
        columns=(numbers(value, low, high), f"{row['n_in']} / {n}" if n else "none", "; ".join(filter(None, (detail, note)))),
    )  # fmt: skip


def _pooled(pooled: Pooled, *, n: int, p: float) -> Row:
    value, low, high = float(pooled.estimate), float(pooled.ci95[0]), float(pooled.ci95[1])
    ahead = tuple(float(v) / math.log(2) for v in pooled.prediction_interval)
    return Row(
        label=f"Pooled, {int(pooled.k)} cohorts", estimate=value / math.log(2), low=low / math.log(2), high=high / math.log(2), pooled=True,
        colour=ORANGE, outer=(ahead[0], ahead[1]),
        columns=(numbers(math.exp(value), math.exp(low), math.exp(high)), f"{n:,}", f"{words.p(p)}; I² {words.percent(float(pooled.i2))}"),
    )  # fmt: skip


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, float) and math.isfinite(value) else None


def _log(value: float | None) -> float | None:
    """On the axis: log2 of a ratio."""
    return math.log2(value) if value else None

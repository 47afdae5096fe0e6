"""Beside: the multimodal model and every simpler model on the same patients and folds, as the stored comparisons have them."""

from __future__ import annotations

import re
from collections.abc import Mapping

import polars as pl

from core.answer import Answer
from core.cohort.provenance import names
from core.cohort.query import CohortQuery
from core.errors import NotMeasured
from core.figures import words
from core.figures.chart import Chart
from core.figures.rows import Axis, Row, numbers, rows
from core.figures.theme import BLUE, INK, MUTED
from core.finding import Finding
from core.response.closer import patients
from core.response.closer.compared import signed
from core.response.closer.patients import POOLED
from core.response.recommended import RULE, TIERS, Candidate, Choice, choose, tier
from data.store import Store

WHAT: Mapping[str, str] = {
    "unseen_cohorts": "Response in a cohort that was left out",
    "imvigor_response": "Response within IMvigor210",
    "imvigor_survival": "Overall survival within IMvigor210",
    "tcga_survival": "Overall survival within four TCGA cancers",
}
"""Comparisons in words, in the order in which people see them."""
HOW: Mapping[str, str] = {
    "leave_one_cohort_out": "each cohort is scored by models that never saw it, and cohorts count by their patients",
    "out_of_fold": "each patient is scored by models that never saw that patient, in {repeats} times five folds",
}
CAPTION = (
    "Estimates with 95% intervals: bootstrap over patients within cohorts. Shuffled: the same model when the outcomes of the patients are dealt out anew, "
    "which chance should put at .50. Penalties of the multimodal model and of additive fusion were settled after earlier looks at these cohorts, so both are slightly optimistic."
)


def beside(store: Store, query: CohortQuery, *, predictor: str = "", cohort: str = POOLED) -> Answer:
    """One figure a comparison in which a study of the query takes part: every model, and which one the rule ends at.

    The comparisons come with the software: they speak of the published cohorts, whatever filters the query has.

    Raises
    ------
    NotMeasured
        No study of the query takes part in one, or none is stored.
    """
    table = store.sql("SELECT * FROM evaluation ORDER BY rowid")
    own = table.filter(pl.col("study").is_in(list(query.studies)))
    asked = [name for name in WHAT if name in set(own["evaluation"])]
    if not asked:
        known = names(store.studies())
        those = sorted({known.get(study, study) for study in table["study"].to_list() if study})
        raise NotMeasured(
            f"no study chosen here takes part in a comparison of models; choose {' or '.join(those)}"
            if those else "no comparison of models is stored; make one: python benchmarks/model.py --shipped --json FILE"
        )  # fmt: skip
    made = [_one(store, query, table.filter(pl.col("evaluation") == name)) for name in asked]
    return Answer(sentence=" ".join(sentence for sentence, _ in made), charts=tuple(chart for _, chart in made))


def ranked(part: pl.DataFrame) -> Choice:
    """The rule of `core.response.recommended` on one comparison's overall figures; ablations are no candidates."""
    whole = part.filter((pl.col("study") == "") & (pl.col("cohort") == "") & ~pl.col("shuffled").fill_null(value=False))
    figures = whole.filter((pl.col("against") == "") & pl.col("estimate").is_not_null() & ~_ablation())
    less = {(row["predictor"], row["against"]): row for row in whole.filter(pl.col("against") != "").iter_rows(named=True)}

    def against(one: str, other: str) -> Finding | None:
        row = less.get((one, other))
        if row is None or row["estimate"] is None or row["ci_low"] is None or row["ci_high"] is None:
            return None
        return Finding(
            name="paired bootstrap", statistic=float("nan"), p_value=float("nan"), effect=row["estimate"], ci95=(row["ci_low"], row["ci_high"]), n=row["n"],
        )  # fmt: skip

    return choose(
        [
            Candidate(key=r["predictor"], tier=tier(r["predictor"]), estimate=r["estimate"], ci95=(r["ci_low"], r["ci_high"]), n=r["n"])
            for r in figures.iter_rows(named=True)
        ],
        against=against,
    )


def _ablation() -> pl.Expr:
    return pl.col("predictor").str.contains(" - ") | pl.col("predictor").str.contains(", refitted")


def _one(store: Store, query: CohortQuery, part: pl.DataFrame) -> tuple[str, Chart]:
    first = part.row(0, named=True)
    name, measure = first["evaluation"], "AUC" if first["metric"] == "auc" else "c-index"
    whole = part.filter((pl.col("study") == "") & (pl.col("cohort") == ""))
    figures = whole.filter((pl.col("against") == "") & ~pl.col("shuffled").fill_null(value=False)).sort("estimate", descending=True, nulls_last=True)
    chance = {r["predictor"]: r for r in whole.filter(pl.col("shuffled").fill_null(value=False)).iter_rows(named=True)}
    label = dict(figures.select("predictor", "label").iter_rows())
    brief = {key: re.split(" (?:on|of) ", name)[0] for key, name in label.items()}
    found = ranked(part)
    picked = found.picked
    largest = int(figures["n"].max() or 1)  # type: ignore[arg-type]
    lines: list[Row] = []
    records: list[dict[str, object]] = []
    for ablated in (False, True):
        block = figures.filter(_ablation() if ablated else ~_ablation())
        if ablated and block.height:
            lines.append(Row(label="With a part taken away"))
        for r in block.iter_rows(named=True):
            verdict, told = ("", "") if ablated else (_verdict(found, r["predictor"], spoken) for spoken in (label, brief))
            strong = picked is not None and r["predictor"] == picked.key
            shuffled = chance.get(r["predictor"])
            lines.append(Row(
                label=r["label"], estimate=r["estimate"], low=r["ci_low"], high=r["ci_high"], weight=(r["n"] or 0) / largest,
                colour=INK if strong else MUTED if ablated else BLUE,
                columns=(
                    numbers(r["estimate"], r["ci_low"], r["ci_high"]), f"{r['n']:,}", words.ratio(shuffled["estimate"]) if shuffled else "–",
                    "" if ablated else TIERS[tier(r["predictor"])], f"<b>{told}</b>" if strong else told,
                ),
            ))  # fmt: skip
            records.append({
                "predictor": r["label"], "n": r["n"], "events": r["events"], "estimate": r["estimate"], "ci_low": r["ci_low"], "ci_high": r["ci_high"],
                "shuffled": shuffled["estimate"] if shuffled else None, "verdict": verdict,
            })  # fmt: skip
    studies = tuple(s for s in dict.fromkeys(part["study"].to_list()) if s)
    source = patients.placed(store, CohortQuery(studies), POOLED, n=largest, n_missing=0)
    axis = Axis(title=f"{measure}, out-of-sample", null=0.5, low=0.45, high=0.8, least=0.0, most=1.0)
    headers = (f"{measure} (95% CI)", "n", "shuffled", "complexity", "by the rule")
    how = HOW[first["protocol"]].format(repeats=first["repeats"])
    model = f" Multimodal model: {first['model']}." if first["model"] else ""
    chart = Chart(
        slug=f"beside-{name}".replace("_", "-"), title=f"{WHAT[name]}: the multimodal model beside simpler ones",
        figure=rows(lines, axis=axis, headers=headers, synthetic=source.synthetic, measure=measure), table=pl.DataFrame(records, infer_schema_length=None),
        caption=f"{RULE} Here {how}; all models see the same patients and folds. {CAPTION}{model}", provenance=source,
        alt="; ".join(f"{r.label} {r.columns[0]}" for r in lines if r.columns) + ".",
    )  # fmt: skip
    return _sentence(name, measure, found, label=label), chart


def _verdict(found: Choice, key: str, label: Mapping[str, str]) -> str:
    picked = found.picked
    if picked is not None and key == picked.key:
        return "recommended" if picked.shown else "first, but not above chance"
    if key in found.left_out:
        return "too few patients have it"
    if key not in found.qualified:
        closest = found.closest(key)
        if closest is None:
            return "shares too few patients with a simpler one"
        low, high = closest.difference.ci95 or (float("nan"), float("nan"))
        return f"not above {label.get(closest.other, closest.other)} ({signed(low)} to {signed(high)})"
    mine = next(c for c in found.candidates if c.key == key)
    return "beaten" if picked is not None and picked.tier > mine.tier else "lower, as complex"


def _sentence(name: str, measure: str, found: Choice, *, label: Mapping[str, str]) -> str:
    picked = found.picked
    if picked is None or not picked.shown:
        return f"{WHAT[name]}: no model is shown to beat chance."
    told = f"{label[picked.key]}, {measure} {words.ratio(picked.estimate)} ({words.interval(picked.ci95)}), n = {picked.n:,}"
    deep = next((c for c in found.candidates if c.key == "multimodal"), None)
    if deep is None or deep.key == picked.key:
        return f"{WHAT[name]}: {told}, is recommended."
    closest = found.closest("multimodal")
    if closest is None:
        return f"{WHAT[name]}: {told}, is recommended."
    low, high = closest.difference.ci95 or (float("nan"), float("nan"))
    return (
        f"{WHAT[name]}: {told}, is recommended; the multimodal model, {words.ratio(deep.estimate)} ({words.interval(deep.ci95)}), is not shown to be better "
        f"than {label.get(closest.other, closest.other)} ({signed(closest.difference.effect or 0.0)}, {signed(low)} to {signed(high)}, n = {closest.difference.n:,})."
    )

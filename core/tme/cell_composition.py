"""What the tumours of a cohort are made of: composition, its differences between groups, and every pair of groups."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from core.answer import Answer
from core.cohort import frame as cohort_frame
from core.cohort.provenance import provenance
from core.cohort.query import CohortQuery
from core.errors import NotMeasured
from core.figures import words
from core.figures.cell_composition import MOST_PATIENTS
from core.figures.cell_composition import cell_composition as stacked
from core.figures.cell_groups import MOST_DOTS
from core.figures.cell_groups import cell_groups as by_group
from core.figures.cell_pairs import MOST_ROWS, cell_pairs
from core.figures.chart import Chart, Provenance
from core.tme import cells
from core.tme.cell_groups import FROM_RNA, CellGroups, cell_groups, labelled, pairs_of
from core.tme.estimates import Estimates, available, estimates, nothing_measured
from core.tme.group_tests import CORRECTIONS, LEAST, Pairs
from data.store import Store

ALPHA = 0.05
LARGE = 1000
"""Patients from which per cent have a digit after the point."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CellComposition(Answer):
    """The page's answer.

    Attributes
    ----------
    tests : as people read it: cell type, n, H, p, q, epsilon squared; empty for one group. cells : cell types that can be
        compared pair by pair, largest difference first. rules : how TILs, TAMs and other sums were made.
    """

    tests: pl.DataFrame
    cells: tuple[str, ...]
    rules: tuple[str, ...]


def methods(store: Store, query: CohortQuery) -> dict[str, str]:
    """Ways of counting cells that this cohort has.

    Raises
    ------
    NotMeasured
        There is none; the message names studies that have one. EmptyCohort: nobody matches.
    """
    cohort_frame.patients(store, query, columns=("patient_id",))
    offered = available(store, query)
    if not offered:
        raise nothing_measured(store, query)
    return offered


def bars_of(method: str) -> dict[str, str]:
    """What a bar of the main figure can stand for; nothing for scores, which are not stacked."""
    kind = cells.METHODS[method].kind if method in cells.METHODS else "fraction"
    return {} if kind == "score" else {"groups": "Groups", "patients": "Patients"}


def cell_composition(store: Store, query: CohortQuery, *, method: str, by: str = "", bars: str = "groups") -> CellComposition:
    """The cells of a cohort by one method, and whether groups differ in them.

    Null hypothesis of each cell type: the same distribution in every group of the column (Kruskal-Wallis; q values by
    Benjamini-Hochberg over the cell types; effect size epsilon squared).

    Parameters
    ----------
    method : see `estimates.estimates`. by : patient column, 'cluster' for TME types, or "" for all patients together.
    bars : 'groups' or 'patients'.

    Raises
    ------
    NotMeasured, EmptyCohort, UnknownName
        No value by this method, or of the column; the message names studies that have it.
    """
    found = estimates(store, query, method=method)
    compared, whole = _compared(store, query, found, by=by)
    source = provenance(store, query, n=compared.n, n_missing=found.n_missing + compared.n_missing)
    tested = compared.tests.drop_nulls("p_value").sort("p_value", maintain_order=True)
    remarks = _remarks(found, compared)
    charts: list[Chart] = []
    if found.method.stacked:
        one = bars == "patients" and compared.n <= MOST_PATIENTS
        crowd = () if one or bars != "patients" else (f"{compared.n:,} patients are too many for a bar each (at most {MOST_PATIENTS}); groups are shown. Narrow the cohort to see every patient.",)
        charts.append(stacked(found, compared, provenance=source, patients=one, caption=_caption(found, compared, stack=True, each=one), warnings=(*crowd, *remarks)))
    charts.append(by_group(found.method, compared, provenance=source, caption=_caption(found, compared, stack=False), warnings=() if charts else remarks))
    return CellComposition(
        sentence=_sentence(found, whole, compared),
        charts=tuple(charts),
        tests=_readable(tested),
        cells=tuple(tested["cell_type"]) if len(compared.groups.labels) > 2 else (),
        rules=tuple(part.rule for part in found.method.parts if part.rule),
    )


def pairs(store: Store, query: CohortQuery, *, method: str, by: str, cell: str = "", correction: str = "holm") -> Chart:
    """Every pair of groups in one cell type (Dunn's test, Cliff's delta); of two groups, every cell type.

    Null hypothesis of a pair: a patient of one group is as likely to be higher as lower than one of the other.

    Raises
    ------
    NotMeasured
        Fewer than two groups of at least three patients. As `cell_composition` besides.
    """
    found = estimates(store, query, method=method)
    compared, _ = _compared(store, query, found, by=by)
    source = provenance(store, query, n=compared.n, n_missing=found.n_missing + compared.n_missing)
    names = list(compared.tests.drop_nulls("p_value").sort("p_value", maintain_order=True)["cell_type"])
    if not names or not by:
        raise NotMeasured(f"cells are compared between two groups or more, of at least {LEAST} patients each; group by another column or widen the cohort")
    if len(compared.groups.labels) == 2:
        return _two_groups(found, compared, names, source=source)
    chosen = cell if cell in names else names[0]
    table = _table(pairs_of(found, compared, cell=chosen, correction=correction), compared.groups.labels).sort(pl.col("z").abs(), descending=True, maintain_order=True)
    apart = table.filter(pl.col("p_adjusted") < ALPHA).height
    shown = f"; the {MOST_ROWS} with the largest z are drawn, all are in the numbers" if table.height > MOST_ROWS else ""
    name = CORRECTIONS[correction]
    caption = (
        f"{chosen} between each two groups of {words.inside(compared.label)}: Cliff's delta with 95% CI (not corrected), p of Dunn's test on the ranks over all groups, "
        f"corrected for {words.count(table.height, 'pair')} ({name}){shown}. n = {compared.n:,}.{_apart(found)}"
    )
    return cell_pairs(
        table, provenance=source, ends=("first group lower", "first group higher"), caption=caption, warnings=_circular(found, compared),
        title=f"{chosen}, pair by pair: {apart} of {words.count(table.height, 'pair')} differ",
    )  # fmt: skip


def _compared(store: Store, query: CohortQuery, found: Estimates, *, by: str) -> tuple[CellGroups, CellGroups]:
    whole = cell_groups(found, found.frame, by="")
    if not by:
        return whole, whole
    labels, label = labelled(store, query, by=by)
    compared = cell_groups(found, labels, by=by, label=label)
    if not compared.n:
        raise NotMeasured(f"none of the {found.n:,} patients with {found.method.label} has a value of {words.inside(label)}; group by another column")
    return compared, whole


def _two_groups(found: Estimates, compared: CellGroups, names: list[str], *, source: Provenance) -> Chart:
    tables = [_table(pairs_of(found, compared, cell=name), compared.groups.labels).with_columns(label=pl.lit(name)) for name in names]
    q = compared.tests.select(pl.col("cell_type").alias("label"), "q_value")
    table = pl.concat(tables).join(q, on="label", how="left", maintain_order="left").sort("delta", descending=True, maintain_order=True)
    first, second = compared.groups.labels
    caption = (
        f"Cliff's delta with 95% CI: how much more often a patient of “{first}” is higher than one of “{second}” than the reverse; q: Kruskal-Wallis test, Benjamini-Hochberg over "
        f"{words.count(table.height, 'cell type')}. n = {compared.n:,}.{_apart(found)}"
    )
    return cell_pairs(
        table, provenance=source, ends=(f"higher in {_short(second)}", f"higher in {_short(first)}"), caption=caption, warnings=_circular(found, compared),
        title=f"Each cell type, {_short(first)} against {_short(second)}",
    )  # fmt: skip


def _table(found: Pairs, labels: tuple[str, ...]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "label": [f"{labels[a]} – {labels[b]}" for a, b in zip(found.first, found.second, strict=True)],
            "n_first": found.n_first, "n_second": found.n_second, "delta": found.delta, "low": found.low, "high": found.high, "z": found.z,
            "p_value": found.p_value, "p_adjusted": found.p_adjusted,
        },
        schema_overrides={"label": pl.String},
    )  # fmt: skip


def _short(name: str) -> str:
    return name if len(name) <= 24 else name[:23].rstrip() + "…"


def _apart(found: Estimates) -> str:
    return " Patients of several studies: standardised within each cohort before the test." if found.frame["study"].n_unique() > 1 else ""


def _circular(found: Estimates, compared: CellGroups) -> tuple[str, ...]:
    if compared.by not in FROM_RNA or found.method.kind == "density":  # what was counted on slides had no part in them
        return ()
    return (f"{FROM_RNA[compared.by]} were found on immune measurements of these same tumours: the p values describe them, they do not confirm them.",)


def _remarks(found: Estimates, compared: CellGroups) -> tuple[str, ...]:
    said = [*_circular(found, compared), *([found.note] if found.note else [])]
    if found.absent:
        noun = words.listing([_inside(name) for name in found.absent])
        said.append(f"Not measured here, its genes are missing: {noun}." if len(found.absent) == 1 else f"Not measured here, their genes are missing: {noun}.")
    if compared.small and compared.by:
        said.append(f"Fewer than {LEAST} patients in {words.listing(compared.small[:6])}{' and others' if len(compared.small) > 6 else ''}: drawn, not tested.")
    if compared.by and compared.tests["p_value"].null_count() == compared.tests.height:
        said.append(f"No test: fewer than two groups have {LEAST} patients or more. Group by another column, or widen the cohort.")
    return tuple(said)


def _caption(found: Estimates, compared: CellGroups, *, stack: bool, each: bool = False) -> str:
    left = f" {words.missing(compared.n_missing, words.inside(compared.label))}" if compared.n_missing else ""
    absent = f" {words.count(found.n_missing, 'patient')} of the cohort without these measurements." if found.n_missing else ""
    ns = f"n = {compared.n:,}.{left}{absent}"
    if stack:
        return f"{found.method.about} {'A bar a patient, sorted by what is counted' if each else 'Means of the patients'}. {ns}"
    drawn = "colour: mean of the group against the cohort's, in SD of patients" if len(compared.groups.labels) > MOST_DOTS else "mean with 95% CI (t distribution)"
    test = "" if compared.tests["p_value"].null_count() == compared.tests.height else (
        f" Kruskal-Wallis test between groups, q: Benjamini-Hochberg over {words.count(compared.tests['p_value'].count(), 'cell type')}; ε²: epsilon squared, "
        "0 groups alike, 1 groups apart."
    )  # fmt: skip
    about = "" if found.method.stacked else f" {found.method.about}"
    return f"{drawn[:1].upper()}{drawn[1:]}.{test}{_apart(found)}{about} {ns}"


def _readable(tested: pl.DataFrame) -> pl.DataFrame:
    return tested.select(
        pl.col("cell_type").alias("Cell type"),
        "n",
        pl.col("n_groups").alias("Groups"),
        pl.col("statistic").alias("Kruskal-Wallis H"),
        pl.col("p_value").map_elements(words.p, return_dtype=pl.String).alias("p"),
        pl.col("q_value").map_elements(words.q, return_dtype=pl.String).alias("q"),
        pl.col("effect").alias("Epsilon squared"),
    )


def _sentence(found: Estimates, whole: CellGroups, compared: CellGroups) -> str:
    return f"{_made_of(found, whole)}{_difference(found, compared)}."


def _made_of(found: Estimates, whole: CellGroups) -> str:
    """The composition in one clause."""
    digits = 1 if found.n >= LARGE else 0
    means = {row["cell_type"]: row for row in whole.table.iter_rows(named=True)}
    method, n = found.method, words.count(found.n, "patient")
    if method.kind == "score":
        return f"{method.label.partition(',')[0]}: {n} compared with each other, never cell types with each other"
    pieces = [means[part.name] for part in method.pieces() if part.family not in {cells.REST, "cancer"}]
    top = max(pieces, key=lambda row: row["mean"] or 0.0)
    if method.kind == "density":
        return f"On {n}' slides the most common cells beside cancer cells are {_inside(top['cell_type'])}: {words.number(top['mean'])} per mm² ({words.number(top['low'])} to {words.number(top['high'])})"
    largest = f"{_inside(top['cell_type'])} ({words.percent(top['mean'], digits=digits)})"
    immune = means.get(cells.IMMUNE)
    if immune is None:
        return f"The largest counted part {method.unit} is {_inside(top['cell_type'])}: {words.percent(top['mean'], digits=digits)} (95% CI {words.percent(top['low'], digits=digits)} to {words.percent(top['high'], digits=digits)}; n = {found.n:,})"
    return (
        f"On average {words.percent(immune['mean'], digits=digits)} of the cells are immune (95% CI {words.percent(immune['low'], digits=digits)} to {words.percent(immune['high'], digits=digits)}; "
        f"n = {found.n:,}), the largest part {largest}"
    )


def _difference(found: Estimates, compared: CellGroups) -> str:
    """Which cell type differs most between groups, in one clause."""
    tested = compared.tests.drop_nulls("p_value").sort("p_value", maintain_order=True)
    if tested.is_empty():
        return ""
    best = tested.row(0, named=True)
    apart = pairs_of(found, compared, cell=best["cell_type"])
    widest = int(abs(apart.z).argmax())
    names = compared.groups.labels
    a, b, sign = int(apart.first[widest]), int(apart.second[widest]), 1.0
    if apart.delta[widest] < 0:
        a, b, sign = b, a, -1.0
    bounds = sorted((sign * float(apart.low[widest]), sign * float(apart.high[widest])))
    shown = f"Cliff's delta {abs(float(apart.delta[widest])):.2f} ({words.signed(bounds[0])} to {words.signed(bounds[1])})"
    between = f"the largest difference by {words.inside(compared.label)} is in {_inside(best['cell_type'])}, higher in “{names[a]}” than in “{names[b]}”: {shown}, {words.q(best['q_value'])}"
    if best["q_value"] < ALPHA:
        return f"; {between}"
    return f"; no cell type differs by {words.inside(compared.label)} at a false discovery rate of 5%: the nearest to it is {_inside(best['cell_type'])}, higher in “{names[a]}” than in “{names[b]}”: {shown}, {words.q(best['q_value'])}"


def _inside(name: str) -> str:
    """A cell type inside a sentence: "macrophages M2", "B cells", "TILs"."""
    return name if name[1:2].isupper() or name[1:2] in {" ", "-"} else words.inside(name)

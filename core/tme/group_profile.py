"""Group profile: what a group on the map is made of, and which genes tell it from the rest."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

from core.answer import Answer
from core.cohort.provenance import provenance
from core.cohort.query import CohortQuery
from core.errors import NotMeasured
from core.figures import words
from core.figures.superiority import superiority
from core.markers.scan.discrimination import auc_many
from core.tme import map as tme
from core.tme import spaces
from core.tme.group import LEAST, Group, group
from core.tme.naming import label
from core.tme.rank_difference import patches, rank_difference
from core.tme.signature_frame import IDENTITY, signature_frame
from data.store import Store

KNOWN = 0.8
"""Share of the patients who must have a measurement for it to be shown."""
LEVEL = 0.05
PATCHES = 100
STRENGTH = "Point: probability that a patient of the group has more of it than one of the others, ties one half (50% = no difference), with DeLong's 95% interval"


def made_of(store: Store, query: CohortQuery, *, chosen: str) -> Answer:
    """Signatures and cell fractions of a group against the rest: effects with intervals, without a test.

    The map is made from signatures, so that a group outlined on it differs in them by construction: no p value is given.

    Raises
    ------
    As `core.tme.group.group`; NotMeasured where nobody has a signature or a cell fraction.
    """
    found = group(store, query, chosen=chosen)
    people = found.frame()
    blocks = [_signatures(store, found), _cells(store, found)]
    parts = []
    for kind, block in zip(("signature", "cell fraction"), blocks, strict=True):
        names = [c for c in block.columns if c != "patient_id"]
        if not names:
            continue
        wide = people.join(block, on="patient_id", how="left", maintain_order="left")
        x = wide.select(pl.col(names).cast(pl.Float64).fill_null(np.nan)).to_numpy().reshape(wide.height, len(names))
        enough = np.isfinite(x).mean(axis=0) >= KNOWN
        inside = np.arange(wide.height) < len(found.inside)
        areas = auc_many(inside, x)
        parts.append(
            pl.DataFrame(
                {
                    "label": [label(n) for n in names], "kind": kind, "auc": areas.auc, "ci_low": areas.ci_low, "ci_high": areas.ci_high,
                    "n": np.isfinite(x).sum(axis=0),
                }
            ).filter(pl.Series(enough))
        )  # fmt: skip
    if not parts or not (table := pl.concat(parts)).height:
        raise NotMeasured(f"no signature or cell fraction is known for most patients of {found.query.describe()}; pick a study with expression")
    table = table.sort((pl.col("auc") - 0.5).abs(), descending=True, nulls_last=True, maintain_order=True)
    n = len(people)
    caption = (
        f"{STRENGTH}; n = {len(found.inside):,} against {len(found.outside):,}. {table.height:,} signatures and cell fractions known for at least {KNOWN:.0%} of them. "
        "No test: the map is made from signatures, so that any group outlined on it differs in some."
    )
    source = provenance(store, found.query, n=n)
    chart = superiority(table, provenance=source, slug="map-group-made-of", title=f"What “{found.name}” is made of", caption=caption, group=found.name)
    return Answer(sentence=_made_of_sentence(found, table), charts=(chart,))


def genes(store: Store, query: CohortQuery, *, chosen: str, seed: int = 0) -> Answer:
    """Genes that differ between a group and the rest: rank test a gene, false discovery rate, and what any outline would give.

    Null hypothesis of each test: the gene has the same distribution inside and outside. The group was chosen on the same expression,
    which the tests do not know; the number of genes called is therefore set beside that of patches drawn at random on the same map.

    Raises
    ------
    As `core.tme.group.group`; NotMeasured where fewer than five patients inside or outside have expression.
    """
    found = group(store, query, chosen=chosen)
    names, x, member, who = expression(store, found)
    places = tme.positions(store, found.query, space=found.chosen.space, layout=found.chosen.layout)
    at = pl.DataFrame({"patient_id": who}).join(places, on="patient_id", how="left", maintain_order="left").select("x", "y").to_numpy()
    result = rank_difference(x, member, patches=patches(at, int(member.sum()), count=PATCHES, seed=seed), level=LEVEL)
    table = pl.DataFrame({"label": names, "auc": result.auc, "p_value": result.p_value, "q": result.q_value}).with_row_index("row")
    table = table.fill_nan(None).sort((pl.col("auc") - 0.5).abs(), descending=True, nulls_last=True, maintain_order=True)
    shown = np.concatenate([table.sort("auc", descending=True, nulls_last=True)["row"].head(10).to_numpy(), table.sort("auc", nulls_last=True)["row"].head(10).to_numpy()])
    areas = auc_many(member, x[shown].T)
    ends = pl.DataFrame({"row": shown, "ci_low": areas.ci_low, "ci_high": areas.ci_high}, schema_overrides={"row": pl.UInt32}).unique("row")
    table = table.join(ends, on="row", how="left", maintain_order="left").drop("row")
    low, middle, high = (int(v) for v in np.quantile(result.null_called, (0.025, 0.5, 0.975)))
    caption = (
        f"{STRENGTH}; n = {int(member.sum()):,} against {int((~member).sum()):,} with expression. Wilcoxon-Mann-Whitney test a gene, false discovery rate (FDR) by "
        f"Benjamini-Hochberg over {words.count(len(names), 'gene')}; grey: 5% or more. The group was chosen on a map of the same expression, so that these tests look "
        f"twice at the same data: {len(result.null_called):,} patches of the same size around patients drawn at random on this map call {middle:,} genes (median; "
        f"95%: {low:,} to {high:,}) where this group calls {result.called:,}."
    )
    source = provenance(store, found.query, n=member.size, n_missing=len(found.inside) + len(found.outside) - member.size)
    chart = superiority(table, provenance=source, slug="map-group-genes", title=f"Genes that tell “{found.name}” from the others", caption=caption, group=found.name)
    more = result.called > high
    verdict = "more than almost any" if more else "no more than any"
    top = table.filter(pl.col("q") < LEVEL)
    up, down = top.filter(pl.col("auc") > 0.5)["label"].head(3).to_list(), top.filter(pl.col("auc") < 0.5)["label"].head(3).to_list()
    named = "; ".join(f"{head} {words.listing(part)}" for head, part in (("highest", up), ("lowest", down)) if part)
    sentence = (
        f"{result.called:,} of {words.count(len(names), 'gene')} differ at a false discovery rate of 5%, {verdict} patch of the same size on this map "
        f"gives (median {middle:,}, 95%: {low:,} to {high:,}){f'; {named}' if named else ''}."
    )
    return Answer(sentence=sentence, charts=(chart,))


def expression(store: Store, found: Group) -> tuple[list[str], npt.NDArray[np.float64], npt.NDArray[np.bool_], list[str]]:
    """Genes, values (g, n), who is in the group (n,), and the patients, from the assay that holds most of them; genes with a missing value are left out.

    Raises
    ------
    NotMeasured
        Fewer than five patients inside or outside have expression.
    """
    study = found.chosen.study
    inside, everyone = set(found.inside.to_list()), {*found.inside.to_list(), *found.outside.to_list()}
    assays = store.sql("SELECT assay, patients, n_genes FROM assay WHERE study = $s AND level = 'patient' ORDER BY preferred DESC, n_genes DESC, assay", {"s": study})
    best, most = "", 0
    for name, patients, _ in assays.iter_rows():
        held = len(everyone & set(patients))
        if held > 1.1 * most:  # the preferred assay comes first
            best, most = name, held
    if best:
        names, patients, values = store.matrix(study, best)
        first = {p: i for i, p in reversed(list(enumerate(patients)))}  # a patient with two samples counts once
        kept = [i for i, p in enumerate(patients) if p in everyone and first[p] == i]
        member = np.array([patients[i] in inside for i in kept], dtype=bool)
        if min(member.sum(), (~member).sum()) >= LEAST:
            x = values[:, kept].astype(np.float64)
            whole = np.isfinite(x).all(axis=1) & (np.ptp(x, axis=1) > 0)
            return [n for n, w in zip(names, whole, strict=True) if w], x[whole], member, [patients[i] for i in kept]
    raise NotMeasured(f"{study} has expression of fewer than {LEAST} patients inside or outside the group; pick a group on a map of a study with expression")


def _signatures(store: Store, found: Group) -> pl.DataFrame:
    table = signature_frame(store, (found.chosen.study,))
    return table.drop([c for c in IDENTITY if c != "patient_id"])


def _cells(store: Store, found: Group) -> pl.DataFrame:
    rows = store.sql(
        """SELECT patient_id, method || ': ' || cell_type AS cell, any_value(fraction) AS fraction FROM cell_fraction
           WHERE study = $s AND fraction IS NOT NULL GROUP BY 1, 2 ORDER BY 2, 1""",
        {"s": found.chosen.study},
    )
    if rows.is_empty():
        return pl.DataFrame(schema={"patient_id": pl.String})
    return rows.pivot(on="cell", index="patient_id", values="fraction", aggregate_function="first")


def _made_of_sentence(found: Group, table: pl.DataFrame) -> str:
    known = table.drop_nulls("auc")
    up, down = known.filter(pl.col("auc") >= 0.5).head(2), known.filter(pl.col("auc") < 0.5).head(2)
    parts = []
    for head, part in (("higher", up), ("lower", down)):
        named = [f"{words.inside(row['label'])} ({words.percent(row['auc'])})" for row in part.rows(named=True)]
        parts += [f"{head} in {words.listing(named)}"] if named else []
    where = spaces.WORDS.get(found.chosen.space, found.chosen.space)
    return f"“{found.name}” against the others is {' and '.join(parts)}; in brackets: how often a patient of the group has more. The map is made of {where}."

"""Two measurements of the same tumours: slides beside RNA, or two ways of reading the same RNA, and how far they agree."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from core.answer import Answer
from core.cohort import frame as cohort_frame
from core.cohort.provenance import names, provenance
from core.cohort.query import CohortQuery
from core.errors import CohortError, NotMeasured
from core.figures import words
from core.figures.agreement import agreement as drawn
from core.tme import cells
from core.tme.agreement import LEAST, agreement
from core.tme.estimates import estimates
from data.store import Store

Floats = npt.NDArray[np.float64]

NOT_TRUTH = "Agreement of two measurements of the same tumour, not validation against truth"
SAME_RNA = "Two ways of reading the same RNA: agreement of two algorithms, not validation against truth"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One measurement. source : 'slides', 'quantiseq', ... (see `cells.METHODS`), 'column' or 'score'; name : part, column or
    signature; label : in words."""

    source: str
    name: tuple[str, ...]
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two measurements of one thing. same : both come from the same RNA."""

    label: str
    first: Measure
    second: Measure
    same: bool = False


def _slide(part: str) -> Measure:
    return Measure(source="slides", name=(part,), label=f"{part} per mm² (H&E)")


def _fraction(part: str) -> Measure:
    return Measure(source=cells.ABSOLUTE.key, name=(part,), label=f"{part} (CIBERSORT × leukocyte fraction)")


def _score(name: str, label: str) -> Measure:
    return Measure(source="score", name=(name,), label=f"{label} (RNA, Thorsson 2018)")


_MAP = Measure(source="column", name=("til_percent",), label="TILs, % of tissue (H&E)")
_LYMPHOCYTES = _score("thorsson_lymphocyte_infiltration", "lymphocyte infiltration score")
_STROMA = _score("thorsson_tgf_beta", "TGF-β response score")


def _algorithms(label: str, quantiseq: tuple[str, ...], mcp: str) -> Comparison:
    return Comparison(
        label=label, first=Measure(source="quantiseq", name=quantiseq, label=f"{' + '.join(quantiseq)} (quanTIseq)"),
        second=Measure(source="mcp", name=(mcp,), label=f"{mcp} (MCP-counter)"), same=True,
    )  # fmt: skip


SETS: Mapping[str, tuple[str, tuple[Comparison, ...]]] = {
    "fractions": (
        "Slides against cell fractions",
        (
            Comparison(label="Lymphocytes", first=_slide("Lymphocytes"), second=_fraction("TILs")),
            Comparison(label="TIL maps", first=_MAP, second=_fraction("TILs")),
            Comparison(label="Plasma cells", first=_slide("Plasma cells"), second=_fraction("Plasma cells")),
            Comparison(label="Macrophages", first=_slide("Macrophages"), second=_fraction("TAMs")),
        ),
    ),
    "scores": (
        "Slides against RNA scores",
        (
            Comparison(label="Lymphocytes", first=_slide("Lymphocytes"), second=_LYMPHOCYTES),
            Comparison(label="TIL maps", first=_MAP, second=_LYMPHOCYTES),
            Comparison(label="Macrophages", first=_slide("Macrophages"), second=_score("thorsson_macrophage", "macrophage regulation score")),
            Comparison(label="Fibroblasts", first=_slide("Fibroblasts"), second=_STROMA),
        ),
    ),
    "slides": ("TIL maps against counted lymphocytes", (Comparison(label="Lymphocytes, two readings of slides", first=_MAP, second=_slide("Lymphocytes")),)),
    "algorithms": (
        "quanTIseq against MCP-counter",
        (
            _algorithms("T cells", ("CD8 T cells", "CD4 T cells, non-regulatory", "Regulatory T cells"), "T cells"),
            _algorithms("CD8 T cells", ("CD8 T cells",), "CD8 T cells"),
            _algorithms("B cells", ("B cells",), "B lineage"),
            _algorithms("NK cells", ("NK cells",), "NK cells"),
            _algorithms("Monocytes and macrophages", ("Macrophages M1", "Macrophages M2", "Monocytes"), "Monocytic lineage (TAMs)"),
            _algorithms("Dendritic cells", ("Dendritic cells",), "Myeloid dendritic cells"),
            _algorithms("Neutrophils", ("Neutrophils",), "Neutrophils"),
        ),
    ),
}
"""Pairs that are compared, fixed beforehand, by set: key -> (label, comparisons)."""
NO_FRACTION = "No fraction counts fibroblasts: quanTIseq and CIBERSORT have no stromal profile. They are compared with an RNA score in the other set."


def comparisons(store: Store, query: CohortQuery) -> dict[str, str]:
    """Sets of pairs of which this cohort has at least one, key -> label."""
    condition, params = query.where()
    inside = f"patient_id IN (SELECT patient_id FROM patient WHERE {condition})"
    has = store.sql(
        f"""SELECT EXISTS (SELECT 1 FROM slide_feature WHERE {inside}) AS slides,
                   EXISTS (SELECT 1 FROM patient WHERE til_percent IS NOT NULL AND {condition}) AS maps,
                   EXISTS (SELECT 1 FROM patient WHERE leukocyte_fraction IS NOT NULL AND {condition}) AND
                   EXISTS (SELECT 1 FROM cell_fraction WHERE method = 'CIBERSORT' AND {inside}) AS fractions,
                   EXISTS (SELECT 1 FROM signature_score WHERE starts_with(signature, 'thorsson_') AND {inside}) AS scores,
                   EXISTS (SELECT 1 FROM cell_fraction WHERE method = 'quanTIseq' AND {inside}) AND
                   EXISTS (SELECT 1 FROM signature_score WHERE starts_with(signature, 'mcp_') AND {inside}) AS algorithms""",
        params,
    ).row(0, named=True)
    slides = has["slides"] or has["maps"]
    offered = {"fractions": slides and has["fractions"], "scores": slides and has["scores"], "slides": has["slides"] and has["maps"], "algorithms": has["algorithms"]}
    return {key: SETS[key][0] for key, there in offered.items() if there}


def two_measurements(store: Store, query: CohortQuery, *, pairs: str) -> Answer:
    """Rank correlation of each pair of a set, by cancer type (by study where there is one cancer type or none), and pooled.

    Parameters
    ----------
    pairs : key of SETS.

    Raises
    ------
    NotMeasured
        No group has LEAST patients with both measurements; the message names studies that have them.
    """
    chosen = SETS[pairs][1] if pairs in SETS else SETS["fractions"][1]
    everyone = cohort_frame.patients(store, query, columns=("patient_id", "study", "cancer_type"))
    by_cancer = everyone["cancer_type"].n_unique() - int(everyone["cancer_type"].null_count() > 0) > 1
    called = names(store.studies())
    groups = everyone["cancer_type"] if by_cancer else everyone["study"].replace(called)
    read: dict[tuple[str, tuple[str, ...]], Floats] = {}
    tables = []
    anyone = np.zeros(everyone.height, dtype=bool)
    for comparison in chosen:
        both = [_values(store, query, everyone, measure=m, read=read) for m in (comparison.first, comparison.second)]
        if any(v is None for v in both):
            continue
        first, second = (v for v in both if v is not None)
        anyone |= np.isfinite(first) & np.isfinite(second)
        found = agreement(first, second, groups=groups.to_list()).filter(pl.col("n") > 0)
        tables.append(found.with_columns(pair=pl.lit(comparison.label), first=pl.lit(comparison.first.label), second=pl.lit(comparison.second.label)))
    table = pl.concat(tables) if tables else pl.DataFrame(schema={"rho": pl.Float64})
    if table["rho"].count() == 0:
        raise _nothing(store, query)
    few = table.filter(pl.col("rho").is_null())
    table = table.drop_nulls("rho")
    same = chosen[0].same
    patients = int(anyone.sum())
    source = provenance(store, query, n=patients, n_missing=everyone.height - patients)
    warnings = (NO_FRACTION,) if pairs == "fractions" else ()
    if few.height:
        warnings = (*warnings, f"Fewer than {LEAST} patients with both measurements, left out: {words.listing(few['group'].unique(maintain_order=True).to_list())}.")
    told = "; ".join(f"{c.label}: {c.first.label} against {c.second.label}" for c in chosen if c.label in set(table["pair"])) if same else ""
    caption = (
        f"Spearman's rank correlation with 95% CI (Bonett-Wright), in each {'cancer type' if by_cancer else 'study'}"
        f"{'; diamonds: random-effects mean (REML, Hartung-Knapp)' if table['pooled'].any() else ''}. n: patients with both; missing: with one of the two only. "
        f"{SAME_RNA if same else NOT_TRUTH}.{f' {told}.' if told else ''}"
    )
    return Answer(sentence=_sentence(table, same=same), charts=(drawn(table, provenance=source, caption=caption, warnings=warnings),))


def _values(
    store: Store, query: CohortQuery, everyone: pl.DataFrame, *, measure: Measure, read: dict[tuple[str, tuple[str, ...]], Floats]
) -> Floats | None:
    """(n,) values in the order of `everyone`, nan where missing; None where the cohort has none."""
    key = (measure.source, measure.name)
    if key not in read:
        try:
            frame = _frame(store, query, measure)
        except NotMeasured:
            return None
        joined = everyone.select("patient_id").join(frame, on="patient_id", how="left", maintain_order="left")
        read[key] = joined["value"].cast(pl.Float64).fill_null(np.nan).to_numpy()
    return read[key] if np.isfinite(read[key]).any() else None


def _frame(store: Store, query: CohortQuery, measure: Measure) -> pl.DataFrame:
    if measure.source == "column":
        return store.patients(query.where(), columns=("patient_id", measure.name[0])).rename({measure.name[0]: "value"})
    if measure.source == "score":
        condition, params = query.where()
        return store.sql(
            f"""SELECT patient_id, any_value(score) AS value FROM signature_score
                WHERE signature = $name AND patient_id IN (SELECT patient_id FROM patient WHERE {condition}) GROUP BY 1""",
            {**params, "name": measure.name[0]},
        )
    found = estimates(store, query, method=measure.source).frame
    absent = [name for name in measure.name if name not in found.columns]
    if absent:
        raise NotMeasured(f"{words.listing(absent)}: not measured here; choose another pair")
    return found.select("patient_id", pl.sum_horizontal(measure.name, ignore_nulls=False).alias("value"))


def _nothing(store: Store, query: CohortQuery) -> CohortError:
    with_slides = store.sql("SELECT study, count(DISTINCT patient_id) AS n FROM slide_feature GROUP BY 1 ORDER BY n DESC, study")["study"].to_list()
    return cohort_frame.not_measured(f"A pair of measurements of the same tumour (in at least {LEAST} patients)", query, elsewhere=with_slides)


def _sentence(table: pl.DataFrame, *, same: bool) -> str:
    """The strongest and the weakest pair, in one sentence."""
    heads = []
    for pair in table["pair"].unique(maintain_order=True):
        own = table.filter(pl.col("pair") == pair)
        best = own.filter(pl.col("pooled")) if own["pooled"].any() else own.sort("n", descending=True).head(1)
        heads.append(best.row(0, named=True))
    heads.sort(key=lambda row: -row["rho"])
    who = "Two algorithms on the same RNA" if same else "Two measurements"
    least = f"; least for {_clause(heads[-1])}" if len(heads) > 1 else ""
    return f"{who} rank tumours alike {'most ' if least else ''}for {_clause(heads[0])}{least}."


def _clause(row: dict[str, object]) -> str:
    where = "pooled" if row["pooled"] else str(row["group"])
    label = str(row["pair"])
    own = label if label[:2].isupper() or label[1:2] == " " else words.inside(label)
    return f"{own}: rho {words.ratio(_float(row['rho']))} ({words.ratio(_float(row['low']))} to {words.ratio(_float(row['high']))}, {where}, n = {row['n']:,})"


def _float(value: object) -> float:
    return float(value) if isinstance(value, (int, float)) else float("nan")



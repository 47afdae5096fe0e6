"""Atlas: what a section of tissue shows, in one sentence, with its figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from core.answer import Answer
from core.cohort.provenance import provenance
from core.cohort.query import CohortQuery
from core.errors import NotMeasured
from core.figures import words
from core.figures.chart import Chart
from core.figures.spot_map import counted, legend, limits, painted, spoken, spot_map
from core.figures.type_pairs import type_pairs
from core.spatial.infiltrate import LABEL, auc_in_blocks
from core.spatial.section import SectionView, section_view, unstable
from core.tme.map import STABLE
from data.sources.her2st import STUDY
from data.store import Store

FEWEST_LABELLED = 5
IN_SAMPLE = "; in-sample: the gene set was chosen among six on sections of this study"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tissue(Answer):
    """A section's answer.

    Attributes
    ----------
    view : its spots. colours : of each spot, '' = no value. said : what is said about each. legend : name -> (colour, its spots and, where it is
        unstable, its stability, in words), or empty for a number, then limits : values at the ends of the colours.
    """

    view: SectionView
    colours: tuple[str, ...]
    said: tuple[str, ...]
    legend: dict[str, tuple[str, str]]
    limits: tuple[float, float] | None


def tissue(store: Store, query: CohortQuery, *, section: str, colour: str = "cluster", folder: str = "") -> Tissue:
    """A section with its colouring and what is found in it.

    Raises
    ------
    UnknownName, NotMeasured
        As `core.spatial.section.section_view`.
    """
    view = section_view(store, query, section=section, colour=colour, folder=folder)
    chart = spot_map(view, provenance=provenance(store, query.__class__((view.study,)), n=1))
    return Tissue(
        sentence=_sentence(store, view), charts=(chart,), view=view, colours=tuple(painted(view)), said=tuple(spoken(view)),
        legend={name: (colour, counted(view, name, n)) for name, (colour, n) in legend(view).items()} if view.kind == "category" else {},
        limits=None if view.kind == "category" else limits(view),
    )  # fmt: skip


def _sentence(store: Store, view: SectionView) -> str:
    at = {"study": view.study, "section": view.section}
    clusters = store.sql(
        """SELECT name, count(*) AS n, any_value(stability) AS stability FROM spot_cluster
           WHERE study = $study AND section_id = $section AND grouping = 'expression' GROUP BY 1 ORDER BY 2 DESC""",
        at,
    )
    said = f"Section {view.section} has {view.n:,} spots"
    if clusters.height:
        said += f" in {clusters.height} clusters; the largest ({words.percent(clusters['n'][0] / view.n)}) stands out for {words.inside(clusters['name'][0])}"
        said += _shaky(unstable(store, at, "expression"), clusters.height)
    judged = store.sql(
        """SELECT s.x_um, s.y_um, s.label, c.value FROM spot s JOIN spot_score c USING (study, section_id, spot_id)
           WHERE s.study = $study AND s.section_id = $section AND c.score = 'infiltrate' AND s.label IS NOT NULL AND c.value IS NOT NULL""",
        at,
    )
    positive = int((judged["label"] == LABEL).sum())
    if positive >= FEWEST_LABELLED:
        auc, low, high = auc_in_blocks(
            judged["value"].to_numpy(), (judged["label"] == LABEL).to_numpy(), positions=judged.select("x_um", "y_um").to_numpy().astype(np.float64)
        )
        said += (
            f". Lymphocyte and plasma-cell genes find the pathologist's {positive} immune-infiltrate spots with AUC {auc:.2f} "
            f"(95% CI {low:.2f} to {high:.2f}, spots resampled in blocks, n = {judged.height:,}{IN_SAMPLE if view.study == STUDY else ''})"
        )
    return f"{said}."


def _shaky(weak: Mapping[str, float], clusters: int) -> str:
    """How many clusters refits do not find again."""
    if not weak:
        return ""
    least, most = min(weak.values()), max(weak.values())
    values = f"{least:.2f}" if f"{least:.2f}" == f"{most:.2f}" else f"{least:.2f} to {most:.2f}"
    how = f"all {clusters} clusters are" if len(weak) == clusters else f"{words.count(len(weak), 'cluster')} {'is' if len(weak) == 1 else 'are'}"
    return f"; {how} unstable (stability {values}, under {STABLE:g})"


def pairs(store: Store, query: CohortQuery, *, section: str) -> Chart:
    """Which cell types lie side by side in a section.

    Raises
    ------
    NotMeasured
        The section has no cell-type proportions.
    """
    view = section_view(store, query, section=section, colour="total")
    found = store.sql(
        """SELECT first_type, second_type, n, observed, expected, z, p_value, q_value FROM cell_pair WHERE study = $study AND section_id = $section
           ORDER BY abs(z) DESC NULLS LAST, first_type, second_type""",
        {"study": view.study, "section": view.section},
    )
    if found.is_empty():
        raise NotMeasured(f"section {view.section} comes without cell-type proportions, so that no two cell types can be compared; pick a section that has them")
    return type_pairs(found, section=view.section, provenance=provenance(store, CohortQuery((view.study,)), n=1))


def groups(store: Store, query: CohortQuery, *, section: str) -> pl.DataFrame:
    """Clusters and niches of a section: grouping, group, n, share, stability, verdict on it."""
    view = section_view(store, query, section=section, colour="total")
    return store.sql(
        """SELECT CASE grouping WHEN 'niche' THEN 'Niche, over all sections' ELSE 'Expression cluster' END AS grouping, name AS "group", count(*) AS n,
                  count(*) / sum(count(*)) OVER (PARTITION BY grouping) AS share, any_value(stability) AS stability,
                  CASE WHEN any_value(stability) < $stable THEN 'unstable' WHEN any_value(stability) IS NOT NULL THEN 'stable' END AS verdict
           FROM spot_cluster WHERE study = $study AND section_id = $section GROUP BY grouping, name ORDER BY grouping, n DESC""",
        {"study": view.study, "section": view.section, "stable": STABLE},
    )


def peaks(store: Store, query: CohortQuery, *, section: str) -> pl.DataFrame:
    """Spots of a section where a tertiary lymphoid structure may lie: spot, score, parts, p; most likely first."""
    view = section_view(store, query, section=section, colour="total")
    return store.sql(
        """SELECT l.spot_id, s.label AS region, l.score, l.b_cells, l.t_cells, l.chemokines_12, l.p_value AS p FROM lymphoid_peak l JOIN spot s USING (study, section_id, spot_id)
           WHERE l.study = $study AND l.section_id = $section ORDER BY l.p_value, l.score DESC""",
        {"study": view.study, "section": view.section},
    )

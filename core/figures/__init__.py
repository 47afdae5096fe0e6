"""Figures: contents table, name -> where it lives; each is a pure function -> Chart.

Drawn in the light theme; `dress(chart.figure, dark=True)` gives the dark one.
"""

from __future__ import annotations

from collections.abc import Mapping

from core.figures.abstention import risk_coverage, strangeness
from core.figures.accuracy_over_time import accuracy_over_time
from core.figures.adjusted_curves import adjusted_curves
from core.figures.agreement import agreement
from core.figures.annotation import annotation
from core.figures.attention import attention
from core.figures.beeswarm import beeswarm
from core.figures.calibration import calibration, recalibration
from core.figures.cell_composition import cell_composition
from core.figures.cell_density import cell_density
from core.figures.cell_groups import cell_groups
from core.figures.cell_map import cell_map
from core.figures.cell_pairs import cell_pairs
from core.figures.chart import Chart, Provenance
from core.figures.checklist import checklist
from core.figures.claims import claims
from core.figures.composition import composition
from core.figures.conformal import conformal, conformal_coverage
from core.figures.counterfactual import counterfactual
from core.figures.cox_forest import cox_forest
from core.figures.cutoff_curve import cutoff_curve
from core.figures.decision_curve import decision_curve
from core.figures.deletion import deletion
from core.figures.dependence import dependence
from core.figures.distribution import distribution
from core.figures.embedding import embedding
from core.figures.fairness import fairness
from core.figures.flow import flow
from core.figures.forest import forest
from core.figures.four_curves import four_curves
from core.figures.image_expression import image_expression
from core.figures.importance import importance
from core.figures.incidence import incidence
from core.figures.km import km
from core.figures.missingness import missingness
from core.figures.mixing import mixing
from core.figures.modality_share import modality_share
from core.figures.null_hits import null_hits
from core.figures.optimism import optimism
from core.figures.point_pattern import point_pattern
from core.figures.precision_recall import precision_recall
from core.figures.predictive_values import predictive_values
from core.figures.quality import quality
from core.figures.ranked import cohort_effects, ranked
from core.figures.response_rate import response_rate
from core.figures.restricted_mean import restricted_mean
from core.figures.roc import roc
from core.figures.rule_transfer import rule_transfer
from core.figures.schoenfeld import schoenfeld
from core.figures.slide_attention import slide_attention
from core.figures.slide_tissue import slide_tissue, tile_gallery
from core.figures.spline_effect import spline_effect
from core.figures.spot_map import spot_map
from core.figures.subgroups import subgroups
from core.figures.superiority import superiority
from core.figures.theme import dress
from core.figures.transport import transport
from core.figures.tumour_change import tumour_change
from core.figures.two_by_two import two_by_two
from core.figures.type_pairs import type_pairs
from core.figures.volcano import volcano
from core.figures.waterfall import waterfall

FIGURES: Mapping[str, str] = {
    "superiority": "core.figures.superiority:superiority",
    "volcano": "core.figures.volcano:volcano",
    "ranked": "core.figures.ranked:ranked",
    "cohort_effects": "core.figures.ranked:cohort_effects",
    "null_hits": "core.figures.null_hits:null_hits",
    "km": "core.figures.km:km",
    "roc": "core.figures.roc:roc",
    "forest": "core.figures.forest:forest",
    "calibration": "core.figures.calibration:calibration",
    "response_rate": "core.figures.response_rate:response_rate",
    "embedding": "core.figures.embedding:embedding",
    "composition": "core.figures.composition:composition",
    "cell_composition": "core.figures.cell_composition:cell_composition",
    "cell_groups": "core.figures.cell_groups:cell_groups",
    "cell_pairs": "core.figures.cell_pairs:cell_pairs",
    "agreement": "core.figures.agreement:agreement",
    "distribution": "core.figures.distribution:distribution",
    "flow": "core.figures.flow:flow",
    "missingness": "core.figures.missingness:missingness",
    "beeswarm": "core.figures.beeswarm:beeswarm",
    "importance": "core.figures.importance:importance",
    "cutoff_curve": "core.figures.cutoff_curve:cutoff_curve",
    "spline_effect": "core.figures.spline_effect:spline_effect",
    "optimism": "core.figures.optimism:optimism",
    "dependence": "core.figures.dependence:dependence",
    "waterfall": "core.figures.waterfall:waterfall",
    "quality": "core.figures.quality:quality",
    "precision_recall": "core.figures.precision_recall:precision_recall",
    "recalibration": "core.figures.calibration:recalibration",
    "risk_coverage": "core.figures.abstention:risk_coverage",
    "strangeness": "core.figures.abstention:strangeness",
    "fairness": "core.figures.fairness:fairness",
    "conformal": "core.figures.conformal:conformal",
    "conformal_coverage": "core.figures.conformal:conformal_coverage",
    "decision_curve": "core.figures.decision_curve:decision_curve",
    "transport": "core.figures.transport:transport",
    "subgroups": "core.figures.subgroups:subgroups",
    "tumour_change": "core.figures.tumour_change:tumour_change",
    "checklist": "core.figures.checklist:checklist",
    "claims": "core.figures.claims:claims",
    "four_curves": "core.figures.four_curves:four_curves",
    "predictive_values": "core.figures.predictive_values:predictive_values",
    "two_by_two": "core.figures.two_by_two:two_by_two",
    "accuracy_over_time": "core.figures.accuracy_over_time:accuracy_over_time",
    "adjusted_curves": "core.figures.adjusted_curves:adjusted_curves",
    "cox_forest": "core.figures.cox_forest:cox_forest",
    "incidence": "core.figures.incidence:incidence",
    "restricted_mean": "core.figures.restricted_mean:restricted_mean",
    "modality_share": "core.figures.modality_share:modality_share",
    "deletion": "core.figures.deletion:deletion",
    "counterfactual": "core.figures.counterfactual:counterfactual",
    "attention": "core.figures.attention:attention",
    "schoenfeld": "core.figures.schoenfeld:schoenfeld",
    "mixing": "core.figures.mixing:mixing",
    "annotation": "core.figures.annotation:annotation",
    "rule_transfer": "core.figures.rule_transfer:rule_transfer",
    "cell_density": "core.figures.cell_density:cell_density",
    "cell_map": "core.figures.cell_map:cell_map",
    "point_pattern": "core.figures.point_pattern:point_pattern",
    "image_expression": "core.figures.image_expression:image_expression",
    "slide_tissue": "core.figures.slide_tissue:slide_tissue",
    "tile_gallery": "core.figures.slide_tissue:tile_gallery",
    "slide_attention": "core.figures.slide_attention:slide_attention",
    "spot_map": "core.figures.spot_map:spot_map",
    "type_pairs": "core.figures.type_pairs:type_pairs",
}

__all__ = [
    "FIGURES",
    "Chart",
    "Provenance",
    "accuracy_over_time",
    "adjusted_curves",
    "agreement",
    "annotation",
    "attention",
    "beeswarm",
    "calibration",
    "cell_composition",
    "cell_density",
    "cell_groups",
    "cell_map",
    "cell_pairs",
    "checklist",
    "claims",
    "cohort_effects",
    "composition",
    "conformal",
    "conformal_coverage",
    "counterfactual",
    "cox_forest",
    "cutoff_curve",
    "decision_curve",
    "deletion",
    "dependence",
    "distribution",
    "dress",
    "embedding",
    "fairness",
    "flow",
    "forest",
    "four_curves",
    "image_expression",
    "importance",
    "incidence",
    "km",
    "missingness",
    "mixing",
    "modality_share",
    "null_hits",
    "optimism",
    "point_pattern",
    "precision_recall",
    "predictive_values",
    "quality",
    "ranked",
    "recalibration",
    "response_rate",
    "restricted_mean",
    "risk_coverage",
    "roc",
    "rule_transfer",
    "schoenfeld",
    "slide_attention",
    "slide_tissue",
    "spline_effect",
    "spot_map",
    "strangeness",
    "subgroups",
    "superiority",
    "tile_gallery",
    "transport",
    "tumour_change",
    "two_by_two",
    "type_pairs",
    "volcano",
    "waterfall",
]

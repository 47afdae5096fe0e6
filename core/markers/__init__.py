"""Markers: contents table of the statistics, name -> where it lives."""

from __future__ import annotations

from collections.abc import Mapping

STATISTICS: Mapping[str, str] = {
    "scan": "core.markers.scan.scan:scan",
    "logrank_many": "core.markers.scan.engine:logrank_many",
    "cox_many": "core.markers.scan.engine:cox_many",
    "logistic_many": "core.markers.scan.logistic:logistic_many",
    "auc_many": "core.markers.scan.discrimination:auc_many",
    "benjamini_hochberg": "core.markers.scan.multiplicity:benjamini_hochberg",
    "permutation": "core.markers.scan.permutation:permutation",
    "pooled": "core.markers.scan.meta:pooled",
    "modality_share": "core.markers.modality_share:modality_share",
    "faithfulness": "core.markers.faithfulness:faithfulness",
    "counterfactual": "core.markers.counterfactual:counterfactual",
}

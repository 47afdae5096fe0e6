"""Contents table of the TME statistics: one line a statistic, "module:function"."""

from __future__ import annotations

from collections.abc import Mapping

STATISTICS: Mapping[str, str] = {
    "signature scores": "core.tme.signatures:score_signatures",
    "rank-based single-sample score": "core.tme.single_sample:singscore",
    "cell fractions (quanTIseq TIL10)": "core.tme.deconvolution:quantiseq",
    "clusters of a table (stability, no structure)": "core.tme.clusters.discovery:discover",
    "outcome by cluster (max-type correction)": "core.tme.clusters.outcome:response_by_cluster",
    "composition of TME types": "core.tme.composition:composition",
    "cytotoxicity and exhaustion": "core.tme.t_cell_states:t_cell_states",
    "cells between groups (Kruskal-Wallis)": "core.tme.group_tests:kruskal_wallis",
    "cells between pairs of groups (Dunn, Cliff's delta)": "core.tme.group_tests:dunn",
    "agreement of two measurements (Spearman)": "core.tme.agreement:agreement",
    "trustworthiness of a map": "core.tme.layout:faithfulness",
    "genes of a group (rank test)": "core.tme.rank_difference:rank_difference",
    "cohort mixing": "core.tme.mixing.measurement:measure",
    "types against the rest": "core.tme.against_rest:against_rest",
    "a group as a rule": "core.tme.rule:learn",
    "a rule in other cohorts": "core.tme.rule:transfer",
}

"""Contents table of the TME statistics: one line a statistic, "module:function"."""

from __future__ import annotations

from collections.abc import Mapping

STATISTICS: Mapping[str, str] = {
    "signature scores": "core.tme.signatures:score_signatures",
    "rank-based single-sample score": "core.tme.single_sample:singscore",
    "cell fractions (quanTIseq TIL10)": "core.tme.deconvolution:quantiseq",
    "TME types": "core.tme.clustering:find_types",
    "composition of TME types": "core.tme.composition:composition",
}

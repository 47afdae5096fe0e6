"""T-cell states in bulk RNA: cytotoxicity and exhaustion, from marker genes after Tirosh 2016 (doi 10.1126/science.aad0501).

The two lists are short selections: genes and inhibitory receptors by which that paper tells cytotoxic and exhausted states of
single T cells apart, not its longer exhaustion programme. To average them in bulk RNA is this project's choice. Both
rise with the number of T cells in a sample; exhaustion says more beside cytotoxicity than alone.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from core.tme import expression_scale
from core.tme.signatures import Signature, score_signatures
from data.store import Store

DOI = "10.1126/science.aad0501"

CYTOTOXICITY = Signature(
    name="cytotoxicity", title="Cytotoxicity of T cells", method="mean_z", genes=("NKG7", "CCL4", "CST7", "PRF1", "GZMA", "GZMB", "IFNG", "CCL3"),
    citation="after Tirosh et al., Science 2016", doi=DOI, about="a selection of markers of cytotoxic T cells",
)  # fmt: skip
EXHAUSTION = Signature(
    name="exhaustion", title="Exhaustion of T cells", method="mean_z", genes=("PDCD1", "TIGIT", "LAG3", "HAVCR2", "CTLA4"),
    citation="after Tirosh et al., Science 2016", doi=DOI, about="five inhibitory receptors of exhausted T cells",
)  # fmt: skip
GENES = (*CYTOTOXICITY.genes, *EXHAUSTION.genes)
SCHEMA = {"patient_id": pl.String, "study": pl.String, "cytotoxicity": pl.Float64, "exhaustion": pl.Float64}


def t_cell_states(store: Store, studies: Sequence[str]) -> pl.DataFrame:
    """Cytotoxicity and exhaustion of every patient of these studies with expression.

    The score is the mean of the genes' z-scores over the study's preferred assay, standardised within the cohort: no patient
    outside the study changes it. Null where fewer than half of the genes are measured.

    Returns
    -------
    DataFrame, one row a patient: patient_id, study, cytotoxicity, exhaustion, both in SD within the cohort.

    References
    ----------
    After Tirosh et al. 2016, doi 10.1126/science.aad0501: the genes are a selection, see above.
    """
    assays = store.sql(
        """SELECT a.study, a.assay, a.unit FROM assay a WHERE a.level = 'patient' AND a.preferred AND a.study = ANY($s) ORDER BY a.study, a.assay""",
        {"s": list(studies)},
    )
    scored = [_scores(store, row) for row in assays.iter_rows()]
    if not scored:
        return pl.DataFrame(schema=SCHEMA)
    cohorts = store.sql("SELECT patient_id, cohort FROM patient WHERE study = ANY($s)", {"s": list(studies)})
    names = (CYTOTOXICITY.name, EXHAUSTION.name)
    everyone = pl.concat(scored).unique("patient_id", keep="first", maintain_order=True).join(cohorts, on="patient_id", maintain_order="left")
    spread = [
        pl.when(pl.col(n).std().over("study", "cohort") > 0)
        .then((pl.col(n) - pl.col(n).mean().over("study", "cohort")) / pl.col(n).std().over("study", "cohort"))
        .alias(n)
        for n in names
    ]
    return everyone.with_columns(spread).select(*SCHEMA)


def _scores(store: Store, assay: tuple[str, str, str]) -> pl.DataFrame:
    study, name, unit = assay
    counts = expression_scale.scale_of(unit) == "counts"  # library sizes need every gene
    genes, patients, values = store.matrix(study, name, genes=None if counts else GENES)
    first = np.unique(np.asarray(patients), return_index=True)[1]
    first.sort()
    own = [patients[i] for i in first]
    if not genes:
        return pl.DataFrame(schema=SCHEMA)
    scored = score_signatures(values[:, first], genes, own, unit=unit, signatures=(CYTOTOXICITY, EXHAUSTION))
    wide = scored.pivot(on="signature", index="sample", values="score", maintain_order=True)
    return wide.select(pl.col("sample").alias("patient_id"), pl.lit(study).alias("study"), CYTOTOXICITY.name, EXHAUSTION.name)

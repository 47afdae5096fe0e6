"""Measured: where each kind of marker lies in the database - which names a cohort has, and the value of each patient."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import polars as pl

from core.cohort import frame as cohort_frame
from core.cohort.query import CohortQuery
from core.errors import NotMeasured, UnknownName
from data.schema import PATIENT
from data.store import Store
from models import MODULES

ORDERED: Mapping[str, Mapping[str, float]] = {
    "pdl1_ic": {"IC0": 0, "IC1": 1, "IC2+": 2},
    "pdl1_tc": {"TC0": 0, "TC1": 1, "TC2+": 2},
    "ecog": {"0": 0, "1": 1, "2": 2, "3": 3, "4": 4},
    "ldh": {"normal": 0, "elevated": 1},
    "sex": {"female": 0, "male": 1},
    "stage": {"I": 1, "II": 2, "III": 3, "IV": 4},
}
"""Columns of words that have an order, and the number that each word counts as; other words are unknown."""
NOT_MARKERS = frozenset({"response", "tumour_change_percent", "treatment_year"})
ALTERED_SHARE = 0.02
"""A mutated gene is listed where at least this share of the sequenced patients, and three of them, carry it."""
CALLED = 3


def clinical_names() -> list[str]:
    """Patient columns that are markers: numbers, flags and ordered words that are no outcome."""
    return [
        c.name
        for c in PATIENT.columns
        if (c.kind in {"number", "flag"} or c.name in ORDERED) and c.name not in NOT_MARKERS
    ]


def assay_of(store: Store, study: str, *, gene: str = "") -> str | None:
    """The patient-level assay that a study's markers come from: the preferred one, unless it lacks the gene; then the
    one with most patients that has it."""
    found = store.sql(
        """SELECT a.assay FROM assay a WHERE a.study = $study AND a.level = 'patient'
             AND ($gene = '' OR EXISTS (SELECT 1 FROM expression e WHERE e.study = a.study AND e.assay = a.assay AND e.gene = $gene))
           ORDER BY a.preferred DESC, len(a.patients) DESC, a.assay LIMIT 1""",
        {"study": study, "gene": gene.upper()},
    )
    return None if found.is_empty() else str(found["assay"][0])


def _inside(query: CohortQuery) -> tuple[str, dict[str, object]]:
    """A condition on `patient_id` for other tables, with its parameters."""
    condition, params = query.where()
    return f"patient_id IN (SELECT patient_id FROM patient WHERE {condition})", params


def _list_clinical(store: Store, query: CohortQuery) -> pl.DataFrame:
    condition, params = query.where()
    counted = ", ".join(f'count("{name}") AS "{name}"' for name in clinical_names())
    row = store.sql(f"SELECT {counted} FROM patient WHERE {condition}", params).row(0, named=True)
    return _named([(name, n) for name, n in row.items() if n])


def _list_predictor(store: Store, query: CohortQuery) -> pl.DataFrame:
    inside, params = _inside(query)
    found = dict(
        store.sql(
            f"""SELECT predictor, count(DISTINCT patient_id) AS n FROM prediction
                WHERE protocol <> 'in_sample' AND score IS NOT NULL AND {inside} GROUP BY 1""",
            params,
        ).iter_rows()
    )
    return _named([(name, found[name]) for name in MODULES if name in found])


def _list_signature(store: Store, query: CohortQuery) -> pl.DataFrame:
    return _counted(store, query, "SELECT signature AS name, count(DISTINCT patient_id) AS n FROM signature_score")


def _list_cell(store: Store, query: CohortQuery) -> pl.DataFrame:
    return _counted(
        store, query, "SELECT method || '/' || cell_type AS name, count(DISTINCT patient_id) AS n FROM cell_fraction"
    )


def _list_gene(store: Store, query: CohortQuery) -> pl.DataFrame:
    condition, params = query.where()
    return store.sql(
        f"""WITH mine AS (SELECT patient_id FROM patient WHERE {condition}),
              held AS (SELECT study, assay, count(*) AS n FROM (
                SELECT study, assay, unnest(patients) AS patient_id FROM assay WHERE level = 'patient' AND study = ANY($studies)
              ) JOIN mine USING (patient_id) GROUP BY 1, 2)
            SELECT gene AS name, sum(n)::BIGINT AS n FROM (
              SELECT e.gene, e.study, max(h.n) AS n FROM expression e JOIN held h USING (study, assay) GROUP BY 1, 2)
            GROUP BY 1 HAVING sum(n) > 0 ORDER BY 1""",
        params,
    )


def _list_mutation(store: Store, query: CohortQuery) -> pl.DataFrame:
    """Genes mutated often enough; n = sequenced patients of the studies that name mutations."""
    sequenced = sequenced_patients(store, query)
    if sequenced.is_empty():
        return _named([])
    inside, params = _inside(query)
    found = store.sql(
        f"""SELECT gene AS name, count(DISTINCT patient_id) AS carriers FROM mutation
            WHERE effect IS DISTINCT FROM 'silent' AND {inside} GROUP BY 1 ORDER BY 1""",
        params,
    )
    least = max(CALLED, ALTERED_SHARE * sequenced.height)
    return found.filter(pl.col("carriers") >= least).select("name", pl.lit(sequenced.height).cast(pl.Int64).alias("n"))


def _list_copy_number(store: Store, query: CohortQuery) -> pl.DataFrame:
    inside, params = _inside(query)
    profiled = store.sql(f"SELECT DISTINCT patient_id FROM copy_number WHERE {inside}", params).height
    found = store.sql(
        f"SELECT gene AS name, count(*) AS n FROM copy_number WHERE {inside} GROUP BY 1 ORDER BY 1", params
    )
    return found.filter(pl.col("n") >= max(CALLED, ALTERED_SHARE * profiled)).with_columns(
        pl.lit(profiled).cast(pl.Int64).alias("n")
    )


def _counted(store: Store, query: CohortQuery, select: str) -> pl.DataFrame:
    inside, params = _inside(query)
    return store.sql(f"{select} WHERE {inside} GROUP BY 1 ORDER BY 1", params)


def _named(rows: list[tuple[str, int]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema={"name": pl.String, "n": pl.Int64}, orient="row")


def _clinical_values(store: Store, query: CohortQuery, name: str) -> pl.DataFrame:
    frame = cohort_frame.patients(store, query, columns=("patient_id", name))
    if name in ORDERED:
        number = pl.col(name).replace_strict(dict(ORDERED[name]), default=None, return_dtype=pl.Float64)
    else:
        number = pl.col(name).cast(pl.Float64)
    return frame.select("patient_id", number.alias("value"))


def _predictor_values(store: Store, query: CohortQuery, name: str) -> pl.DataFrame:
    from core.response.predicted import scores

    outside = scores(store, query, name).select("patient_id", pl.col("score").alias("value"), "protocol")
    inside, params = _inside(query)
    trained = store.sql(
        f"""SELECT DISTINCT ON (patient_id) patient_id, score AS value, protocol FROM prediction
            WHERE predictor = $predictor AND protocol = 'in_sample' AND score IS NOT NULL AND {inside}""",
        {**params, "predictor": name},
    )
    return pl.concat([outside, trained.join(outside, on="patient_id", how="anti")], how="vertical_relaxed")


def _signature_values(store: Store, query: CohortQuery, name: str) -> pl.DataFrame:
    """Standardised within the cohort; of the preferred assay where a patient has several."""
    inside, params = _inside(query)
    return store.sql(
        f"""SELECT DISTINCT ON (s.patient_id) s.patient_id, coalesce(s.z, s.score) AS value
            FROM signature_score s LEFT JOIN assay a USING (study, assay)
            WHERE s.signature = $name AND s.{inside}
            ORDER BY s.patient_id, coalesce(a.preferred, false) DESC, len(a.patients) DESC NULLS LAST, s.assay""",
        {**params, "name": name},
    )


def _cell_values(store: Store, query: CohortQuery, name: str) -> pl.DataFrame:
    method, _, cell = name.partition("/")
    inside, params = _inside(query)
    return store.sql(
        f"SELECT patient_id, fraction AS value FROM cell_fraction WHERE method = $method AND cell_type = $cell AND {inside}",
        {**params, "method": method, "cell": cell},
    )


def _gene_values(store: Store, query: CohortQuery, name: str) -> pl.DataFrame:
    try:
        found = store.gene(name, studies=query.studies)
    except UnknownName as error:
        raise NotMeasured(f"{name} is not measured in {', '.join(query.studies)}; check the symbol (HGNC)") from error
    chosen = {study: assay_of(store, study, gene=name) for study in found["study"].unique()}
    picked = pl.col("assay") == pl.col("study").replace_strict(chosen, return_dtype=pl.String)
    # the immune assays of one study are one a cancer type: each patient is in one of them
    separate = found.group_by("study").agg((pl.col("patient_id").n_unique() == pl.len()).alias("separate"))
    found = found.join(separate, on="study").filter(picked | pl.col("separate"))
    return found.group_by("patient_id", maintain_order=True).agg(pl.col("value").cast(pl.Float64).mean())


def sequenced_patients(store: Store, query: CohortQuery) -> pl.DataFrame:
    """patient_id of those whose tumour DNA was sequenced in a study that names its mutations: who has an exome or panel
    sample, or where a study lists no such samples, who has any mutation."""
    inside, params = _inside(query)
    return store.sql(
        f"""WITH named AS (SELECT DISTINCT study FROM mutation),
                 sampled AS (SELECT DISTINCT study, patient_id FROM sample WHERE kind IN ('exome', 'panel'))
            SELECT DISTINCT patient_id FROM (
              SELECT patient_id FROM sampled WHERE study IN (SELECT study FROM named)
              UNION SELECT patient_id FROM mutation WHERE study NOT IN (SELECT study FROM sampled))
            WHERE {inside} ORDER BY 1""",
        params,
    )


def _mutation_values(store: Store, query: CohortQuery, name: str) -> pl.DataFrame:
    inside, params = _inside(query)
    carriers = store.sql(
        f"SELECT DISTINCT patient_id FROM mutation WHERE gene = $gene AND effect IS DISTINCT FROM 'silent' AND {inside}",
        {**params, "gene": name},
    )
    if carriers.is_empty():
        raise NotMeasured(f"no mutation of {name} is known in {', '.join(query.studies)}; choose another gene or study")
    return sequenced_patients(store, query).with_columns(
        pl.col("patient_id").is_in(carriers["patient_id"].to_list()).cast(pl.Float64).alias("value")
    )


def _copy_number_values(store: Store, query: CohortQuery, name: str) -> pl.DataFrame:
    inside, params = _inside(query)
    called = store.sql(
        f"SELECT patient_id, call FROM copy_number WHERE gene = $gene AND {inside}", {**params, "gene": name}
    )
    if called.is_empty():
        raise NotMeasured(f"no copy-number call of {name} is known in {', '.join(query.studies)}; choose another gene")
    profiled = store.sql(f"SELECT DISTINCT patient_id FROM copy_number WHERE {inside}", params)
    joined = profiled.join(called, on="patient_id", how="left")
    return joined.select("patient_id", pl.col("call").fill_null(0).cast(pl.Float64).alias("value"))


Lister = Callable[[Store, CohortQuery], pl.DataFrame]
Reader = Callable[[Store, CohortQuery, str], pl.DataFrame]
LISTED: Mapping[str, Lister] = {
    "clinical": _list_clinical, "predictor": _list_predictor, "signature": _list_signature, "cell": _list_cell,
    "gene": _list_gene, "mutation": _list_mutation, "copy_number": _list_copy_number,
}  # fmt: skip
VALUES: Mapping[str, Reader] = {
    "clinical": _clinical_values, "predictor": _predictor_values, "signature": _signature_values, "cell": _cell_values,
    "gene": _gene_values, "mutation": _mutation_values, "copy_number": _copy_number_values,
}  # fmt: skip

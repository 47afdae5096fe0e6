"""Attribution: stored SHAP values of a predictor in the shapes that figures draw."""

from __future__ import annotations

import numpy as np
import polars as pl

from core.cohort import frame as cohort_frame
from core.cohort.query import CohortQuery
from core.errors import NotMeasured, TooFewPatients, UnknownName
from core.figures import words
from core.markers.explained import Dependence, Summary, Waterfall
from core.tme.naming import label as signature_label
from data.schema import PATIENT
from data.store import Store
from models import MODULES, card

FEWEST = 20
"""Patients below which the mean of a feature's SHAP values says nothing about a cohort."""
ADDITIVE = frozenset({"elastic_net", "loris", "loris_recalibrated"})
"""Predictors whose log-odds are a sum of one term a feature: no feature changes what another one does."""
KINDS = {"mutation": "{} mutation", "copy_number": "{} copy number", "slide": "H&E: {}"}
TOKENS = {
    "other_genes": "Genes outside every gene set", "tmb_in_cohort": "Tumour mutational burden relative to the cohort",
    "neoantigen_in_cohort": "Neoantigens relative to the cohort", "slide:tiles": "H&E: slide embedding",
}  # fmt: skip
"""Features of the multimodal model that are no column and no signature."""
OUT_OF_SAMPLE = ("published", "out_of_fold", "external", "leave_one_cohort_out")


def available(store: Store, query: CohortQuery) -> pl.DataFrame:
    """Predictors with stored out-of-sample attributions here: predictor, label, n."""
    condition, params = query.where()
    found = store.sql(
        f"""SELECT predictor, count(DISTINCT patient_id) AS n FROM attribution
            WHERE protocol <> 'in_sample' AND patient_id IN (SELECT patient_id FROM patient WHERE {condition}) GROUP BY 1""",
        params,
    )
    listed = pl.DataFrame({"predictor": list(MODULES), "label": [card(name).label for name in MODULES]})
    return listed.join(found, on="predictor", how="inner", maintain_order="left")


def rows(store: Store, query: CohortQuery, predictor: str) -> pl.DataFrame:
    """Stored attribution rows of a cohort, out-of-sample only.

    Raises
    ------
    UnknownName
        No such predictor. NotMeasured: nobody here is explained by it; names studies that are.
    """
    if predictor not in MODULES:
        raise UnknownName(f"there is no predictor '{predictor}'; there are {', '.join(MODULES)}")
    condition, params = query.where()
    found = store.sql(
        f"""SELECT * FROM attribution WHERE predictor = $predictor AND protocol <> 'in_sample'
            AND patient_id IN (SELECT patient_id FROM patient WHERE {condition}) ORDER BY rowid""",
        {**params, "predictor": predictor},
    )
    if found["protocol"].n_unique() > 1:  # a patient counts once, by the protocol that is listed first
        place = pl.col("protocol").replace_strict({p: i for i, p in enumerate(OUT_OF_SAMPLE)}, default=9, return_dtype=pl.Int32)
        found = found.filter(place == place.min().over("patient_id"))
    if found.is_empty():
        cohort_frame.patients(store, query, columns=("patient_id",))
        elsewhere = store.sql(
            "SELECT study, count(*) AS n FROM attribution WHERE predictor = $p AND protocol <> 'in_sample' GROUP BY 1 ORDER BY 2 DESC, 1",
            {"p": predictor},
        )
        raise cohort_frame.not_measured(
            f"An attribution of {card(predictor).label}", query, elsewhere=list(elsewhere["study"])
        )
    return found


def summary(store: Store, query: CohortQuery, predictor: str, *, top: int | None = None) -> Summary:
    """Mean absolute SHAP value of each feature over the cohort's patients, and every patient's values.

    Raises
    ------
    UnknownName, NotMeasured
        As `rows`. TooFewPatients: fewer than 20 patients are explained.
    """
    found = rows(store, query, predictor)
    n_patients = found["patient_id"].n_unique()
    if n_patients < FEWEST:
        raise TooFewPatients(
            f"{card(predictor).label} explains {words.count(n_patients, 'patient')} of {query.describe()}; a summary takes at least "
            f"{FEWEST}: {'relax a filter' if query.filters else 'pick a larger study'}"
        )
    stored = _stored(store, found)
    strength = found.group_by("feature").agg(
        pl.col("shap").abs().sum().alias("total"), pl.col("feature_group").first().alias("group")
    )
    features = (
        strength.join(stored, on="feature", how="left")
        .with_columns(
            (pl.col("total") / n_patients).alias("mean_abs_shap"),
            pl.col("feature").map_elements(feature_label, return_dtype=pl.String).alias("label"),
            pl.col("feature").map_elements(feature_unit, return_dtype=pl.String).alias("unit"),
        )
        .with_columns((pl.col("mean_abs_shap") > pl.col("null_95")).alias("beats_null"))
        .sort("mean_abs_shap", "feature", descending=[True, False])
        .with_row_index("rank", offset=1)
        .select(
            "feature", "label", "unit", "group", "mean_abs_shap", "ci_low", "ci_high", "null_95", "beats_null", "rank"
        )
    )
    features = features.head(top) if top else features
    points = (
        features.select("feature", "label", "rank")
        .join(found, on="feature", how="inner", maintain_order="left")
        .with_columns(
            ((pl.col("value").rank() - 1) / (pl.col("value").count() - 1))
            .over("study", "feature")
            .fill_nan(0.5)
            .alias("place")
        )
        .select("patient_id", "study", "cohort", "feature", "label", "value", "shap", "place")
    )
    everyone = cohort_frame.count(store, query)
    return Summary(
        features=features,
        points=points,
        residual=additivity(found),
        n=n_patients,
        n_missing=everyone - n_patients,
        predictor=predictor,
        predictor_label=card(predictor).label,
        protocols=tuple(p for p in OUT_OF_SAMPLE if p in set(found["protocol"])),
        n_in_sample=_in_sample(store, query, found),
    )


def additivity(found: pl.DataFrame) -> float:
    """Largest |base + sum of SHAP - output| over the patients of attribution rows; rounding alone leaves about 1e-15."""
    sums = found.group_by("patient_id", "predictor", "protocol").agg(
        (pl.col("base").first() + pl.col("shap").sum() - pl.col("output").first()).abs().alias("residual")
    )
    return float(sums["residual"].to_numpy().max()) if sums.height else 0.0


def dependence(
    store: Store, query: CohortQuery, predictor: str, *, feature: str, partner: str | None = None
) -> Dependence:
    """One feature's SHAP value against its value, coloured by a partner.

    The default partner is the feature whose value has the largest absolute rank correlation with what is left of the
    SHAP value after a straight line in the feature's own value; in a linear model that is little, and then with the value itself.

    Raises
    ------
    UnknownName
        The predictor does not use the feature. NotMeasured: the feature has no numeric value here.
    """
    found = rows(store, query, predictor)
    if feature not in set(found["feature"]):
        raise UnknownName(
            f"{card(predictor).label} does not use '{feature}' here; it uses {', '.join(found['feature'].unique().sort())}"
        )
    values = found.pivot(on="feature", index="patient_id", values="value", maintain_order=True)
    own = found.filter(pl.col("feature") == feature).select("patient_id", "study", "value", "shap")
    known = own.drop_nulls("value")
    if known.is_empty():
        raise NotMeasured(f"{feature_label(feature)} is not a number for any patient here; pick a measured feature")
    others = [partner] if partner else [c for c in values.columns if c not in {"patient_id", feature}]
    best, strongest, basis = None, 0.0, "residual"
    for other in others:
        paired = known.join(values.select("patient_id", pl.col(other).alias("other")), on="patient_id").drop_nulls(
            "other"
        )
        strength, against = _partner_strength(paired)
        if partner or strength > strongest:
            best, strongest, basis = other, strength, "chosen" if partner else against
    points = (
        known.join(values.select("patient_id", pl.col(best).alias("partner_value")), on="patient_id", how="left")
        if best
        else (known.with_columns(pl.lit(None, dtype=pl.Float64).alias("partner_value")))
    )
    return Dependence(
        feature=feature,
        label=feature_label(feature),
        unit=feature_unit(feature),
        partner=best,
        partner_label=feature_label(best) if best else "",
        points=points,
        n=known.height,
        n_missing=own.height - known.height,
        basis=basis,
        additive=predictor in ADDITIVE,
    )


def waterfall(store: Store, patient_id: str, predictor: str, *, top: int = 10) -> Waterfall:
    """One patient's prediction taken apart, strongest contributions first, the rest gathered in one step.

    Raises
    ------
    UnknownName
        No such predictor or patient. NotMeasured: the patient is not explained out of sample.
    """
    if predictor not in MODULES:
        raise UnknownName(f"there is no predictor '{predictor}'; there are {', '.join(MODULES)}")
    person = store.sql("SELECT * FROM patient WHERE patient_id = $id", {"id": patient_id})
    if person.is_empty():
        raise UnknownName(f"there is no patient '{patient_id}'; pick one of the cohort")
    found = store.sql(
        "SELECT * FROM attribution WHERE patient_id = $id AND predictor = $p AND protocol <> 'in_sample'",
        {"id": patient_id, "p": predictor},
    )
    if found.is_empty():
        raise NotMeasured(
            f"{card(predictor).label} has no out-of-sample score of {patient_id}: an input is missing; pick another patient"
        )
    protocol = min(
        found["protocol"].unique(), key=lambda name: OUT_OF_SAMPLE.index(name) if name in OUT_OF_SAMPLE else 9
    )
    found = found.filter(pl.col("protocol") == protocol).sort(pl.col("shap").abs(), "feature", descending=[True, False])
    shown, rest = found.head(top), found.slice(top)
    steps = [
        {"feature": feature, "label": feature_label(feature), "shown": _shown(feature, value, person), "shap": shap}
        for feature, value, shap in shown.select("feature", "value", "shap").iter_rows()
    ]
    if rest.height:
        steps.append(
            {"feature": "", "label": f"{rest.height} other features", "shown": "", "shap": float(rest["shap"].sum())}
        )
    base, output = float(found["base"][0]), float(found["output"][0])
    ends = base + np.cumsum([float(step["shap"]) for step in steps])
    table = pl.DataFrame(steps).with_columns(
        pl.Series("start", np.concatenate(([base], ends[:-1]))), pl.Series("end", ends)
    )
    return Waterfall(
        patient_id=patient_id,
        predictor=predictor,
        predictor_label=card(predictor).label,
        protocol=protocol,
        base=base,
        output=output,
        residual=float(ends[-1] - output),
        steps=table,
    )


def feature_label(feature: str) -> str:
    """A model's feature in words."""
    if feature in PATIENT.dtypes:
        return PATIENT.column(feature).label
    kind, _, name = feature.partition(":")
    if name and kind in KINDS and feature not in TOKENS:
        return KINDS[kind].format(name)
    return TOKENS.get(feature) or signature_label(feature)


def feature_unit(feature: str) -> str:
    """Unit of a feature's value; signatures carry none."""
    return PATIENT.column(feature).unit if feature in PATIENT.dtypes else ""


def _stored(store: Store, found: pl.DataFrame) -> pl.DataFrame:
    """Null threshold and interval of each feature: those of the cohort where there is one, else averaged by patients."""
    cohorts = found.select("study", "cohort", "predictor", "protocol").unique()
    summaries = store.sql(
        "SELECT study, cohort, predictor, protocol, feature, n, ci_low, ci_high, null_95 FROM attribution_summary WHERE predictor = $p",
        {"p": found["predictor"][0]},
    ).join(cohorts, on=["study", "cohort", "predictor", "protocol"], how="semi")
    weighted = [
        ((pl.col(c) * pl.col("n")).sum() / pl.col("n").filter(pl.col(c).is_not_null()).sum()).alias(c)
        for c in ("ci_low", "ci_high", "null_95")
    ]
    return (
        summaries.group_by("feature").agg(weighted).with_columns(pl.col("ci_low", "ci_high", "null_95").fill_nan(None))
    )


def _in_sample(store: Store, query: CohortQuery, found: pl.DataFrame) -> int:
    """Patients of the cohort who are not explained, yet have a score of the predictor that they trained."""
    condition, params = query.where()
    trained = store.sql(
        f"""SELECT DISTINCT patient_id FROM prediction WHERE predictor = $predictor AND protocol = 'in_sample'
            AND score IS NOT NULL AND patient_id IN (SELECT patient_id FROM patient WHERE {condition})""",
        {**params, "predictor": found["predictor"][0]},
    )
    return trained.join(found, on="patient_id", how="anti").height


def _partner_strength(paired: pl.DataFrame) -> tuple[float, str]:
    """Absolute rank correlation of `other` with what a straight line in `value` leaves of `shap`, else with `value`."""
    if paired.height < 5:
        return 0.0, "residual"
    value, shap, other = (paired[c].to_numpy() for c in ("value", "shap", "other"))
    if np.ptp(value) == 0 or np.ptp(other) == 0:
        return 0.0, "residual"
    slope, intercept = np.polyfit(value, shap, 1)
    left = shap - slope * value - intercept
    spread = bool(np.std(left) > 1e-6 * max(np.std(shap), 1e-12))
    frame = pl.DataFrame({"a": left if spread else value, "b": other})
    found = frame.select(pl.corr("a", "b", method="spearman")).item()
    strength = abs(float(found)) if found is not None and np.isfinite(found) else 0.0
    return strength, "residual" if spread else "value"


def _shown(feature: str, value: float | None, person: pl.DataFrame) -> str:
    if feature in PATIENT.dtypes:
        raw = person[feature][0]
        if raw is None:
            return "not known"
        if isinstance(raw, bool):
            return "yes" if raw else "no"
        if isinstance(raw, str):
            return raw
        unit = PATIENT.column(feature).unit
        return f"{float(raw):.3g}{' ' + unit if unit else ''}"
    return "not known" if value is None else f"{value:.2f}"

"""Predictions: every predictor on every cohort, each row with the protocol that made it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import polars as pl

from core.pipeline import attributions
from core.pipeline.features import LOGGED, Features, of_cohort, wide
from core.pipeline.staging import Frames
from models.baselines import elastic_net, loris, loris_recalibrated, pdl1, tmb
from models.card import ModelError

Floats = npt.NDArray[np.float64]

TRAINED_LORIS = ("loris", "Chowell_train")
"""The cohort that the published LORIS formula was fitted on."""

SIGNATURE_MARKERS: Mapping[str, str] = {"cyt": "cyt", "gep": "gep", "cd8": "cd8_teff"}
"""Predictor -> signature whose score it is."""

LEAST_EVALUABLE, LEAST_OF_CLASS = 20, 5
SHUFFLES = 60


def rows(
    patients: pl.DataFrame, predictor: str, score: Floats, *, protocol: str, trained_on: str, probability: bool
) -> pl.DataFrame:
    """Prediction rows of the patients whose score is defined."""
    frame = patients.select("patient_id", "study", "cohort").with_columns(
        predictor=pl.lit(predictor),
        protocol=pl.lit(protocol),
        score=pl.Series(score).cast(pl.Float64),
        trained_on=pl.lit(trained_on),
    )
    frame = frame.with_columns(probability=pl.col("score") if probability else pl.lit(None, dtype=pl.Float64))
    return frame.filter(pl.col("score").is_not_nan() & pl.col("score").is_not_null())


def markers(patients: pl.DataFrame, scores: pl.DataFrame) -> list[pl.DataFrame]:
    """TMB, PD-L1 and the signature markers of one cohort."""
    made = [
        rows(
            patients,
            "tmb",
            tmb.score(numbers(patients, "tmb_per_mb")),
            protocol="published",
            trained_on="",
            probability=False,
        ),
        rows(
            patients,
            "pdl1",
            pdl1.score(
                tps_percent=numbers(patients, "pdl1_tps_percent"),
                ic=patients["pdl1_ic"].to_list(),
                tc=patients["pdl1_tc"].to_list(),
            ),
            protocol="published",
            trained_on="",
            probability=False,
        ),
    ]
    names, matrix = wide(scores, patients["patient_id"].to_list(), value="score")
    for predictor, signature in SIGNATURE_MARKERS.items():
        if signature in names:
            column = matrix[:, names.index(signature)]
            made.append(rows(patients, predictor, column, protocol="published", trained_on="", probability=False))
    return [frame for frame in made if frame.height]


def loris_terms(patients: pl.DataFrame) -> loris.Terms:
    """The published score of the patients, taken apart."""
    return loris.terms({name: numbers(patients, name) for name in loris.SLOPES}, patients["cancer_type"].to_list())


def calibration(everyone: pl.DataFrame) -> loris_recalibrated.Calibration | None:
    """Recalibration fitted on the published score's own training cohort; None without that cohort."""
    study, cohort = TRAINED_LORIS
    train = everyone.filter(
        (pl.col("study") == study) & (pl.col("cohort") == cohort) & pl.col("response").is_not_null()
    )
    if train.height < LEAST_EVALUABLE:
        return None
    try:
        return loris_recalibrated.fit(loris_terms(train).log_odds, train["response"].to_numpy().astype(bool))
    except ModelError:
        return None


def loris_rows(
    patients: pl.DataFrame, fitted: loris_recalibrated.Calibration | None
) -> tuple[list[pl.DataFrame], list[Frames]]:
    """Published and recalibrated LORIS of one cohort, and the attributions of both.

    Both are in-sample on the cohort whose patients gave the published coefficients: refitting two numbers out-of-fold
    would not make the other coefficients out-of-sample.
    """
    taken = loris_terms(patients)
    known = np.isfinite(taken.log_odds)
    if not known.any():
        return [], []
    study, cohort = patients["study"][0], patients["cohort"][0]
    trained = (study, cohort) == TRAINED_LORIS
    protocol = "in_sample" if trained else "published"
    made = [
        rows(patients, "loris", taken.score, protocol=protocol, trained_on=" ".join(TRAINED_LORIS), probability=True)
    ]
    values = np.column_stack([*(numbers(patients, name) for name in loris.SLOPES), np.full(patients.height, np.nan)])
    parts = taken.terms[known]
    typical = parts.mean(axis=0)
    ceilings = np.array([*(loris.CEILINGS.get(name, np.inf) for name in loris.SLOPES), np.inf])
    published = attributions.Explained(
        predictor="loris",
        protocol=protocol,
        names=loris.FEATURES,
        values=values[known],
        shap=parts - typical,
        base=np.full(int(known.sum()), taken.intercept + typical.sum()),
        output=taken.log_odds[known],
        null=None,
        design=np.minimum(values[known], ceilings),
        slopes=np.tile([*loris.SLOPES.values(), 0.0], (int(known.sum()), 1)),
    )
    scored = patients.filter(pl.Series(known))
    explained = [attributions.frames(scored, published)]
    if fitted is not None:
        explained.append(attributions.frames(scored, recalibrated(published, fitted, trained=trained)))
        made.append(
            rows(
                patients,
                "loris_recalibrated",
                fitted.probability(taken.log_odds),
                protocol="in_sample" if trained else "external",
                trained_on=" ".join(TRAINED_LORIS),
                probability=True,
            )
        )
    return made, explained


def recalibrated(
    published: attributions.Explained, fitted: loris_recalibrated.Calibration, *, trained: bool
) -> attributions.Explained:
    """The recalibrated score's SHAP values: the published ones on another scale."""
    return replace(
        published,
        predictor="loris_recalibrated",
        protocol="in_sample" if trained else "external",
        shap=published.shap * fitted.slope,
        base=fitted.log_odds(published.base),
        output=fitted.log_odds(published.output),
        slopes=None if published.slopes is None else published.slopes * fitted.slope,
    )


def evaluable(patients: pl.DataFrame) -> npt.NDArray[np.bool_]:
    """(n,) patients who can train or judge a predictor of response: response known, not in a control arm."""
    return (
        patients.select(pl.col("response").is_not_null() & (pl.col("arm").fill_null("ICB") != "control"))
        .to_series()
        .to_numpy()
    )


def enough(patients: pl.DataFrame) -> bool:
    """At least 20 evaluable patients with 5 of each class."""
    response = patients["response"].fill_null(value=False).to_numpy()[evaluable(patients)]
    return response.size >= LEAST_EVALUABLE and min(response.sum(), (~response).sum()) >= LEAST_OF_CLASS


def cross_fitted(patients: pl.DataFrame, scores: pl.DataFrame, *, seed: int) -> tuple[list[pl.DataFrame], Frames]:
    """Elastic net of one cohort, out of fold, with its attribution."""
    judged = evaluable(patients)
    train, rest = patients.filter(pl.Series(judged)), patients.filter(pl.Series(~judged))
    features = of_cohort(pl.concat([train, rest]), scores)
    n = train.height
    if features.design.shape[1] < 2 or np.isfinite(features.design[:n]).any(axis=0).sum() < 2:
        return [], {}
    response = train["response"].to_numpy().astype(bool)
    # a patient of whom nothing is measured gets no score
    found = elastic_net.cross_fit(
        features.design[:n],
        response,
        groups=train["patient_id"].to_list(),
        others=features.design[n:],
        flaggable=features.flaggable,
        shuffles=SHUFFLES,
        seed=seed,
    )
    everyone = pl.concat([train, rest])
    log_odds = np.concatenate([found.log_odds, found.others_log_odds])
    known = np.isfinite(features.design).mean(axis=1) >= 0.3
    score = np.where(known, probability_of(log_odds), np.nan)
    made = rows(
        everyone, "elastic_net", score, protocol="out_of_fold", trained_on="other folds of the cohort", probability=True
    )
    shap = features.gather(np.vstack([found.shap, found.others_shap]))
    design, slopes = features.lines(np.vstack([found.slopes, found.others_slopes]))
    refitted = elastic_net.refits(
        features.design[:n], response, penalty=float(np.median(found.penalties)), flaggable=features.flaggable, seed=seed
    )
    explained = attributions.frames(
        everyone.filter(pl.Series(known)),
        attributions.Explained(
            predictor="elastic_net",
            protocol="out_of_fold",
            names=features.names,
            values=features.values[known],
            shap=shap[known],
            base=np.concatenate([found.base, found.others_base])[known],
            output=log_odds[known],
            null=_null(features, found.null),
            design=design[known],
            slopes=slopes[known],
            logged=LOGGED,
            refits=np.vstack([np.abs(features.gather(parts)).mean(axis=0) for parts in refitted]),
        ),
    )
    return [made], explained


def numbers(patients: pl.DataFrame, column: str) -> Floats:
    """A patient column as (n,) floats, nan where null."""
    return patients[column].cast(pl.Float64).fill_null(np.nan).to_numpy().astype(np.float64)


def probability_of(log_odds: Floats) -> Floats:
    """1 / (1 + e^-x), without overflow."""
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * log_odds)), dtype=np.float64)


def _null(features: Features, null: Floats) -> Floats:
    """(b, p) column means to (b, f): a feature's columns add up, which can only overstate the null."""
    return features.gather(null)

"""Next labels: which patients of a study without a known response would teach the trained model most."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl

from core.errors import BadModel, NotMeasured
from core.pipeline.inputs import Source, gather
from core.speakers import speakers
from models import bundle as bundles
from models.card import ModelError

SCHEMA = {
    "rank": pl.Int64, "patient_id": pl.String, "cohort": pl.String, "information": pl.Float64, "share": pl.Float64, "predicted": pl.Float64,
}  # fmt: skip
MOST = 50


def next_labels(source: Source, study: str, *, folders: Sequence[Path], most: int = MOST) -> tuple[pl.DataFrame, str]:
    """Patients in the order in which their response should be found out, and the model that asks.

    Parameters
    ----------
    study : whose patients without a response are ranked, cohort by cohort put together by their gain. folders : of models.

    Returns
    -------
    rank, patient_id, cohort, information (nats about the coefficients of the response head, those before it known), share
    (of the sum over the list), predicted (probability of response); and the name of the model.

    Raises
    ------
    BadModel
        No trained model, or one that cannot be read.
    NotMeasured
        Nobody of the study lacks a response and has anything that the model reads.
    """
    from models import acquisition, heads
    from models.multimodal import from_parts
    from models.training import read
    from models.wide import features

    found = speakers(folders)
    if found is None:
        raise BadModel("there is no trained model; run: python -m core train")
    bundle = found.main
    try:
        model = from_parts(*bundles.load(bundle.path))
    except ModelError as error:
        raise BadModel(str(error)) from error
    penalties = heads.CANDIDATES.get(str(model.meta.get("training", {}).get("penalties", "")))
    if penalties is None:
        raise BadModel(f"{bundle.name} does not say how its heads were fitted; train it anew: python -m core train")
    studies = sorted({name.partition("/")[0] for name in bundle.cohorts} | {study})
    inputs, labels = gather(source, model.words, studies=studies)
    cohort = np.asarray(inputs.cohorts)
    seen = inputs.seen(model.words).any(axis=1)
    own = np.asarray([name.partition("/")[0] == study for name in inputs.cohorts])
    asked = np.flatnonzero(own & seen & ~np.isfinite(labels.response))
    if not asked.size:
        raise NotMeasured(f"nobody of {study} is without a response and with something that the model reads; name another study")
    taught = np.flatnonzero(np.isin(cohort, sorted(bundle.cohorts)) & labels.treated & np.isfinite(labels.response))
    member = model.members[0]
    taught_design, asked_design = (
        read(inputs.take(rows), member, vocabulary=model.words, config=model.config) for rows in (taught, asked)
    )
    ranked = acquisition.rank(
        heads.from_arrays(member, "response"), taught_design, asked_design, features=features(model.words), penalties=penalties, most=most
    )
    total = float(ranked.gain.sum())
    rows = asked[ranked.order]
    table = pl.DataFrame(
        {
            "rank": np.arange(1, rows.size + 1), "patient_id": [inputs.patients[row] for row in rows],
            "cohort": [inputs.cohorts[row].partition("/")[2] for row in rows], "information": ranked.gain,
            "share": ranked.gain / total if total > 0 else np.zeros(rows.size), "predicted": ranked.probability,
        },
        schema=SCHEMA,
    )  # fmt: skip
    return table, bundle.name

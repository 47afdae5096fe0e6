"""Spaces: the features or the embedding in which patients are compared with those that a predictor was trained on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from core.errors import NotMeasured
from core.figures import words
from core.pipeline.features import FLAGS, LOGGED, NUMBERS
from core.response.closer.patients import Judged, Variant
from core.response.outcome import Floats
from core.response.recommended import TIERS, tier
from core.tme.map import SPACE
from data.schema import PATIENT
from data.store import Store
from models import card

MOST_MISSING = 0.1
"""Of a clinical column's values among these patients, for it to be a feature."""
MOST_TRAINING = 2000
"""Training patients that the distances are taken from; of more, every second, third, ... one."""
LEAST_OF = 0.5
"""Share of the patients that a space must hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Space:
    """Training patients and these patients as points of one space.

    Attributes
    ----------
    label : what the distance is measured in, in words. here : (m, p). rows : (m,) rows of the frame that they are.
    train : (n, p), or None where each patient is compared with the others of `here`. training : who trained, in words.
    note : what a caption must say.
    """

    label: str
    here: Floats
    rows: npt.NDArray[np.int64]
    train: Floats | None
    training: str
    note: str = ""


def spaces(store: Store, found: Judged, mine: Variant) -> tuple[Space, ...]:
    """One for each set of training cohorts that these patients' scores come from.

    Where the patients who trained the scores are in the database: the model's own embedding if it has both; else the predictor's
    numeric inputs, where it has two or more; else gene signatures, or clinical measurements, that both have. Else each patient is compared with the others of the cohort, in the feature space of its
    tumour's environment or, without expression, in clinical measurements.

    Raises
    ------
    NotMeasured
        No space holds half of these patients.
    """
    frame = found.frame.with_row_index("_row").drop_nulls([mine.score, "response"])
    origin = store.sql(
        "SELECT patient_id, coalesce(trained_on, '') AS trained_on FROM prediction WHERE predictor = $p AND protocol = $q", {"p": mine.predictor, "q": mine.protocol}
    )
    frame = frame.join(origin, on="patient_id", how="left", maintain_order="left")
    made = []
    for (trained_on,), part in frame.group_by("trained_on", maintain_order=True):
        made += _of_training(store, mine, part=part, trained_on=str(trained_on))
    if not made:
        raise NotMeasured(
            f"no feature space holds enough of these patients to say who is unlike those that trained {mine.label}; pick a cohort with expression or "
            "with clinical measurements"
        )
    return tuple(made)


def _of_training(store: Store, mine: Variant, *, part: pl.DataFrame, trained_on: str) -> list[Space]:
    ids, rows = part["patient_id"].to_list(), part["_row"].to_numpy().astype(np.int64)
    training = pl.DataFrame() if mine.protocol == "out_of_fold" else _training(store, trained_on)
    if training.is_empty():
        return _own(store, part)
    others = training["patient_id"].gather_every(max(1, -(-training.height // MOST_TRAINING))).to_list()
    for label, near, far in _candidates(store, mine, (ids, others)):
        kept, learnt = np.isfinite(near).all(axis=1), np.isfinite(far).all(axis=1)
        if near.shape[1] and kept.mean() >= LEAST_OF and learnt.mean() >= LEAST_OF:
            return [Space(label=label, here=near[kept], rows=rows[kept], train=far[learnt], training=_who(training))]
    return _own(store, part)


def _candidates(store: Store, mine: Variant, who: tuple[list[str], list[str]]) -> Iterator[tuple[str, Floats, Floats]]:
    """Spaces that may hold these patients and those of the training, the best one first: (label, (m, p), (n, p))."""
    ids, others = who
    if tier(mine.predictor) == len(TIERS) - 1 and (space := _model_space(store, ids)):
        near, far = _vectors(store, ids, space), _vectors(store, others, space)
        if near.shape[1] == far.shape[1]:
            yield "the model's own embedding", near, far
    names = [name for name in card(mine.predictor).inputs if name in NUMBERS or name in FLAGS]
    if len(names) >= 2:
        label = f"{words.listing([words.column(name) for name in names])}, its numeric inputs"
        yield label, _columns(store, ids, names), _columns(store, others, names)
    for what, read, columns in (
        ("gene signatures, standardised within cohorts", _signatures, _signature_names(store, ids)), ("clinical measurements", _columns, [*NUMBERS, *FLAGS]),
    ):  # fmt: skip
        near, far = read(store, ids, columns), read(store, others, columns)
        usable = np.ones(near.shape[1], dtype=bool)
        for block in (near, far):
            usable &= (np.isfinite(block).mean(axis=0) >= 1 - MOST_MISSING) & _varies(block)
        if usable.sum() >= 2:
            yield f"{int(usable.sum())} {what}", near[:, usable], far[:, usable]


def _varies(block: Floats) -> npt.NDArray[np.bool_]:
    """(p,) columns with more than one value."""
    return np.array([np.ptp(c[np.isfinite(c)]) > 1e-12 if np.isfinite(c).any() else False for c in block.T], dtype=bool)


def _own(store: Store, part: pl.DataFrame) -> list[Space]:
    """Each cohort by itself: every patient against the others."""
    made = []
    for (study, cohort), mine in part.group_by("study", "cohort", maintain_order=True):
        ids, rows = mine["patient_id"].to_list(), mine["_row"].to_numpy().astype(np.int64)
        near, label = _vectors(store, ids, SPACE), "the feature space of the tumour's environment"
        if not near.shape[1] or np.isfinite(near).all(axis=1).mean() < LEAST_OF:
            every = _columns(store, ids, [*NUMBERS, *FLAGS])
            usable = (np.isfinite(every).mean(axis=0) >= 1 - MOST_MISSING) & _varies(every)
            if usable.sum() < 2:
                continue
            near, label = every[:, usable], f"{int(usable.sum())} clinical measurements"
        kept = np.isfinite(near).all(axis=1)
        if kept.mean() < LEAST_OF:
            continue
        made.append(Space(label=label, here=near[kept], rows=rows[kept], train=None, training=f"the others of {cohort if cohort != study else study}"))
    return made


def _training(store: Store, trained_on: str) -> pl.DataFrame:
    """Patients with a known response of cohorts named "study cohort, study cohort"; none where they are not in the database."""
    names = [name.strip() for name in trained_on.split(",") if name.strip()]
    if not names:
        return pl.DataFrame()
    found = store.sql(
        "SELECT patient_id, study, cohort FROM patient WHERE (study || ' ' || cohort = ANY($names) OR study = ANY($names)) "
        "AND response IS NOT NULL AND coalesce(arm, '') <> 'control' ORDER BY rowid",
        {"names": names},
    )
    return found


def _who(training: pl.DataFrame) -> str:
    cohorts = training["cohort"].unique(maintain_order=True).to_list()
    return str(cohorts[0]) if len(cohorts) == 1 else words.count(len(cohorts), "training cohort")


def _model_space(store: Store, ids: Sequence[str]) -> str:
    """The embedding, other than that of the environment's types, which most of these patients have."""
    found = store.sql(
        "SELECT space, count(*) AS n FROM embedding WHERE space <> $own AND space NOT LIKE 'tme_%' AND patient_id = ANY($ids) GROUP BY space HAVING n >= $least ORDER BY n DESC, space",
        {"own": SPACE, "ids": list(ids), "least": LEAST_OF * len(ids)},
    )
    return "" if found.is_empty() else str(found["space"][0])


def _vectors(store: Store, ids: Sequence[str], space: str) -> Floats:
    """(n, p) coordinates, nan where a patient has none; (n, 0) where nobody has."""
    found = store.sql("SELECT patient_id, vector FROM embedding WHERE space = $s AND patient_id = ANY($ids)", {"s": space, "ids": list(ids)})
    if found.is_empty():
        return np.empty((len(ids), 0))
    vectors = {patient: np.asarray(vector, dtype=np.float64) for patient, vector in found.iter_rows()}
    width = max(v.size for v in vectors.values())
    out = np.full((len(ids), width), np.nan)
    for i, patient in enumerate(ids):
        own = vectors.get(patient)
        if own is not None and own.size == width:
            out[i] = own
    return out


def _columns(store: Store, ids: Sequence[str], names: Sequence[str]) -> Floats:
    """(n, p) patient columns as numbers, logged where they are skewed, nan where unknown."""
    known = [name for name in names if name in PATIENT.dtypes]
    chosen = ", ".join(f'CAST("{name}" AS DOUBLE) AS "{name}"' for name in known)
    found = store.sql(f"SELECT patient_id, {chosen} FROM patient WHERE patient_id = ANY($ids)", {"ids": list(ids)})
    frame = pl.DataFrame({"patient_id": list(ids)}).join(found, on="patient_id", how="left", maintain_order="left")
    values = frame.select(pl.col(known).fill_null(np.nan)).to_numpy().astype(np.float64)
    logged = [j for j, name in enumerate(known) if name in LOGGED]
    values[:, logged] = np.log2(np.maximum(values[:, logged], 0.0) + 1.0)
    return values


def _signature_names(store: Store, ids: Sequence[str]) -> list[str]:
    """Signatures that most of these patients have."""
    found = store.sql(
        "SELECT signature, count(DISTINCT patient_id) AS n FROM signature_score WHERE z IS NOT NULL AND patient_id = ANY($ids) GROUP BY 1 "
        "HAVING n >= $least ORDER BY 1",
        {"ids": list(ids), "least": LEAST_OF * len(ids)},
    )
    return found["signature"].to_list()


def _signatures(store: Store, ids: Sequence[str], names: Sequence[str]) -> Floats:
    """(n, p) scores standardised within the cohort, the mean over assays; nan where unknown."""
    if not names:
        return np.empty((len(ids), 0))
    found = store.sql(
        "SELECT patient_id, signature, avg(z) AS z FROM signature_score WHERE z IS NOT NULL AND patient_id = ANY($ids) AND signature = ANY($names) GROUP BY 1, 2",
        {"ids": list(ids), "names": list(names)},
    )
    wide = found.pivot(on="signature", index="patient_id", values="z")
    frame = pl.DataFrame({"patient_id": list(ids)}).join(wide, on="patient_id", how="left", maintain_order="left")
    known = [pl.col(name).fill_null(np.nan) if name in frame.columns else pl.lit(np.nan).alias(name) for name in names]
    return frame.select(known).to_numpy().astype(np.float64)

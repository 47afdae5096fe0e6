"""Spaces: the feature spaces that patients can be mapped in, the layouts of their pictures, and where everybody stands."""

from __future__ import annotations

import logging
from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec

import numpy as np
import numpy.typing as npt
import polars as pl

from core.cohort.query import CohortQuery
from core.errors import NotMeasured, TooFewPatients, UnknownName
from core.figures import words
from core.tme.shared import SPACE as SHARED
from data.store import Store

Floats = npt.NDArray[np.float64]

SPACE, MODEL = "tme_signatures", "model"
LABELS = {SPACE: "TME signatures", SHARED: "TME signatures, shared by cohorts", MODEL: "Multimodal model"}
WORDS = {SPACE: "TME signatures", SHARED: "TME signatures of the space that cohorts share", MODEL: "the multimodal model's embedding"}
"""A space inside a sentence."""
UMAP, PCA, PACMAP = "umap", "pca", "pacmap"
AXES = {UMAP: "UMAP", PCA: "Component", PACMAP: "PaCMAP"}
NAMES = {UMAP: "UMAP", PCA: "Principal components", PACMAP: "PaCMAP"}
LEAST_PACMAP, MOST_PACMAP = 6, 20_000
"""Patients of a study that PaCMAP is laid out for: under the first it has no neighbours to keep, above the second a reader would wait for minutes."""
PLACES = {"patient_id": pl.String(), "study": pl.String(), "space": pl.String(), "protocol": pl.String(), "x": pl.Float64(), "y": pl.Float64()}


def layouts() -> dict[str, str]:
    """Layouts to offer: UMAP as built, principal components, and PaCMAP where its package is installed."""
    return {name: words for name, words in NAMES.items() if name != PACMAP or find_spec("pacmap") is not None}


def spaces(store: Store, query: CohortQuery) -> dict[str, str]:
    """Feature spaces that hold somebody of these studies, address -> words; the TME signatures first."""
    found = {address for study in query.studies for address in LABELS if stored_name(store, study, address)}
    return {address: words for address, words in LABELS.items() if address in found or address == SPACE}


def stored_name(store: Store, study: str, space: str) -> str:
    """The name under which table `embedding` holds a space of a study, '' where it does not.

    Models have spaces of their own without common axes: 'model' is the one that holds most of the study's patients,
    among equals one that was trained without the study.
    """
    known = _stored(store, study)
    if space == MODEL:
        return next((name for name in known if not name.startswith("tme_")), "")
    return space if space in known else ""


@lru_cache(maxsize=256)
def _stored(store: Store, study: str) -> tuple[str, ...]:
    found = store.sql(
        """SELECT space, count(umap_1) AS placed, count(*) AS n, bool_or(coalesce(protocol, '') = 'in_sample') AS seen
           FROM embedding WHERE study = $s GROUP BY space ORDER BY n DESC, seen, space""",
        {"s": study},
    )
    return tuple(found.filter(pl.col("placed") > 0)["space"])


def placed(store: Store, query: CohortQuery, *, space: str = SPACE, layout: str = UMAP) -> pl.DataFrame:
    """Where the cohort's patients stand: patient_id, study, space (as stored), protocol, x, y; study after study, in the
    order of the source; empty where nobody has a place.

    A layout is made of all patients of a study, whatever the filters: a place means the same in every cohort.

    Raises
    ------
    UnknownName
        No such layout, or its package is not installed.
    TooFewPatients, NotMeasured
        PaCMAP, and a study has too few or too many patients for it.
    """
    if layout not in layouts():
        raise UnknownName(f"there is no layout '{layout}' here; use {' or '.join(layouts())}" + ("; PaCMAP needs: pip install pacmap" if layout == PACMAP else ""))
    condition, params = query.where()
    parts = []
    for study in query.studies:
        name = stored_name(store, study, space)
        if not name:
            continue
        mine = store.sql(
            f"""SELECT e.patient_id, e.study, e.space, e.protocol, e.umap_1 AS x, e.umap_2 AS y FROM embedding e
                WHERE e.study = $own AND e.space = $space AND e.umap_1 IS NOT NULL
                AND e.patient_id IN (SELECT patient_id FROM patient WHERE {condition}) ORDER BY e.rowid""",
            {**params, "own": study, "space": name},
        )
        if layout != UMAP:
            mine = mine.drop("x", "y").join(_picture(store, study, layout=(name, layout)), on="patient_id", how="inner", maintain_order="left")
        parts.append(mine)
    return pl.concat(parts) if parts else pl.DataFrame(schema=PLACES)


def vectors(store: Store, study: str, name: str) -> tuple[list[str], Floats]:
    """Patients and coordinates (n, p) of a study, or of all ('') in a space, by the space's stored name.

    Raises
    ------
    NotMeasured
        Nobody of the study is in it.
    """
    rows = store.sql(
        "SELECT patient_id, vector FROM embedding WHERE (study = $s OR $s = '') AND space = $n AND umap_1 IS NOT NULL ORDER BY rowid", {"s": study, "n": name}
    )
    if rows.is_empty():
        raise NotMeasured(f"{study} is not in the feature space '{name}'; pick another space or study")
    flat = rows["vector"].explode().to_numpy().astype(np.float64)
    return rows["patient_id"].to_list(), flat.reshape(rows.height, -1)


@lru_cache(maxsize=24)
def _picture(store: Store, study: str, *, layout: tuple[str, str]) -> pl.DataFrame:
    """patient_id, x, y of a study's patients: layout = (the space's stored name, the layout)."""
    patients, points = vectors(store, "" if layout[0] == SHARED else study, layout[0])  # shared axes are made of everybody
    if layout[1] == PACMAP and len(patients) < LEAST_PACMAP:
        raise TooFewPatients(
            f"PaCMAP needs {LEAST_PACMAP} patients of a study; {study} has {words.count(len(patients), 'patient')} here: pick another layout, or leave {study} out"
        )
    if layout[1] == PACMAP and len(patients) > MOST_PACMAP:
        raise NotMeasured(f"PaCMAP is laid out for at most {MOST_PACMAP:,} patients; there are {len(patients):,} here: pick UMAP or principal components as the layout")
    places = principal(points) if layout[1] == PCA else pacmap(points)
    return pl.DataFrame({"patient_id": patients, "x": places[:, 0], "y": places[:, 1]})


def principal(points: Floats) -> Floats:
    """The first two principal components of the rows of `points`, (n, 2); each axis points to its longer tail."""
    centred = points - points.mean(axis=0)
    if centred.shape[1] < 2:
        return np.column_stack([centred[:, 0], np.zeros(centred.shape[0])])
    _, axes = np.linalg.eigh(centred.T @ centred)
    places = centred @ axes[:, ::-1][:, :2]
    longer = np.where(np.abs(places.max(axis=0)) >= np.abs(places.min(axis=0)), 1.0, -1.0)
    return np.asarray(places * longer)


def pacmap(points: Floats, *, seed: int = 0) -> Floats:
    """PaCMAP coordinates of the rows of `points`, (n, 2), n >= 6, seeded: the same on every run; needs the package `pacmap`.

    Wang 2021, doi 10.48550/arXiv.2012.04456.
    """
    logging.getLogger("pacmap").setLevel(logging.ERROR)  # it warns of every seed
    made = import_module("pacmap").PaCMAP(n_components=2, random_state=seed).fit_transform(points.astype(np.float32), init="pca")
    return np.asarray(made, dtype=np.float64)

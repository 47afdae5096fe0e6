"""Model: clusters of one cohort as a rule by which the patients of another are sorted, saved and read back.

    clusters-0123456789abcdef/weights.safetensors   the space, the rule, coordinates of at most 4,000 patients without names
    clusters-0123456789abcdef/card.json             features, clusters with size and stability, where they were found

The folder's name is a hash of both files: a changed model has another name. A patient is placed by the features that are
known, standardised within the own cohort (scales differ between studies). Confidence: posterior of the mixture, or
share of the 15 nearest training patients. Outside of what the model knows: mean distance to the 5 nearest training
patients beyond the 99th percentile of the training patients' own (each without itself).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from core.errors import BadModel, NotMeasured, TooFewPatients
from core.tme.clusters import mixture
from core.tme.clusters.discovery import Clustering
from core.tme.clusters.methods import COMMON, KMEANS, MIXTURES, NEIGHBOURS
from core.tme.clusters.space import LEAST_ROWS, Space, enough
from models import bundle
from models.card import ModelError

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

KIND, VERSION = "clusters", 1
NEAREST, PERCENTILE = 5, 99.0
MOST_POINTS = 4000
MOST_NAMED = 6
SPACE = ("used", "centre", "scale", "weight", "covariance", "axes", "offset")


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterModel:
    """Clusters as a rule.

    Attributes
    ----------
    features : (p,) names, in the order of training. names : (k,) of the clusters. stability : (k,).
    method : that found them. space : from features to coordinates. points, labels : (m, c), (m,) training patients.
    centres : (k, c). fitted : the mixture, where the method is one. limit : distance beyond which a patient is outside.
    trained_on : words. name : identity once saved, else ''.
    """

    features: tuple[str, ...]
    names: tuple[str, ...]
    stability: Floats
    method: str
    space: Space
    points: Floats
    labels: Ints
    centres: Floats
    fitted: mixture.Mixture | None
    limit: float
    trained_on: str = ""
    name: str = ""

    @property
    def k(self) -> int:
        """Number of clusters."""
        return len(self.names)


@dataclass(frozen=True, slots=True, kw_only=True)
class Assigned:
    """Patients sorted by a model.

    Attributes
    ----------
    labels : (n,) 0..k-1, -1 where half of the features or more are missing. confidence : (n,) nan there.
    outside : (n,) beyond what the model knows. distance : (n,) mean distance to the 5 nearest training patients.
    note : what a reader must know.
    """

    labels: Ints
    confidence: Floats
    outside: npt.NDArray[np.bool_]
    distance: Floats
    note: str


def fit(
    clustering: Clustering, features: Sequence[str], *, names: Sequence[str] | None = None, trained_on: str = ""
) -> ClusterModel:
    """The rule of a clustering.

    Parameters
    ----------
    features : (p,) names of the columns that were clustered. names : (k,) of the clusters, else "cluster 1" and so on.

    Raises
    ------
    NotMeasured
        There is no structure, so no rule; or the names do not fit.
    """
    if clustering.k < 2:
        raise NotMeasured("no structure was found in this table, so that there is no rule to save; bring more patients or other features")
    if len(features) != clustering.space.used.size:
        raise NotMeasured(f"{len(features)} feature names for {clustering.space.used.size} columns; name each column")
    points, labels = clustering.points, clustering.labels[clustering.labels >= 0]
    centres = np.stack([points[labels == cluster].mean(axis=0) for cluster in range(clustering.k)])
    if points.shape[0] > MOST_POINTS:
        kept = np.sort(np.random.default_rng(41).permutation(points.shape[0])[:MOST_POINTS])
        points, labels = points[kept], labels[kept]
    own = _distances(points, points)
    np.fill_diagonal(own, np.inf)
    limit = float(np.percentile(_mean_nearest(own), PERCENTILE))
    called = tuple(names) if names is not None else tuple(f"cluster {number + 1}" for number in range(clustering.k))
    return ClusterModel(
        features=tuple(features), names=called, stability=clustering.stability, method=clustering.method, space=clustering.space,
        points=points, labels=labels, centres=centres, fitted=clustering.fitted, limit=limit, trained_on=trained_on,
    )  # fmt: skip


def assign(model: ClusterModel, features: Floats, names: Sequence[str], *, own_scale: bool = True) -> Assigned:
    """Sort patients into the clusters of a model.

    Parameters
    ----------
    features : (n, p), nan = missing. names : (p,) of its columns, in any order.
    own_scale : standardise within these patients; False only for patients measured like those of the training.

    Raises
    ------
    BadModel
        Half of the model's features or more are not among the columns; the sentence names them.
    TooFewPatients
        Fewer than 15 patients cannot be standardised among themselves.
    """
    place = {name: column for column, name in enumerate(names)}
    needed = [name for name, used in zip(model.features, model.space.used, strict=True) if used]
    absent = [name for name in needed if name not in place]
    if len(absent) > len(needed) / 2:
        raise BadModel(
            f"the model knows other features: it needs {_listing(needed)}, and this table lacks {len(absent)} of these {len(needed)}; it has "
            f"{_listing(list(names))}"
        )
    table = np.full((features.shape[0], len(model.features)), np.nan)
    for column, name in enumerate(model.features):
        if name in place:
            table[:, column] = features[:, place[name]]
    if np.isinf(table).any():
        raise NotMeasured("a feature holds an infinite value; mark it as missing or correct it")
    count = int(enough(table[:, model.space.used]).sum())
    if own_scale and count < LEAST_ROWS:
        raise TooFewPatients(
            f"{count} patients have half of the model's features or more, too few to standardise among themselves (15 are needed); add "
            "patients, or take the scale of the training where they were measured alike"
        )
    known, points = model.space.place(table, own_scale=own_scale)
    labels, confidence, distance = _sort(model, points)
    whole = np.full(known.size, -1, dtype=np.int64)
    whole[known] = labels
    spread = {}
    for name, values in (("confidence", confidence), ("distance", distance)):
        spread[name] = np.full(known.size, np.nan)
        spread[name][known] = values
    outside = np.zeros(known.size, dtype=bool)
    outside[known] = distance > model.limit
    return Assigned(
        labels=whole, outside=outside, confidence=spread["confidence"], distance=spread["distance"], note=_words(absent, known, outside, own_scale=own_scale)
    )


def save(model: ClusterModel, folder: Path) -> Path:
    """Write a model to folder/clusters-HASH, all or nothing.

    Raises
    ------
    BadModel
        The folder cannot be written, or a value is not finite.
    """
    space = model.space
    tensors: dict[str, npt.NDArray[Any]] = {f"space_{name}": getattr(space, name) for name in SPACE}
    tensors["space_used"] = space.used.astype(np.uint8)
    tensors |= {"points": model.points.astype(np.float64), "labels": model.labels, "centres": model.centres}
    tensors |= {"stability": model.stability}
    if model.fitted is not None:
        tensors |= {"mixture_weight": model.fitted.weight, "mixture_mean": model.fitted.mean, "mixture_covariance": model.fitted.covariance}
    sizes = np.bincount(model.labels, minlength=model.k)
    document = {
        "name": KIND, "kind": KIND, "version": VERSION, "method": model.method, "features": list(model.features), "limit": model.limit,
        "clusters": [
            {"name": name, "stored": int(size), "stability": float(value)}
            for name, size, value in zip(model.names, sizes, model.stability, strict=True)
        ],
        "trained_on": model.trained_on,
        "holds": f"coordinates of {len(model.labels):,} patients, without names",
        "not_for": "deciding on a patient's treatment",
    }  # fmt: skip
    try:
        return bundle.save(folder, tensors, document)
    except ModelError as error:
        raise BadModel(str(error)) from error


def load(path: Path) -> ClusterModel:
    """Read a model's folder; every byte is checked.

    Raises
    ------
    BadModel
        No model, another kind of model, a newer version, or a damaged or changed file.
    """
    try:
        tensors, document = bundle.load(path)
    except ModelError as error:
        raise BadModel(str(error)) from error
    if document.get("kind") != KIND:
        raise BadModel(f"{path.name} is a {document.get('kind', 'different')} model, no cluster model; name a folder clusters-...")
    if document.get("version") != VERSION:
        raise BadModel(f"{path.name} has version {document.get('version')}; this software reads version {VERSION}: update the software")
    try:
        return _read(tensors, document, path.name)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise BadModel(f"{path.name} lacks a part of a cluster model ({error}); copy the folder again") from error


def _read(tensors: Mapping[str, npt.NDArray[Any]], document: Mapping[str, Any], name: str) -> ClusterModel:
    parts = {part: np.asarray(tensors[f"space_{part}"], dtype=np.float64) for part in SPACE if part != "used"}
    space = Space(used=tensors["space_used"].astype(bool), **parts)
    fitted = None
    if document["method"] in MIXTURES:
        fitted = mixture.Mixture(
            weight=tensors["mixture_weight"], mean=tensors["mixture_mean"], covariance=tensors["mixture_covariance"], loglik=np.zeros(1),
            common=document["method"] == COMMON,
        )
    clusters = document["clusters"]
    if len(clusters) != tensors["centres"].shape[0] or len(document["features"]) != space.used.size:
        raise ValueError("its parts do not fit together")
    return ClusterModel(
        features=tuple(map(str, document["features"])), names=tuple(str(one["name"]) for one in clusters), stability=tensors["stability"],
        method=str(document["method"]), space=space, points=tensors["points"], labels=tensors["labels"].astype(np.int64),
        centres=tensors["centres"], fitted=fitted, limit=float(document["limit"]), trained_on=str(document["trained_on"]), name=name,
    )  # fmt: skip


def _sort(model: ClusterModel, points: Floats) -> tuple[Ints, Floats, Floats]:
    """Cluster, confidence and distance of coordinates, (n,) each, in blocks."""
    labels, confidence, distance = np.empty(len(points), dtype=np.int64), np.empty(len(points)), np.empty(len(points))
    member = np.eye(model.k)[model.labels]
    for start in range(0, len(points), 1000):
        rows = slice(start, start + 1000)
        away = _distances(points[rows], model.points)
        distance[rows] = _mean_nearest(away)
        if model.fitted is not None:
            share = mixture.posterior(model.fitted, points[rows])
            labels[rows] = share.argmax(axis=1)
        else:
            near = np.argpartition(away, min(NEIGHBOURS, away.shape[1]) - 1, axis=1)[:, :NEIGHBOURS]
            share = member[near].mean(axis=1)
            if model.method == KMEANS:
                labels[rows] = _distances(points[rows], model.centres).argmin(axis=1)
            else:
                closest = away.argmin(axis=1)
                same = away[np.arange(len(away)), closest] < 1e-6  # a training patient
                labels[rows] = np.where(same, model.labels[closest], share.argmax(axis=1))
        confidence[rows] = share[np.arange(len(share)), labels[rows]]
    return labels, confidence, distance


def _distances(one: Floats, other: Floats) -> Floats:
    squared = (one**2).sum(axis=1)[:, None] + (other**2).sum(axis=1) - 2.0 * one @ other.T
    return np.asarray(np.sqrt(np.maximum(squared, 0.0)))


def _mean_nearest(away: Floats) -> Floats:
    k = min(NEAREST, away.shape[1] - 1)
    return np.asarray(np.partition(away, k - 1, axis=1)[:, :k].mean(axis=1))


def _listing(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more


def _words(absent: list[str], known: npt.NDArray[np.bool_], outside: npt.NDArray[np.bool_], *, own_scale: bool) -> str:
    said = ["Standardised within these patients." if own_scale else "Standardised by the patients of the training."]
    if absent:
        said.append(f"Not measured here, taken from the other features: {_listing(absent)}.")
    if (~known).any():
        said.append(f"{int((~known).sum()):,} patients have fewer than half of the features and are not sorted.")
    if outside.any():
        said.append(f"{int(outside.sum()):,} of {int(known.sum()):,} patients are unlike those of the training.")
    return " ".join(said)

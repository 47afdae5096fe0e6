"""Embeddings: what a trained multimodal model says of every patient, kept by content and written with its provenance.

`patients` computes what is missing in the cache and gives rows; `fill` puts them into a database that is being built.
No patient is embedded whom the model cannot read; each such case is told in a sentence and stops nobody else.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from core.errors import BadModel
from core.pipeline import tokens
from core.pipeline.inputs import FEWEST_GENES, Source, gather
from core.pipeline.jobs import LOADER, PART, Actors, Alone, HowMany, Job, crew, session
from core.pipeline.kept import Kept
from core.pipeline.predictions import probability_of, rows
from core.pipeline.staging import Finished, Frames, Staging, fingerprint
from core.speakers import Speakers, words_of
from core.tme import projection
from data.fingerprint import code
from models import bundle as bundles
from models.bundle import Bundle
from models.card import ModelError
from models.inputs import Inputs
from models.vocabulary import MODALITIES, Vocabulary, from_document

PREDICTOR = "multimodal"
LEAST_IN_PICTURE = 15
Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class How:
    """How embeddings are computed; none of it changes what they are. See `core.pipeline.jobs.Job`."""

    batch: int = 0
    device: str = ""
    threads: int = 1
    actors: HowMany = 0
    address: str = ""
    loader: str = LOADER


@dataclass(frozen=True, slots=True, kw_only=True)
class Embedded:
    """One study's patients as the models see them.

    Attributes
    ----------
    study : its name. rows : patient_id, study, cohort, space (the model), protocol, trained_on, input_hash, seen (words),
        vector, log_odds, os_risk, pfs_risk, subtype; one row an embedded patient, in the order of the tables.
    computed : patients whose embedding was not at hand. nothing : patients of whom nothing is known that a model reads.
    problems : what a person should know, one sentence each.
    """

    study: str
    rows: pl.DataFrame
    computed: int = 0
    nothing: int = 0
    problems: tuple[str, ...] = ()


@dataclass(slots=True)
class Desk:
    """The models in use during one run: vocabularies read, rows kept, weights loaded once and only when needed."""

    speakers: Speakers
    cache_dir: Path | None
    how: How
    say: Progress
    _kept: dict[str, Kept] = field(default_factory=dict)
    _open: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)
    _hired: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)
    _crew: tuple[str, Alone | Actors] | None = None

    def kept(self, bundle: Bundle) -> Kept:
        """The rows known of a model."""
        if bundle.name not in self._kept:
            self._kept[bundle.name] = Kept(self.cache_dir, f"{bundle.name}-{_code(self.how.loader)}", say=self.say)
        return self._kept[bundle.name]

    def crew(self, bundle: Bundle) -> Alone | Actors:
        """Workers that hold the model; those of the model before are let go."""
        if self._crew is None or self._crew[0] != bundle.name:
            self._hired.close()
            try:
                tensors, document = bundles.load(bundle.path)
            except ModelError as error:
                raise BadModel(str(error)) from error
            how = {name: getattr(self.how, name) for name in ("batch", "device", "threads", "actors", "address", "loader")}
            job = Job(tensors=tensors, document=document, **how)
            if self._crew is None:
                self._open.enter_context(session(job))
            self._crew = bundle.name, self._hired.enter_context(crew(job, say=self.say))
        return self._crew[1]

    def close(self) -> None:
        """Let the workers go and leave few files behind."""
        self._hired.close()
        self._open.close()
        self._crew = None
        for kept in self._kept.values():
            kept.tidy()


def patients(source: Source, desk: Desk, *, studies: Sequence[str] | None = None) -> Iterator[Embedded]:
    """Every study's embedded patients, one study at a time; what the cache lacks is computed and kept.

    Raises
    ------
    BadModel
        A model's files are damaged or do not fit the code, or the cache cannot be written; what was kept stays.
    """
    listed = source.sql("SELECT study, cohort FROM patient GROUP BY study, cohort ORDER BY min(rowid)")
    sets = tokens.sets_hash(tokens.members(source.sql("SELECT * FROM gene_set ORDER BY collection, name, gene")))
    if sets != _words(desk.speakers.main).sets_hash:
        desk.say("the gene sets of this database are not those of the training: what the models say of expression means less here")
    everyone = {str(s): frozenset(f"{s}/{c}" for c in part["cohort"]) for (s,), part in listed.group_by("study", maintain_order=True)}
    try:
        for study in studies if studies is not None else everyone:
            yield _study(source, desk, study=study, everyone=everyone)
    finally:
        desk.close()


def fill(
    staging: Staging, finished: Finished, *, desk: Desk, progress: Progress, seed: int
) -> list[pl.DataFrame]:
    """Tables `model` and `embedding` of a database that is being built; gives the rows of `prediction`."""
    known = [desk.speakers.main, *desk.speakers.held_out]
    names = ", ".join(f"'{bundle.name}'" for bundle in known)
    staging.clear("model")
    staging.clear("embedding", f"space LIKE '{PREDICTOR}-%' OR space IN ({names})")
    made: list[pl.DataFrame] = []
    spoken: set[str] = set()
    for found in patients(staging, desk):
        for words in found.problems:
            progress(words)
        for (space,), part in found.rows.group_by("space", maintain_order=True):
            picture = _picture(finished, part, seed=seed)
            staging.append("embedding", part.drop("cohort", "trained_on").hstack(picture))
            spoken.add(str(space))
        for (_cohort, protocol, trained_on), part in found.rows.group_by("cohort", "protocol", "trained_on", maintain_order=True):
            score = probability_of(part["log_odds"].to_numpy())
            made.append(
                rows(part, PREDICTOR, score, protocol=str(protocol), trained_on=str(trained_on), probability=True)
            )
    chosen = [bundle for bundle in known if bundle.name in spoken or bundle is desk.speakers.main]
    staging.append("model", pl.DataFrame([row_of(b, main=b is desk.speakers.main) for b in chosen], infer_schema_length=None))
    return made


def row_of(bundle: Bundle, *, main: bool) -> dict[str, object]:
    """A model's row of table `model`."""
    card = bundle.document
    config = card.get("config", {})
    return {
        "model": bundle.name,
        "name": bundle.name.rpartition("-")[0],
        "main": main,
        "trained_on": sorted(bundle.cohorts),
        "without": list(bundle.without),
        "created": bundle.created,
        "intended_use": str(card.get("intended_use", "")),
        "limits": str(card.get("limits", "")),
        "data_hash": str(card.get("data_hash", "")),
        "patients": card.get("patients"),
        "seeds": config.get("seeds") if isinstance(config, Mapping) else None,
        "parameters": bundle.parameters,
        "bytes": bundle.weights_bytes,
        "sha256": bundle.weights_sha256,
        "metrics": json.dumps(card.get("metrics", {}), sort_keys=True, ensure_ascii=False),
        "config": json.dumps(config, sort_keys=True, ensure_ascii=False),
    }


def _study(source: Source, desk: Desk, *, study: str, everyone: Mapping[str, frozenset[str]]) -> Embedded:
    problems: list[str] = []
    by_model: dict[str, tuple[Bundle, list[str]]] = {}
    protocol: dict[str, str] = {}
    for cohort in sorted(everyone.get(study, ())):
        speaker = desk.speakers.of(cohort)
        by_model.setdefault(speaker.bundle.name, (speaker.bundle, []))[1].append(cohort)
        protocol[cohort] = speaker.protocol
    made, computed, nothing = [], 0, 0
    gathered: dict[Vocabulary, Inputs] = {}
    for bundle, cohorts in by_model.values():
        words = _words(bundle)
        if words not in gathered:
            gathered[words] = gather(source, words, studies=[study])[0]
            problems += few_genes(source, gathered[words], words, study=study)
        own = gathered[words].take(np.asarray([name in cohorts for name in gathered[words].cohorts], dtype=bool))
        usable, told = readable(own, words, study=study)
        problems += told
        nothing += own.n - usable.n
        if not usable.n:
            continue
        frame, fresh = _embedded(usable, desk, bundle=bundle)
        computed += fresh
        made.append(
            frame.with_columns(
                pl.col("cohort").replace_strict(protocol, return_dtype=pl.String).alias("protocol"),
                pl.lit(words_of(bundle.cohorts, everyone)).alias("trained_on"),
                pl.col("cohort").str.split_exact("/", 1).struct.field("field_1").alias("cohort"),
                pl.lit(study).alias("study"),
                pl.lit(bundle.name).alias("space"),
            )
        )
    rows_made = pl.concat(made) if made else pl.DataFrame()
    return Embedded(study=study, rows=rows_made, computed=computed, nothing=nothing, problems=tuple(problems))


def readable(inputs: Inputs, words: Vocabulary, *, study: str) -> tuple[Inputs, list[str]]:
    """The patients of whom something is known that the model reads, all of it finite; and what is said of the others."""
    told = []
    wrong = np.zeros(inputs.n, dtype=bool)
    for name in ("expression", "numbers", "mutated", "copied", "slide", "tiles"):
        wrong |= np.isinf(getattr(inputs, name)).any(axis=1)
    if wrong.any():
        first = inputs.patients[int(np.flatnonzero(wrong)[0])]
        told.append(
            f"{study}: {int(wrong.sum()):,} of {inputs.n:,} patients have an infinite value (first: {first}) and are not embedded; "
            "correct the value or leave it empty"
        )
    some = inputs.seen(words).any(axis=1)
    if inputs.n and not some.any():
        told.append(
            f"{study}: nothing is known of its {inputs.n:,} patients that the model reads, so it has no embedding; the model reads "
            f"{', '.join(MODALITIES)}"
        )
    elif not some.all():
        told.append(f"{study}: {int((~some).sum()):,} of {inputs.n:,} patients have nothing that the model reads and are not embedded")
    kept = inputs.take(some & ~wrong)
    try:
        kept.check(words)
    except ModelError as error:
        raise BadModel(f"{study}: {error}") from error
    return kept, told


def few_genes(source: Source, inputs: Inputs, words: Vocabulary, *, study: str) -> list[str]:
    """A sentence for each assay that shares too few genes with the model to be read."""
    if not words.genes or np.isfinite(inputs.expression).any():
        return []
    listed = source.sql(
        """SELECT assay, count(*) FILTER (gene = ANY($g)) AS shared, count(*) AS genes FROM expression JOIN assay USING (study, assay)
           WHERE study = $s AND level = 'patient' GROUP BY assay ORDER BY assay""",
        {"s": study, "g": list(words.genes)},
    )
    return [
        f"{study}: {assay} shares {shared:,} of its {genes:,} genes with the {len(words.genes):,} that the model reads; at least {FEWEST_GENES} "
        "are needed, so its expression is left out"
        for assay, shared, genes in listed.iter_rows()
        if shared < FEWEST_GENES
    ]


def _embedded(inputs: Inputs, desk: Desk, *, bundle: Bundle) -> tuple[pl.DataFrame, int]:
    """Rows of the patients, from the cache where it has them; and how many were computed."""
    kept, keys = desk.kept(bundle), inputs.key()
    known = set(kept.find(keys)["input_hash"])
    lacking = list({key: row for row, key in reversed(list(enumerate(keys))) if key not in known}.items())[::-1]
    if lacking:
        desk.say(f"embedding {len(lacking):,} patients with {bundle.name}")
        parts = [lacking[start : start + PART] for start in range(0, len(lacking), PART)]
        answers = desk.crew(bundle).run(inputs.take(np.asarray([row for _, row in part])) for part in parts)
        done = 0
        for part, found in zip(parts, answers, strict=True):
            kept.keep([key for key, _ in part], found)
            done += len(part)
            if done < len(lacking):
                desk.say(f"embedded {done:,} of {len(lacking):,}")
    names = pl.DataFrame({"patient_id": list(inputs.patients), "cohort": list(inputs.cohorts), "input_hash": keys})
    frame = names.join(kept.find(keys), on="input_hash", how="left", maintain_order="left")
    seen = [[name for name, has in zip(MODALITIES, row, strict=True) if has] for row in frame["seen"].to_list()]
    return frame.with_columns(pl.Series("seen", seen, dtype=pl.List(pl.String))), len(lacking)


def _picture(finished: Finished, part: pl.DataFrame, *, seed: int) -> pl.DataFrame:
    """umap_1, umap_2 of each patient; null where there are too few for a picture."""
    if part.height < LEAST_IN_PICTURE:
        empty = [None] * part.height
        return pl.DataFrame({"umap_1": empty, "umap_2": empty}, schema={"umap_1": pl.Float64, "umap_2": pl.Float64})
    points = np.asarray(part["vector"].to_list(), dtype=np.float64)
    key = fingerprint("picture", seed, points)
    return finished.get(f"picture-{key}", partial(_projected, points, seed=seed))["picture"]


def _projected(points: np.ndarray[Any, np.dtype[np.float64]], *, seed: int) -> Frames:
    centred = points - points.mean(axis=0)
    turned = centred @ np.linalg.svd(centred, full_matrices=False)[2].T  # projection starts from the first two components
    found = projection.project(turned, seed=seed)
    return {"picture": pl.DataFrame({"umap_1": found[:, 0], "umap_2": found[:, 1]})}


@cache
def _code(loader: str) -> str:
    """Hash of the code that turns inputs into an embedding."""
    return code(loader.partition(":")[0])


def _words(bundle: Bundle) -> Vocabulary:
    try:
        return from_document(bundle.document["vocabulary"])
    except (KeyError, ModelError) as error:
        raise BadModel(f"the card of {bundle.name} names no vocabulary ({error}); train the model again") from error

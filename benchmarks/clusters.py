"""Clusters: published subtypes found again, noise left alone, planted types recovered, clusters against phenotype and outcome.

    TMESCOPE_DATA=... python -m benchmarks.clusters [tcga] [noise] [planted] [imvigor] [speed] [--sets 100] [--seed 0]

tcga      The five immune scores of TCGA (Thorsson 2018) by the default clustering, which never sees C1 to C6: adjusted Rand index
          (aim .70), beside UMAP -> k-means; accuracy of 15 nearest neighbours in 5 folds. Every candidate is printed.
noise     Tables without groups (independent, correlated, heavy-tailed, of several sizes): at most 5 of 100 may have structure.
planted   The synthetic studies pooled, each standardised on its own, batch effects on: adjusted Rand index with the planted types
          (aim .90).
imvigor   IMvigor210: clusters against immune phenotype (adjusted Rand and mutual information), response and survival by cluster.
speed     350 x 12 (aim 5 s) and 9,000 x 5 (aim 60 s), processor time.
"""

from __future__ import annotations

import argparse
import sys
import time as clock
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from core.tme.clusters import Clustering, discover

Floats = npt.NDArray[np.float64]
KINDS = ("independent", "correlated", "heavy-tailed, independent", "heavy-tailed, elliptical", "one factor")
MOST_GENES = 1324
SIZES = ((60, 3), (120, 5), (350, 12), (200, 2), (100, 30))


def noise(kind: str, n: int, p: int, *, rng: np.random.Generator) -> Floats:
    """One table without groups."""
    if kind == "heavy-tailed, independent":
        return np.asarray(rng.standard_t(3, size=(n, p)))
    table = rng.normal(size=(n, p))
    if kind == "one factor":
        return np.asarray(0.8 * rng.normal(size=(n, 1)) + 0.6 * table)
    if kind != "independent":
        table = table @ rng.normal(size=(p, p))
    if kind == "heavy-tailed, elliptical":
        table = table / np.sqrt(rng.chisquare(4, size=(n, 1)) / 4)
    return np.asarray(table)


def noises(sets: int, seed: int) -> None:
    """How many of the tables without groups are called structured."""
    called: dict[str, int] = dict.fromkeys(KINDS, 0)
    total: dict[str, int] = dict.fromkeys(KINDS, 0)
    for number in range(sets):
        kind, (n, p) = KINDS[number % len(KINDS)], SIZES[(number // len(KINDS)) % len(SIZES)]
        found = discover(noise(kind, n, p, rng=np.random.default_rng([seed, number])), seed=seed)
        called[kind] += found.k > 1
        total[kind] += 1
        if found.k > 1:
            print(f"  structure in {kind}, {n} x {p}: k = {found.k} by {found.method}, p = {found.p_structure:.3f}", flush=True)
    print(f"noise: {sum(called.values())} of {sets} tables called structured (aim: at most 5 of 100); " + ", ".join(f"{k} {called[k]}/{total[k]}" for k in KINDS))


def tcga(seed: int) -> None:
    """Default clustering of the five immune scores against C1 to C6."""
    from sklearn.cluster import KMeans
    from sklearn.metrics import adjusted_rand_score
    from sklearn.model_selection import StratifiedKFold, cross_val_score
    from sklearn.neighbors import KNeighborsClassifier

    from core.tme.projection import project

    table = _table(
        """SELECT patient_id, immune_subtype AS label, signature, score FROM signature_score JOIN patient USING (patient_id)
           WHERE assay = 'thorsson2018' AND immune_subtype IS NOT NULL ORDER BY patient_id, signature"""
    ).pivot(on="signature", index=["patient_id", "label"], values="score", maintain_order=True)
    values = table.drop("patient_id", "label").to_numpy()
    label = table["label"].to_numpy()
    start = clock.process_time()
    found = discover(values, seed=seed)
    spent = clock.process_time() - start
    with pl.Config(tbl_rows=60, tbl_cols=12, float_precision=3):
        print(found.candidates)
        print(found.structure.nulls)
    picture = KMeans(n_clusters=6, n_init=10, random_state=seed).fit(project((values - values.mean(0)) / values.std(0), seed=seed)).labels_
    folds = StratifiedKFold(5, shuffle=True, random_state=seed)
    transfer = cross_val_score(KNeighborsClassifier(15), (values - values.mean(0)) / values.std(0), label, cv=folds)
    print(
        f"tcga: n = {len(label):,}; {found.k} clusters by {found.method}, lowest stability {found.stability.min():.2f}, p of one group "
        f"{found.p_structure:.3f}; adjusted Rand index with C1-C6 {adjusted_rand_score(label, found.labels):.3f} (aim .70); UMAP -> k-means (6) "
        f"{adjusted_rand_score(label, picture):.3f}; 15 nearest neighbours, 5 folds: accuracy {transfer.mean():.3f}; {spent:.0f} s of processor"
    )
    print(pl.DataFrame({"label": label, "cluster": found.labels + 1}).pivot(on="cluster", index="label", values="cluster", aggregate_function="len", sort_columns=True).sort("label"))


def planted(seed: int) -> None:
    """The synthetic studies: planted types found from the most variable genes, and from signatures, standardised within each study."""
    from sklearn.metrics import adjusted_rand_score

    from core.tme import naming
    from core.tme.signatures import score_signatures
    from data.sources import SYNTHETIC, Files, source

    frames, truths, genes = [], [], []
    for study in SYNTHETIC:
        tables = source(study).load(Files({}))
        truths.append(tables.tables["truth"].select("patient_id", "study", "tme_type"))
        for matrix in tables.expression:
            if matrix.patients and len(set(matrix.patients)) > 50:
                scored = score_signatures(matrix.values, list(matrix.genes), list(matrix.patients), unit=matrix.unit).drop_nulls("score")
                genes.append((list(matrix.genes), list(matrix.patients), np.asarray(matrix.values, dtype=np.float64), study))
                frames.append(scored.select(pl.col("sample").alias("patient_id"), pl.col("signature").alias("feature"), pl.col("score").alias("value")))
    truth = pl.concat(truths)
    _planted_genes(genes, dict(zip(truth["patient_id"], truth["tme_type"], strict=True)), seed)
    long = pl.concat(frames).join(truth, on="patient_id").group_by("patient_id", "study", "tme_type", "feature", maintain_order=True).first()
    scaled = long.with_columns(z=(pl.col("value") - pl.col("value").mean().over("study", "feature")) / pl.col("value").std().over("study", "feature"))
    for name, column in (("standardised within each study", "z"), ("as measured, batch effects left in", "value")):
        wide = scaled.pivot(on="feature", index=["patient_id", "study", "tme_type"], values=column).sort("patient_id")
        features = wide.columns[3:]
        values = wide.select(features).to_numpy().astype(np.float64)
        found = discover(values, seed=seed, weights=naming.balance(features))
        print(
            f"planted, {name}: n = {wide.height}, {len(features)} signatures; {found.k} clusters by {found.method}, adjusted Rand index "
            f"{adjusted_rand_score(wide['tme_type'], found.labels):.3f} (aim .90 after correction); with the study "
            f"{adjusted_rand_score(wide['study'], found.labels):.3f}; p of one group {found.p_structure:.3f}"
        )


def _planted_genes(studies: list[tuple[list[str], list[str], Floats, str]], types: dict[str, str], seed: int) -> None:
    """Counts are made log2; the genes of all studies with the largest spread in the first."""
    from sklearn.metrics import adjusted_rand_score

    shared = sorted(set.intersection(*(set(genes) for genes, *_ in studies)))
    blocks = []
    for genes, _, values, _ in studies:
        rows = values[[genes.index(gene) for gene in shared]].T
        blocks.append(np.log2(rows + 1) if np.nanmax(rows) > 100 else rows)
    wide = np.argsort(-np.nanstd(blocks[0], axis=0))[:MOST_GENES]
    truth = [types[patient] for _, patients, *_ in studies for patient in patients]
    study = [name for _, patients, _, name in studies for _ in patients]
    for corrected in (True, False):
        parts = [(b - np.nanmean(b, axis=0)) / np.maximum(np.nanstd(b, axis=0), 1e-9) if corrected else b for b in (b[:, wide] for b in blocks)]
        found = discover(np.vstack(parts), seed=seed)
        print(
            f"planted, {wide.size} most variable genes, {'standardised within each study' if corrected else 'batch effects left in'}: n = {len(truth)}; "
            f"{found.k} clusters by {found.method}, adjusted Rand index {adjusted_rand_score(truth, found.labels):.3f} (aim .90 after correction); with the "
            f"study {adjusted_rand_score(study, found.labels):.3f}; p of one group {found.p_structure:.3f}",
            flush=True,
        )


def imvigor(seed: int) -> None:
    """IMvigor210: clusters, phenotype, response, survival."""
    from sklearn.metrics import adjusted_mutual_info_score, adjusted_rand_score

    from core.pipeline.features import best_scores
    from core.pipeline.tme import features
    from core.tme.clusters.methods import METHODS
    from core.tme.clusters.outcome import response_by_cluster, survival_by_cluster
    from core.tme.naming import balance

    store = _store()
    patients, names, z = features(store, "imvigor210", best_scores(store))
    known = pl.DataFrame({"patient_id": patients}).join(
        store.sql("SELECT patient_id, phenotype, response, os_months, os_event FROM patient WHERE study = 'imvigor210'"), on="patient_id", how="left", maintain_order="left"
    )
    offered: dict[str, Clustering] = {"default": discover(z, seed=seed, weights=balance(names))}
    offered |= {f"{m}, weights by theme": discover(z, seed=seed, weights=balance(names), methods=(m,)) for m in METHODS}
    offered["default, features alike"] = discover(z, seed=seed)
    has = known["phenotype"].is_not_null().to_numpy()
    for name, found in offered.items():
        one, other = known["phenotype"].to_numpy()[has], found.labels[has]
        print(
            f"imvigor, {name}: n = {len(patients)}, {found.k} clusters by {found.method}, stability {np.round(found.stability, 2)}, p of one group "
            f"{found.p_structure:.3f}; phenotype (n = {has.sum()}): ARI {adjusted_rand_score(one, other):.3f}, AMI {adjusted_mutual_info_score(one, other):.3f}"
        )
    labels = {name: found.labels for name, found in offered.items() if found.k > 1}
    if not labels:
        return
    response = known["response"].cast(pl.Float64).fill_null(np.nan).to_numpy()
    for by in (response_by_cluster(response, labels, seed=seed), survival_by_cluster(known, labels, seed=seed)):
        with pl.Config(tbl_rows=60, tbl_cols=12, float_precision=3, fmt_str_lengths=40):
            print(by.outcome, by.name, by.note, by.groups, by.tests, by.pairs.filter(pl.col("clustering") == next(iter(labels))), sep="\n")


def speed(seed: int) -> None:
    """Processor time of noise and of planted groups, small and large."""
    rng = np.random.default_rng(seed)
    for n, p, aim in ((350, 12, 5), (9000, 5, 60)):
        centres = 1.5 * rng.normal(size=(4, p))
        for name, table in (("noise", rng.normal(size=(n, p))), ("four groups", centres[rng.integers(4, size=n)] + rng.normal(size=(n, p)))):
            start, wall = clock.process_time(), clock.perf_counter()
            found = discover(table, seed=seed)
            print(
                f"speed, {name} {n} x {p}: {clock.process_time() - start:.1f} s of processor, {clock.perf_counter() - wall:.1f} s by the clock "
                f"(aim {aim}); k = {found.k} by {found.method}",
                flush=True,
            )


def _store():  # type: ignore[no-untyped-def]
    from core.settings import Settings
    from data.store import Store

    settings = Settings.from_env()
    return Store.open_current(settings.database_dir, query_seconds=settings.query_seconds)


def _table(statement: str) -> pl.DataFrame:
    frame: pl.DataFrame = _store().sql(statement)
    return frame


def main() -> None:
    """Run the parts asked for, or all."""
    parts: dict[str, Callable[[int], None]] = {"tcga": tcga, "planted": planted, "imvigor": imvigor, "speed": speed}
    parser = argparse.ArgumentParser(description="Clusters beside published labels, noise, planted types and outcomes.")
    parser.add_argument("parts", nargs="*", choices=[*parts, "noise", []], help="all unless named")
    parser.add_argument("--sets", type=int, default=100, help="tables without groups")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    for name in args.parts or [*parts, "noise"]:
        if name == "noise":
            noises(args.sets, args.seed)
        else:
            parts[name](args.seed)


if __name__ == "__main__":
    main()

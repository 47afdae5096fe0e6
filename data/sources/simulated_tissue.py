"""The tissue of the synthetic studies: expression with batch effects, cell fractions, tile embeddings, spatial sections."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

import numpy as np
import numpy.typing as npt
import polars as pl

from data.sources.simulated_patients import PROGRAMMES, Array, Cohort, Design, asset
from data.sources.source import Expression

PLANTED_GENES: Mapping[str, str] = {"predictive": "CXCL13", "prognostic": "SPP1", "decoy": "LDHA"}
"""The gene that carries each planted marker."""

SPACE, TILE_DIMENSIONS = "tiles_synthetic", 32
PATIENT_ASSAY = "rna"
TPM_OFFSET = 0.001
SPOT_PITCH_UM = 100.0
SECTION_SIDE = 26  # spots on a side of the square that the section is cut from
REGIONS = ("tumour", "stroma", "immune aggregate")
SPOT_GENES = 300

CELL_PROGRAMMES: Mapping[str, tuple[str | None, float]] = {
    "B cells": ("b_cells", 0.05),
    "T cells CD8": ("cytotoxic", 0.08),
    "T cells CD4": ("t_cells", 0.09),
    "Macrophages": ("myeloid", 0.10),
    "Fibroblasts": ("fibroblast", 0.16),
    "Endothelial cells": ("endothelial", 0.05),
    "Tumour and other cells": ("epithelial", 0.47),
}
REGION_PROGRAMMES: Mapping[str, Mapping[str, float]] = {
    "tumour": {"epithelial": 1.4, "proliferation": 0.8, "fibroblast": -1.0, "t_cells": -0.6, "b_cells": -0.8},
    "stroma": {"fibroblast": 1.6, "endothelial": 0.9, "epithelial": -1.4, "proliferation": -0.8, "myeloid": 0.5},
    "immune aggregate": {
        "t_cells": 1.9, "b_cells": 2.0, "cytotoxic": 1.2, "interferon": 1.0, "epithelial": -1.6, "fibroblast": -0.4,
    },
}  # fmt: skip


@cache
def programme_of() -> Mapping[str, str]:
    """Gene -> the programme that drives it; the sex genes belong to 'female' and 'male'."""
    found: dict[str, str] = {}
    for group in ("programmes", "sex"):
        for programme, text in asset()[group].items():
            for gene in _expanded(text):
                found.setdefault(gene, programme)
    return found


def expression(cohort: Cohort, rng: np.random.Generator) -> Expression:
    """The study's matrix: log2 abundance = gene mean + loading x programme + noise, then a batch effect by gene.

    The gene means and loadings are those of `_gene_model`, the same in every study; the batch effect (shift, scale)
    and the unit are the study's own.
    """
    genes = list(programme_of())
    mean, loading = _gene_model()
    drive = np.array([_drive(cohort, programme) for programme in programme_of().values()])
    level = mean[:, None] + loading[:, None] * drive + 0.5 * rng.standard_normal((len(genes), cohort.design.n))
    row = {gene: index for index, gene in enumerate(genes)}
    for marker, gene in PLANTED_GENES.items():
        noise = 0.35 * rng.standard_normal(cohort.design.n)
        level[row[gene]] = mean[row[gene]] + 1.1 * (getattr(cohort, marker) + noise)
    level = _batch(level, cohort.design, rng)
    return Expression(
        assay=PATIENT_ASSAY,
        unit=cohort.design.unit,
        genes=genes,
        samples=[f"{patient}:rna" for patient in cohort.ids],
        patients=list(cohort.ids),
        values=_in_unit(level, cohort.design, rng),
    )


def cell_fractions(cohort: Cohort, rng: np.random.Generator) -> pl.DataFrame:
    """Fractions of seven cell types, which add to 1 in each patient."""
    names = list(CELL_PROGRAMMES)
    weight = np.stack(
        [share * np.exp(0.6 * _drive(cohort, name or "")) for name, share in CELL_PROGRAMMES.values()], axis=1
    )
    drawn = rng.gamma(12 * weight + 0.05)
    fraction = drawn / drawn.sum(axis=1, keepdims=True)
    return pl.DataFrame(
        {
            "patient_id": np.repeat(cohort.ids, len(names)),
            "study": [cohort.design.study] * fraction.size,
            "method": ["simulated"] * fraction.size,
            "cell_type": np.tile(names, cohort.design.n),
            "fraction": fraction.ravel(),
        }
    )


def tile_embeddings(cohort: Cohort, rng: np.random.Generator) -> pl.DataFrame:
    """The mean tile vector of each patient's slide: a fixed linear picture of the programmes, with noise."""
    scores = np.stack([cohort.scores[name] for name in PROGRAMMES[:10]], axis=1)
    weights = np.random.default_rng(20170209).standard_normal((scores.shape[1], TILE_DIMENSIONS))
    vectors = scores @ weights / np.sqrt(scores.shape[1]) + 0.6 * rng.standard_normal((len(scores), TILE_DIMENSIONS))
    with_slide = rng.random(cohort.design.n) < 0.85
    return pl.DataFrame(
        {
            "patient_id": np.array(cohort.ids)[with_slide],
            "study": [cohort.design.study] * int(with_slide.sum()),
            "space": [SPACE] * int(with_slide.sum()),
            "vector": pl.Series(vectors[with_slide].astype(np.float32).tolist(), dtype=pl.List(pl.Float32)),
        }
    )


def sections(cohort: Cohort, rng: np.random.Generator) -> tuple[pl.DataFrame, list[Expression]]:
    """Spatial sections, one of the first patient of each of the first TME types: spots, regions, molecule counts.

    The assay of a section bears the section's id, and its samples are the section's spots.
    """
    chosen = [int(np.flatnonzero(cohort.tme == kind)[0]) for kind in range(cohort.design.sections)]
    frames, matrices = [], []
    for number, patient in enumerate(chosen, start=1):
        section = f"synthetic_S{number}"
        frame, counts = _section(cohort, section, patient=patient, rng=rng)
        frames.append(frame)
        matrices.append(
            Expression(
                assay=section,
                unit="counts",
                genes=_spot_genes(),
                samples=frame["spot_id"].to_list(),
                patients=frame["patient_id"].to_list(),
                values=counts,
                level="spot",
                preferred=False,
            )
        )
    return pl.concat(frames), matrices


def _section(
    cohort: Cohort, section: str, *, patient: int, rng: np.random.Generator
) -> tuple[pl.DataFrame, npt.NDArray[np.float32]]:
    line, column = np.divmod(np.arange(SECTION_SIDE**2), SECTION_SIDE)
    x, y = (column + 0.5 * (line % 2)) * SPOT_PITCH_UM, line * SPOT_PITCH_UM * np.sqrt(3) / 2
    centre = np.array([x.mean(), y.mean()])
    inside = np.hypot(x - centre[0], y - centre[1]) < x.max() / 2
    column, line, x, y = column[inside], line[inside], x[inside], y[inside]
    region = _regions(x, y, immune=float(cohort.scores["t_cells"][patient]), rng=rng)
    genes = _spot_genes()
    mean, loading = _gene_model()
    row = {gene: index for index, gene in enumerate(programme_of())}
    picked = np.array([row[gene] for gene in genes])
    drive = np.zeros((len(genes), x.size))
    for number, gene in enumerate(genes):
        programme = programme_of()[gene]
        own = float(_drive(cohort, programme)[patient])
        regional = np.array([REGION_PROGRAMMES[name].get(programme, 0.0) for name in REGIONS])[region]
        drive[number] = own + regional
    depth = np.exp(rng.normal(0.0, 0.35, x.size))
    rate = np.exp2(mean[picked][:, None] + loading[picked][:, None] * drive - 5.0) * depth
    counts = rng.poisson(np.minimum(rate, 5e3)).astype(np.float32)
    frame = pl.DataFrame(
        {
            "study": [cohort.design.study] * x.size,
            "patient_id": [cohort.ids[patient]] * x.size,
            "section_id": [section] * x.size,
            "spot_id": [f"{a}x{b}" for a, b in zip(column, line, strict=True)],
            "kind": ["spot"] * x.size,
            "x_um": np.round(x, 1),
            "y_um": np.round(y, 1),
            "label": np.array(REGIONS)[region],
            "total": counts.sum(axis=0).astype(np.float64),
        }
    )
    return frame, counts


def _regions(x: Array, y: Array, *, immune: float, rng: np.random.Generator) -> npt.NDArray[np.intp]:
    """Tumour nests in stroma, with small immune aggregates: more of them in a tumour with more T cells."""
    nests = rng.uniform((x.min(), y.min()), (x.max(), y.max()), size=(7, 2))
    far = np.min(np.hypot(x[:, None] - nests[:, 0], y[:, None] - nests[:, 1]), axis=1)
    region = np.where(far < 430.0, REGIONS.index("tumour"), REGIONS.index("stroma"))
    for _ in range(max(2, round(5 + 2.5 * immune))):
        spot = rng.integers(x.size)
        region[np.hypot(x - x[spot], y - y[spot]) < 190.0] = REGIONS.index("immune aggregate")
    return region.astype(np.intp)


def _drive(cohort: Cohort, programme: str) -> Array:
    """What moves the genes of a programme in each patient; sex genes are on or off."""
    if programme in ("female", "male"):
        on = cohort.male if programme == "male" else ~cohort.male
        return np.where(on, 1.0, -1.0)
    return cohort.scores[programme]


@cache
def _gene_model() -> tuple[Array, Array]:
    """Mean log2 abundance and loading of each gene: fixed, the same in every synthetic study."""
    rng = np.random.default_rng(20180222)
    kinds = list(programme_of().values())
    mean, loading = rng.normal(4.6, 1.6, len(kinds)), np.abs(rng.normal(0.85, 0.25, len(kinds)))
    for index, kind in enumerate(kinds):
        if kind == "housekeeping":
            mean[index], loading[index] = mean[index] + 4.0, 0.1
        elif kind == "background":
            loading[index] = 0.15
        elif kind in ("female", "male"):
            mean[index], loading[index] = 1.5, 3.5
    return mean, loading


@cache
def _spot_genes() -> list[str]:
    """The genes of the spatial sections: those that the regions differ in, up to SPOT_GENES."""
    regional = {programme for effects in REGION_PROGRAMMES.values() for programme in effects}
    own = [gene for gene, programme in programme_of().items() if programme in regional]
    step = max(1, len(own) // SPOT_GENES)
    return own[::step][:SPOT_GENES]


def _batch(level: Array, design: Design, rng: np.random.Generator) -> Array:
    """Shift and scale every gene by the study's own amounts; study A is the reference and keeps its values."""
    if design.study.endswith("_a"):
        return level
    shift, scale = rng.normal(0.0, 0.7, len(level)), np.exp(rng.normal(0.0, 0.12, len(level)))
    centre = level.mean(axis=1, keepdims=True)
    return np.asarray(centre + shift[:, None] + scale[:, None] * (level - centre), dtype=np.float64)


def _in_unit(level: Array, design: Design, rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """log2 abundance in the study's unit: TPM add to a million, counts have a depth and Poisson noise."""
    share = np.exp2(level)
    share = share / share.sum(axis=0)
    if design.unit == "log2 TPM":
        return np.asarray(np.log2(share * 1e6 + TPM_OFFSET), dtype=np.float32)
    depth = np.exp(rng.normal(np.log(4e6), 0.3, design.n))
    counts = rng.poisson(share * depth).astype(np.float64)
    if design.unit == "counts":
        return np.asarray(counts, dtype=np.float32)
    return np.asarray(np.log2((counts + 0.5) / (counts.sum(axis=0) + 1.0) * 1e6), dtype=np.float32)


def _expanded(text: str) -> list[str]:
    """Gene names of a text, with "A1..3" written out as A1, A2, A3."""
    names: list[str] = []
    for word in text.split():
        run = re.fullmatch(r"(.*?)(\d+)\.\.(\d+)", word)
        if run:
            names += [f"{run[1]}{number}" for number in range(int(run[2]), int(run[3]) + 1)]
        else:
            names.append(word)
    return names

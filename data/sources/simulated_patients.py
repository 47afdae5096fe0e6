"""The patients of the synthetic studies: latent biology, planted effects, clinical table, mutations, copy number.

Each patient has one of four tumour microenvironment (TME) types and a score for each expression programme. Three
standard-normal markers are planted:

- predictive: raises the log-odds of response, and lowers the hazard of death, under ICB only;
- prognostic: changes the hazard of death alike in both arms, and the response in none;
- decoy: 0.6 predictive + 0.6 prognostic + noise, with no effect of its own.

log-odds of response = -0.9 + 1.1 predictive + 0.5 z(log TMB) under ICB, and -1.7 under control.
log hazard of death  = 0.55 prognostic, under ICB also -0.25 - 0.45 predictive.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

Array = npt.NDArray[np.float64]
ASSET = Path(__file__).parents[1] / "assets" / "synthetic_genes.toml"

TME_TYPES = ("immune-enriched", "immune-enriched, fibrotic", "fibrotic", "desert")
TME_SHARES = (0.24, 0.26, 0.24, 0.26)
PROGRAMMES = (
    "cytotoxic", "t_cells", "b_cells", "interferon", "myeloid", "fibroblast", "endothelial", "hypoxia",
    "proliferation", "epithelial", "housekeeping", "background",
)  # fmt: skip
CENTRES: Mapping[str, tuple[float, float, float, float]] = {
    "cytotoxic": (1.1, 0.8, -0.7, -1.1),
    "t_cells": (1.0, 0.8, -0.6, -1.1),
    "b_cells": (0.9, 0.5, -0.5, -0.8),
    "interferon": (1.0, 0.6, -0.6, -0.9),
    "myeloid": (0.3, 0.7, 0.1, -1.0),
    "fibroblast": (-0.9, 0.9, 1.0, -0.9),
    "endothelial": (-0.3, 0.6, 0.5, -0.7),
    "hypoxia": (-0.4, 0.1, 0.3, 0.1),
    "proliferation": (0.1, -0.3, -0.2, 0.5),
    "epithelial": (-0.3, -0.4, -0.1, 0.7),
}
"""Mean programme score (SD) of each TME type; programmes that are not named have mean 0."""

PREDICTIVE_ICB, TMB_ICB, BASE_ICB, BASE_CONTROL = 1.1, 0.5, -0.9, -1.7
PROGNOSTIC_HAZARD, ICB_HAZARD, PREDICTIVE_HAZARD = 0.55, -0.25, -0.45
DECOY_WEIGHT = 0.6
MEDIAN_OS_MONTHS, MEDIAN_PFS_MONTHS, WEIBULL_SHAPE = 13.0, 4.5, 1.15


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """What distinguishes one synthetic study from another."""

    study: str
    cohort: str
    n: int
    cancer_types: tuple[str, ...]
    drug: str
    share_icb: float
    unit: str
    seed: int
    sections: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Cohort:
    """Drawn patients: `ids` (n,), `scores` programme -> (n,), `table` the patient table, `truth` the planted truth."""

    design: Design
    ids: tuple[str, ...]
    tme: npt.NDArray[np.intp]
    male: npt.NDArray[np.bool_]
    scores: Mapping[str, Array]
    predictive: Array
    prognostic: Array
    decoy: Array
    table: pl.DataFrame
    truth: pl.DataFrame


@cache
def asset() -> Mapping[str, Any]:
    """The gene names and driver shares of the synthetic studies."""
    return tomllib.loads(ASSET.read_text(encoding="utf-8"))


def draw_cohort(design: Design, rng: np.random.Generator) -> Cohort:
    """Draw the patients of one study."""
    n = design.n
    tme = rng.choice(len(TME_TYPES), size=n, p=TME_SHARES)
    scores = {name: np.array(CENTRES.get(name, (0.0,) * 4))[tme] + 0.55 * rng.standard_normal(n) for name in PROGRAMMES}
    predictive = _scaled(0.5 * _scaled(scores["interferon"]) + rng.standard_normal(n))
    prognostic = _scaled(0.4 * _scaled(scores["hypoxia"]) + rng.standard_normal(n))
    decoy = _scaled(DECOY_WEIGHT * (predictive + prognostic) + 0.6 * rng.standard_normal(n))
    icb = rng.permutation(n) < round(n * design.share_icb)
    tmb = np.exp(rng.normal(1.75, 0.8, n))
    odds_icb = BASE_ICB + PREDICTIVE_ICB * predictive + TMB_ICB * _scaled(np.log(tmb))
    odds_control = np.full(n, BASE_CONTROL)
    hazard = PROGNOSTIC_HAZARD * prognostic + icb * (ICB_HAZARD + PREDICTIVE_HAZARD * predictive)
    ids = tuple(f"{design.study}:{design.cohort[-1]}{number:03d}" for number in range(1, n + 1))
    truth = pl.DataFrame(
        {
            "patient_id": ids,
            "study": [design.study] * n,
            "tme_type": np.array(TME_TYPES)[tme],
            "predictive": predictive,
            "prognostic": prognostic,
            "decoy": decoy,
            "true_log_odds": np.where(icb, odds_icb, odds_control),
            "true_log_odds_icb": odds_icb,
            "true_log_odds_control": odds_control,
            "true_log_hazard": hazard,
        }
    )
    male = rng.random(n) < 0.58
    endpoints = _endpoints(np.where(icb, odds_icb, odds_control), hazard, rng)
    table = pl.DataFrame(
        {
            "patient_id": ids,
            "study": [design.study] * n,
            "cohort": [design.cohort] * n,
            "source_id": [name.split(":")[1] for name in ids],
            "sex": np.where(male, "male", "female"),
            "arm": np.where(icb, "ICB", "control"),
            "drug": np.where(icb, design.drug, "chemotherapy"),
            "drug_class": np.where(icb, "PD-1/PD-L1", "no ICB"),
            "tmb_per_mb": np.round(tmb, 2),
            **_clinical(design, tme, rng),
            **_biomarkers(scores, tmb, prognostic=prognostic, rng=rng),
            **endpoints,
            "tumour_change_percent": _tumour_change(endpoints["recist"], np.random.default_rng(design.seed + 1)),
            "response_definition": ["RECIST CR or PR against SD or PD (simulated)"] * n,
        },
        strict=False,
    )
    return Cohort(
        design=design,
        ids=ids,
        tme=tme,
        male=male,
        scores=scores,
        predictive=predictive,
        prognostic=prognostic,
        decoy=decoy,
        table=_with_gaps(table, rng),
        truth=truth,
    )


def mutations(cohort: Cohort, rng: np.random.Generator) -> pl.DataFrame:
    """Driver mutations; the burden of a patient raises the share of every driver."""
    drivers = asset()["drivers"]
    genes = list(drivers)
    share = np.array([drivers[gene][0] for gene in genes])
    burden = _scaled(np.log(cohort.table["tmb_per_mb"].fill_null(5.0).to_numpy()))
    odds = np.log(share / (1 - share))[None, :] + 0.6 * burden[:, None]
    who, which = np.nonzero(rng.random(odds.shape) < 1 / (1 + np.exp(-odds)))
    effects = np.array(["missense", "nonsense", "frameshift", "splice", "inframe"])
    effect = rng.choice(effects, size=who.size, p=(0.66, 0.13, 0.12, 0.06, 0.03))
    residue, codon = rng.choice(list("ADEGKLPQRSTV"), size=(2, who.size)), rng.integers(2, 400, who.size)
    last = np.where(effect == "nonsense", "*", np.where(effect == "frameshift", "fs", residue[1]))
    change = [f"p.{first}{place}{end}" for first, place, end in zip(residue[0], codon, last, strict=True)]
    return pl.DataFrame(
        {
            "patient_id": np.array(cohort.ids)[who],
            "study": [cohort.design.study] * who.size,
            "gene": np.array(genes)[which],
            "protein_change": [None if kind == "splice" else text for kind, text in zip(effect, change, strict=True)],
            "effect": effect,
            "chromosome": np.array([drivers[gene][1] for gene in genes])[which],
            "vaf": np.round(rng.beta(4, 9, who.size), 3),
        },
        strict=False,
    )


def copy_numbers(cohort: Cohort, rng: np.random.Generator) -> pl.DataFrame:
    """Copy-number calls other than neutral; a third of losses and gains are deep."""
    table = asset()["copy_number"]
    genes = list(table)
    shares = np.array([table[gene] for gene in genes])
    draw, deep = rng.random((cohort.design.n, len(genes))), rng.random((cohort.design.n, len(genes))) < 0.33
    lost, gained = draw < shares[:, 0], draw > 1 - shares[:, 1]
    call = np.where(lost, -1 - deep, np.where(gained, 1 + deep, 0))
    who, which = np.nonzero(call)
    return pl.DataFrame(
        {
            "patient_id": np.array(cohort.ids)[who],
            "study": [cohort.design.study] * who.size,
            "gene": np.array(genes)[which],
            "call": call[who, which].astype(np.int8),
        }
    )


def _scaled(values: Array) -> Array:
    return np.asarray((values - values.mean()) / values.std(), dtype=np.float64)


def _pick(levels: Sequence[str], shares: Sequence[float], *, n: int, rng: np.random.Generator) -> npt.NDArray[np.str_]:
    return rng.choice(np.array(levels), size=n, p=shares)


def _clinical(design: Design, tme: npt.NDArray[np.intp], rng: np.random.Generator) -> dict[str, Any]:
    n = design.n
    smoking = _pick(("never", "former", "current"), (0.3, 0.5, 0.2), n=n, rng=rng)
    phenotype = np.array(("inflamed", "excluded", "excluded", "desert"))[tme]
    mixed = rng.random(n) < 0.12
    phenotype[mixed] = _pick(("inflamed", "excluded", "desert"), (0.3, 0.4, 0.3), n=int(mixed.sum()), rng=rng)
    return {
        "age_years": np.round(np.clip(rng.normal(64, 10, n), 24, 90)),
        "cancer_type": rng.choice(np.array(design.cancer_types), size=n),
        "stage": _pick(("III", "IV"), (0.15, 0.85), n=n, rng=rng),
        "ecog": _pick(("0", "1", "2"), (0.4, 0.5, 0.1), n=n, rng=rng),
        "smoking": smoking,
        "pack_years": np.round(np.where(smoking == "never", 0.0, rng.gamma(3.0, 11.0, n))),
        "bmi": np.round(np.clip(rng.normal(26, 4.2, n), 16, 45), 1),
        "sample_site": _pick(("primary", "lymph node", "liver", "lung"), (0.6, 0.18, 0.1, 0.12), n=n, rng=rng),
        "treatment_year": rng.integers(2016, 2022, n).astype(np.float64),
        "prior_systemic_therapy": rng.random(n) < 0.55,
        "phenotype": phenotype,
    }


def _biomarkers(
    scores: Mapping[str, Array], tmb: Array, *, prognostic: Array, rng: np.random.Generator
) -> dict[str, Any]:
    n = tmb.size
    immune = _scaled(scores["t_cells"] + scores["cytotoxic"])
    pdl1 = 100 / (1 + np.exp(-(1.3 * _scaled(scores["interferon"]) - 1.6 + 1.1 * rng.standard_normal(n))))
    cells = immune + 0.5 * rng.standard_normal(n)
    return {
        "mutation_count": np.round(tmb * 34.0),
        "neoantigen_per_mb": np.round(tmb * 0.13 * np.exp(0.35 * rng.standard_normal(n)), 3),
        "pdl1_tps_percent": np.where(pdl1 < 1, 0.0, np.round(pdl1)),
        "pdl1_ic": np.array(("IC0", "IC1", "IC2+"))[np.digitize(cells, (-0.6, 0.5))],
        "msi_high": tmb > np.quantile(tmb, 0.97),
        "albumin_g_per_dl": np.round(np.clip(3.9 - 0.25 * prognostic + 0.32 * rng.standard_normal(n), 2.0, 5.2), 1),
        "nlr": np.round(np.exp(1.4 + 0.25 * prognostic + 0.5 * rng.standard_normal(n)), 2),
        "platelets_per_nl": np.round(np.exp(rng.normal(5.5, 0.3, n))),
        "haemoglobin_g_per_dl": np.round(np.clip(rng.normal(12.2, 1.6, n), 7, 17), 1),
        "ldh": np.where(rng.random(n) < 1 / (1 + np.exp(0.7 - 0.7 * prognostic)), "elevated", "normal"),
        "fcna": np.round(rng.beta(1.6, 5.0, n), 3),
        "hla_loh": rng.random(n) < 0.18,
        "purity": np.round(np.clip(0.55 - 0.13 * immune + 0.12 * rng.standard_normal(n), 0.08, 0.97), 2),
        "ploidy": np.round(np.clip(rng.normal(2.4, 0.6, n), 1.5, 5.5), 2),
        "leukocyte_fraction": np.round(np.clip(0.2 + 0.09 * immune + 0.05 * rng.standard_normal(n), 0.005, 0.8), 3),
        "til_percent": np.round(np.clip(np.exp(1.9 + 0.75 * immune + 0.4 * rng.standard_normal(n)), 0, 90), 1),
    }


def _endpoints(log_odds: Array, log_hazard: Array, rng: np.random.Generator) -> dict[str, Any]:
    """RECIST from the log-odds; death and progression from Weibull hazards; uniform administrative censoring."""
    n = log_odds.size
    responds = rng.random(n) < 1 / (1 + np.exp(-log_odds))
    luck = rng.random(n)
    recist = np.where(responds, np.where(luck < 0.22, "CR", "PR"), np.where(luck < 0.36, "SD", "PD")).astype(object)
    recist[rng.random(n) < 0.06] = None
    scale_os = MEDIAN_OS_MONTHS / np.log(2) ** (1 / WEIBULL_SHAPE) * np.exp(-log_hazard / WEIBULL_SHAPE)
    scale_pfs = MEDIAN_PFS_MONTHS / np.log(2) ** (1 / WEIBULL_SHAPE) * np.exp(-0.9 * log_hazard + 0.9 * responds)
    death = scale_os * rng.weibull(WEIBULL_SHAPE, n)
    progression = np.minimum(scale_pfs * rng.weibull(WEIBULL_SHAPE, n), death)
    end = rng.uniform(9, 42, n)
    return {
        "recist": recist.tolist(),
        "response": [None if one is None else one in ("CR", "PR") for one in recist],
        "os_months": np.round(np.minimum(death, end), 2) + 0.03,
        "os_event": death <= end,
        "pfs_months": np.round(np.minimum(progression, end), 2) + 0.03,
        "pfs_event": progression <= end,
    }


CHANGE_RANGES: Mapping[str, tuple[float, float]] = {"CR": (-100, -100), "PR": (-95, -30), "SD": (-29, 19), "PD": (-15, 110)}
"""Best change of target lesions (%) by RECIST; progression may come from a new lesion alone."""


def _tumour_change(recist: Sequence[str | None], rng: np.random.Generator) -> list[float | None]:
    """Within its RECIST range, from a stream of its own, so that no other column depends on it."""
    share = rng.beta(1.3, 1.8, len(recist))
    ends = [None if one is None else CHANGE_RANGES[one] for one in recist]
    return [None if e is None else round(e[0] + s * (e[1] - e[0])) + 0.0 for e, s in zip(ends, share, strict=True)]


MISSING_SHARES: Mapping[str, float] = {
    "tmb_per_mb": 0.12, "mutation_count": 0.12, "neoantigen_per_mb": 0.25, "pdl1_tps_percent": 0.2, "pdl1_ic": 0.05,
    "albumin_g_per_dl": 0.06, "nlr": 0.06, "ldh": 0.1, "phenotype": 0.1, "smoking": 0.05, "pack_years": 0.15,
    "bmi": 0.08, "purity": 0.1, "til_percent": 0.12, "hla_loh": 0.2, "ecog": 0.02,
}  # fmt: skip


def _with_gaps(table: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    """Remove a share of some columns at random, as real tables have gaps."""
    known = [
        pl.when(pl.Series(rng.random(table.height) >= share)).then(pl.col(name)).alias(name)
        for name, share in MISSING_SHARES.items()
    ]
    return table.with_columns(known)

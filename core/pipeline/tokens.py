"""Tokens: the variables that the multimodal model reads, on scales that were fixed beforehand, never learnt from a cohort.

Centre and spread are round numbers of a middle-aged patient with cancer; a model only needs columns of similar size.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt
import polars as pl

from core.tme.gene_names import positions
from core.tme.signatures import catalogue
from models.vocabulary import OTHER_GENES, Category, Number, Vocabulary

NUMBERS = (
    Number(name="tmb_per_mb", modality="genome", logged=True, centre=2.8, spread=1.4),
    Number(name="tmb_in_cohort", modality="genome"),
    Number(name="neoantigen_in_cohort", modality="genome"),
    Number(name="fcna", modality="genome", centre=0.15, spread=0.15),
    Number(name="ploidy", modality="genome", centre=2.5, spread=0.8),
    Number(name="purity", modality="genome", centre=0.6, spread=0.2),
    Number(name="hed", modality="genome", centre=8.0, spread=2.5),
    Number(name="age_years", modality="clinical", centre=62.0, spread=12.0),
    Number(name="albumin_g_per_dl", modality="clinical", centre=3.9, spread=0.4),
    Number(name="nlr", modality="clinical", logged=True, centre=2.5, spread=0.9),
    Number(name="platelets_per_nl", modality="clinical", logged=True, centre=7.9, spread=0.6),
    Number(name="haemoglobin_g_per_dl", modality="clinical", centre=12.0, spread=1.8),
    Number(name="bmi", modality="clinical", centre=27.0, spread=6.0),
    Number(name="pack_years", modality="clinical", logged=True, centre=3.0, spread=2.5),
    Number(name="leukocyte_fraction", modality="expression", centre=0.25, spread=0.18),
    Number(name="pdl1_tps_percent", modality="pathology", logged=True, centre=2.5, spread=2.5),
    Number(name="til_percent", modality="pathology", centre=10.0, spread=9.0),
)
"""Numeric variables; `*_in_cohort` are z-scores of the logarithm within the cohort."""

FLAGS = ("prior_systemic_therapy", "prior_platinum", "prior_ctla4", "msi_high", "hla_loh")
GENOME_FLAGS = frozenset({"msi_high", "hla_loh"})

CANCERS: Mapping[str, tuple[str, ...]] = {
    "Bladder": ("Bladder", "BLCA"), "Breast": ("Breast", "BRCA"), "CNS": ("CNS", "GBM", "LGG"),
    "Colorectal": ("Colorectal", "COAD", "READ"), "Endometrial": ("Endometrial", "UCEC", "UCS"),
    "Gastric": ("Gastric", "Esophageal", "Esophagogastric", "STAD", "ESCA"), "Head & Neck": ("Head & Neck", "HNSC"),
    "Hepatobiliary": ("Hepatobiliary", "LIHC", "CHOL"), "Melanoma": ("Melanoma", "SKCM", "UVM"),
    "Mesothelioma": ("Mesothelioma", "MESO"), "NSCLC": ("NSCLC", "LUAD", "LUSC"), "Ovarian": ("Ovarian", "OV"),
    "Pancreatic": ("Pancreatic", "PAAD"), "Renal": ("Renal", "KIRC", "KIRP", "KICH"), "SCLC": ("SCLC",), "Sarcoma": ("Sarcoma", "SARC"),
}  # fmt: skip
"""One name a cancer, and the names that studies use for it."""

SITES: Mapping[str, tuple[str, ...]] = {
    "lymph node or skin only": ("lymph node only", "lymph node", "skin or subcutis", "not visceral"),
    "visceral": ("visceral", "lung", "brain", "bone"),
    "liver": ("liver", "liver or other viscera"),
}
STAGES = ("I-II", "III", "IV")

CATEGORIES = (
    Category(name="cancer_type", modality="clinical", levels=tuple(CANCERS)),
    Category(name="sex", modality="clinical", levels=("female", "male")),
    Category(name="ecog", modality="clinical", levels=("0", "1", "2 or more")),
    Category(name="stage", modality="clinical", levels=STAGES),
    Category(name="smoking", modality="clinical", levels=("never", "ever")),
    Category(name="ldh", modality="clinical", levels=("normal", "elevated")),
    Category(name="metastatic_site", modality="clinical", levels=tuple(SITES)),
    *(Category(name=name, modality="genome" if name in GENOME_FLAGS else "clinical", levels=("no", "yes")) for name in FLAGS),
    Category(name="pdl1_ic", modality="pathology", levels=("IC0", "IC1", "IC2+")),
    Category(name="pdl1_tc", modality="pathology", levels=("TC0", "TC1", "TC2+")),
    Category(name="phenotype", modality="pathology", levels=("desert", "excluded", "inflamed")),
)

MUTATED = (
    "TP53", "KRAS", "STK11", "KEAP1", "EGFR", "BRAF", "NRAS", "NF1", "PTEN", "PIK3CA", "CDKN2A", "RB1", "ARID1A", "PBRM1", "KMT2D",
    "B2M", "JAK1", "JAK2", "POLE", "POLD1", "BRCA2", "ATM", "SMARCA4", "CTNNB1", "APC", "FGFR3", "CASP8", "FAT1", "NOTCH1", "ZFHX3",
)  # fmt: skip
COPIED = (
    "CD274", "JAK2", "CDKN2A", "MYC", "PTEN", "B2M", "EGFR", "ERBB2", "MDM2", "CCND1", "KRAS", "STK11", "RB1", "FGFR3", "PIK3CA", "SOX2",
)  # fmt: skip

CELLS = ("LYMPHOCYTE", "MACROPHAGE", "PLASMA", "FIBROBLAST", "CANCER")
SHARED_BY = 0.6
"""A gene outside every set is read when this share of the patient-level assays measures it."""


def vocabulary(gene_sets: pl.DataFrame, assays: Sequence[Sequence[str]], slide_features: Iterable[str]) -> Vocabulary:
    """What a model trained on these tables reads.

    Parameters
    ----------
    gene_sets : table `gene_set`. assays : genes of each patient-level assay. slide_features : names of H&E features.
    """
    sets = members(gene_sets)
    inside = sorted({gene for genes in sets.values() for gene in genes})
    counted: dict[str, int] = {}
    for genes in assays:
        for gene in set(genes):
            counted[gene] = counted.get(gene, 0) + 1
    known = set(inside)
    outside = sorted(g for g, n in counted.items() if g not in known and n >= SHARED_BY * max(len(assays), 1)) if sets else []
    features = tuple(sorted(slide_features))
    return Vocabulary(
        sets=(*sets, OTHER_GENES) if sets else (),
        sets_hash=sets_hash(sets),
        genes=(*inside, *outside),
        numbers=NUMBERS,
        categories=CATEGORIES,
        mutated=MUTATED,
        copied=COPIED,
        slide_features=features,
        slide_groups=tuple(slide_group(name) for name in features),
    )


def members(gene_sets: pl.DataFrame) -> dict[str, tuple[str, ...]]:
    """Genes of every set: the small published signatures, MCP-counter and hallmark sets; {} without gene sets."""
    if gene_sets.is_empty():
        return {}
    return {found.name: tuple(found.genes) for found in catalogue(gene_sets)}


def sets_hash(sets: Mapping[str, Sequence[str]]) -> str:
    """Hash of which gene is in which set."""
    text = ";".join(f"{name}:{','.join(sorted(genes))}" for name, genes in sets.items())
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def membership(words: Vocabulary, gene_sets: pl.DataFrame) -> npt.NDArray[np.bool_]:
    """(sets, genes): which gene is in which set; all False where the sets are not at hand."""
    sets = members(gene_sets)
    table = np.zeros((len(words.sets), len(words.genes)), dtype=bool)
    for row, name in enumerate(words.sets):
        found = positions(sets.get(name, ()), words.genes)
        table[row, found[found >= 0]] = True
    if words.sets and words.sets[-1] == OTHER_GENES and sets:
        table[-1] = ~table[:-1].any(axis=0)
    return table


def slide_group(feature: str) -> str:
    """The token of an H&E feature: the cell that it is about, beside cancer cells where two are named, else the tissue."""
    text = feature.upper()
    for cell in CELLS:
        if re.search(rf"\b{cell}(_|\b)", text):
            return f"{cell.lower()} cells"
    return "tissue areas"


def level(name: str, value: str | bool | None) -> int:
    """Number of a category's level for a value as studies write it; -1 where it is unknown to the vocabulary."""
    if value is None:
        return -1
    if isinstance(value, bool):
        return int(value)
    text = str(value).strip()
    if name == "cancer_type":
        return _lookup(CANCERS, text)
    if name == "metastatic_site":
        return _lookup(SITES, text)
    if name == "ecog":
        found = re.match(r"(\d)", text)
        return min(int(found[1]), 2) if found else -1
    if name == "stage":
        found = re.match(r"(IV|III|II|I)", text)
        return -1 if not found or text.startswith("I-III") else {"I": 0, "II": 0, "III": 1, "IV": 2}[found[1]]
    if name == "smoking":
        return {"never": 0, "former": 1, "current": 1, "ever": 1}.get(text, -1)
    levels = next(c.levels for c in CATEGORIES if c.name == name)
    return levels.index(text) if text in levels else -1


def _lookup(groups: Mapping[str, Sequence[str]], text: str) -> int:
    return next((number for number, names in enumerate(groups.values()) if text in names), -1)

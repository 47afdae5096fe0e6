"""Names: signatures and cell types in words, and TME types as immune-enriched, fibrotic, both, desert or mixed.

The rule for a TME type, in the spirit of the four types of Bagaev 2021 (doi 10.1016/j.ccell.2021.04.014): the
standardised scores of its patients are averaged over the T-cell theme and over the stroma theme below. A theme is high
at a quarter of a standard deviation above the cohort's mean or more, low at as much below. Both high: immune-enriched
fibrotic. T cells alone high: immune-enriched. Stroma alone high: fibrotic. T cells low, stroma not high: desert. Else
mixed. A single name for two types is told apart by their most different feature.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

HIGH = 0.25
"""SD from the cohort's mean at which a theme is high, or as much below it low."""
ENRICHED, ENRICHED_FIBROTIC, FIBROTIC, DESERT, MIXED = "Immune-enriched", "Immune-enriched fibrotic", "Fibrotic", "Desert", "Mixed"

THEMES: Mapping[str, tuple[str, ...]] = {
    "T-cell inflamed": (
        "gep", "cyt", "ifng6", "cd8_teff", "mcp_t_cells", "mcp_cd8_t_cells", "mcp_cytotoxic_lymphocytes",
        "hallmark_interferon_gamma_response", "hallmark_allograft_rejection", "thorsson_lymphocyte_infiltration", "thorsson_ifn_gamma",
        "cd8 t cells",
    ),
    "B-cell rich": ("mcp_b_lineage", "b cells, naive", "b cells, memory", "plasma cells"),
    "TGF-β stroma": (
        "f_tbrs", "mcp_fibroblasts", "hallmark_epithelial_mesenchymal_transition", "hallmark_tgf_beta_signaling", "thorsson_tgf_beta",
    ),
    "Myeloid": (
        "mcp_monocytic_lineage", "mcp_neutrophils", "hallmark_complement", "hallmark_inflammatory_response", "thorsson_macrophage",
        "macrophages m2", "monocytes",
    ),
    "Angiogenic": ("mcp_endothelial_cells", "hallmark_angiogenesis"),
    "Proliferative": ("hallmark_e2f_targets", "hallmark_g2m_checkpoint", "hallmark_myc_targets_v1", "thorsson_wound_healing"),
    "Metabolic": ("hallmark_oxidative_phosphorylation", "hallmark_fatty_acid_metabolism"),
    "Hypoxic": ("hallmark_hypoxia", "hallmark_glycolysis"),
}  # fmt: skip
"""Themes and the features that vote for them. Names are compared in lower case."""

AXES = ("T-cell inflamed", "TGF-β stroma")
"""The two themes that tell immune-enriched, fibrotic, both and neither apart (Bagaev 2021, doi 10.1016/j.ccell.2021.04.014)."""


ACRONYMS: Mapping[str, str] = {
    word.lower(): word
    for word in (
        "NK", "CD4", "CD8", "DNA", "E2F", "G2M", "IL2", "IL6", "JAK", "STAT3", "STAT5", "TNFA", "NFKB", "TGF", "IFN", "KRAS", "MYC", "WNT",
        "NOTCH", "T", "B", "PI3K", "AKT", "MTOR", "MTORC1", "UV", "P53", "M0", "M1", "M2",
    )
}  # fmt: skip


def label(name: str) -> str:
    """A stored signature or cell name as a person reads it."""
    from core.tme.signatures import HALLMARK_PREFIX, MCP_PREFIX, published

    for signature in published():
        if signature.name == name:
            return signature.title
    for prefix, pattern in (
        (HALLMARK_PREFIX, "Hallmark: {}"),
        (MCP_PREFIX, "{} (MCP-counter)"),
        ("thorsson_", "{} (Thorsson 2018)"),
    ):
        if name.startswith(prefix):
            return pattern.format(_spoken(name.removeprefix(prefix), capital=not pattern.startswith("Hallmark")))
    return _spoken(name)


def _spoken(name: str, *, capital: bool = True) -> str:
    words = name.replace("_", " ").replace(".", " ").split()
    joined = " ".join(ACRONYMS.get(word.lower(), word) for word in words)
    return joined[:1].upper() + joined[1:] if capital and joined else joined


def themes(features: Sequence[str]) -> dict[str, list[int]]:
    """Which of the features vote for each theme: theme -> positions; themes without any are left out."""
    position = {_plain(name): number for number, name in enumerate(features)}
    found = {
        theme: [position[_plain(m)] for m in members if _plain(m) in position] for theme, members in THEMES.items()
    }
    return {theme: members for theme, members in found.items() if members}


def balance(features: Sequence[str]) -> npt.NDArray[np.float64]:
    """Weight of each feature, (p,), so that every theme counts the same however many features measure it.

    1 / sqrt(members of its theme). Features of no theme share one block; hallmark sets of no theme describe the
    tumour cell, and get 0.
    """
    from core.tme.signatures import HALLMARK_PREFIX

    weight = np.zeros(len(features))
    for members in themes(features).values():
        weight[members] = 1.0 / np.sqrt(len(members))
    rest = [n for n, name in enumerate(features) if weight[n] == 0 and not name.startswith(HALLMARK_PREFIX)]
    weight[rest] = 1.0 / np.sqrt(max(len(rest), 1))
    return weight


def axes(centre: npt.NDArray[np.float64], features: Sequence[str]) -> tuple[float, float]:
    """Means of the T-cell theme and of the stroma theme at a type's centre (p,); nan where no feature measures one."""
    members = themes(features)
    means = [centre[members[theme]] if theme in members else np.full(1, np.nan) for theme in AXES]
    t_cells, stroma = (float(m[np.isfinite(m)].mean()) if np.isfinite(m).any() else float("nan") for m in means)
    return t_cells, stroma


def category(t_cells: float, stroma: float) -> tuple[str, str]:
    """A type's name and the rule that gave it, in words.

    Parameters
    ----------
    t_cells, stroma : mean of each theme, SD from the cohort's mean; nan = not measured, neither high nor low.
    """
    said = f"T-cell theme {_level(t_cells)}, stroma theme {_level(stroma)}"
    if t_cells >= HIGH:
        name = ENRICHED_FIBROTIC if stroma >= HIGH else ENRICHED
    elif stroma >= HIGH:
        name = FIBROTIC
    else:
        name = DESERT if t_cells <= -HIGH else MIXED
    return name, said


def _level(value: float) -> str:
    if np.isnan(value):
        return "not measured"
    word = "high" if value >= HIGH else "low" if value <= -HIGH else "near the mean"
    return f"{word} ({value:+.2f} SD)".replace("-", "−")


def name_types(
    standardised: npt.NDArray[np.float64], features: Sequence[str], *, types: npt.NDArray[np.int64]
) -> list[str]:
    """Names of the TME types, by the rule of this module.

    Parameters
    ----------
    standardised : (n, p) scores standardised within the cohort. features : (p,) names. types : (n,) 0..k-1.

    Returns
    -------
    (k,) names; two types that would share a name are told apart by their most different feature.
    """
    k = int(types.max()) + 1
    centres = np.vstack([np.nanmean(standardised[types == t], axis=0) for t in range(k)])
    names = [category(*axes(centre, features))[0] for centre in centres]
    for name in {n for n in names if names.count(n) > 1}:
        same = [t for t in range(k) if names[t] == name]
        others = centres[same]
        for position, t in enumerate(same):
            rest = np.delete(others, position, axis=0).mean(axis=0)
            best = int(np.argmax(others[position] - rest))
            names[t] = f"{name}, higher {_short(label(features[best]))}"
    for t in range(k):
        twins = [u for u in range(k) if names[u] == names[t]]
        if len(twins) > 1:
            for position, u in enumerate(twins):
                names[u] = f"{names[u]} {position + 1}"
    return names


def _plain(name: str) -> str:
    return name.lower().replace("_", " ").replace(".", " ").replace("-", " ").strip()


def _short(words: str) -> str:
    spoken = re.sub(r" \((MCP-counter|[A-Z][^()]* \d{4})\)$", "", words.removeprefix("Hallmark: "))
    return spoken[:1].lower() + spoken[1:] if re.match("[A-Z][a-z]", spoken) else spoken

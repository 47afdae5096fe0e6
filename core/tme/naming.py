"""Names: signatures and cell types in words, and TME types named by their top signatures.

The rule for a TME type: the standardised scores of its patients are averaged over each theme below. Every theme at
half a standard deviation or more above the cohort gives a word, at most two; the T-cell theme is named first. A type whose T-cell
theme is half a standard deviation or more below is "Immune-low" first. A type with neither is named after its lowest
theme ("TGF-β stroma-low") where that is half a standard deviation or more below the cohort, else "Intermediate".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

STRONG = 0.5
FIRST = ("T-cell inflamed", "Immune-low")

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


ACRONYMS: Mapping[str, str] = {
    word.lower(): word
    for word in (
        "NK", "CD4", "CD8", "DNA", "E2F", "G2M", "IL2", "IL6", "JAK", "STAT3", "STAT5", "TNFA", "NFKB", "TGF", "IFN", "KRAS", "MYC", "WNT",
        "NOTCH", "PI3K", "AKT", "MTOR", "MTORC1", "UV", "P53", "M0", "M1", "M2",
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
    members = themes(features)
    names = []
    for centre in centres:
        means = {theme: float(np.mean(centre[own])) for theme, own in members.items()}
        high = [t for t, value in sorted(means.items(), key=lambda item: -item[1]) if value >= STRONG]
        words = ["Immune-low"] if means.get("T-cell inflamed", 0.0) <= -STRONG else []
        words += high[: 2 - len(words)]
        lowest = min(means, key=lambda theme: means[theme], default="")
        if not words and lowest and means[lowest] <= -STRONG:
            words = [f"{lowest}-low"]
        names.append(", ".join(sorted(words, key=lambda word: word not in FIRST)) if words else "Intermediate")
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
    spoken = words.replace("Hallmark: ", "").replace(" (MCP-counter)", "")
    return spoken if spoken[1:2].isupper() else spoken[:1].lower() + spoken[1:]

"""Charts of groups on the TME map, from made-up numbers."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from core.figures import Chart, Provenance, superiority


def _superiority(provenance: Provenance) -> Chart:
    table = pl.DataFrame(
        {
            "label": [f"Gene {i}" for i in range(30)], "auc": [0.9 - i * 0.025 for i in range(30)], "ci_low": [0.85 - i * 0.025 for i in range(30)],
            "ci_high": [min(0.95 - i * 0.025, 1.0) for i in range(30)], "q": [abs(i - 15) ** -2 if i != 15 else 1.0 for i in range(30)],
        }
    )  # fmt: skip
    return superiority(table, provenance=provenance, slug="map-group-genes", title="Genes of the group", caption="Rank test a gene.")


KINDS: dict[str, Callable[[Provenance], Chart]] = {"superiority": _superiority}

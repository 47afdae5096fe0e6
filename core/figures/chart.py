"""Chart: one figure with everything it needs to stand alone; screen, slide and csv come from the same Chart."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import plotly.graph_objects as go
import polars as pl

MOST_CITED = 3
"""Citations that a footer has room for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """Where a figure's numbers come from.

    Attributes
    ----------
    cohort : the cohort in words. studies : (short citation, ...) of the studies in it.
    n : patients shown. n_missing : patients of the cohort left out because a value is missing.
    database : version of the cohort database. software : version of TMEscope.
    synthetic : true when any patient shown is simulated.
    """

    cohort: str
    n: int
    n_missing: int = 0
    studies: tuple[str, ...] = ()
    database: str = ""
    software: str = ""
    synthetic: bool = False

    def line(self) -> str:
        """One line for a figure's footer."""
        parts = [self.cohort, f"n = {self.n:,}"]
        if self.n_missing:
            parts.append(f"{self.n_missing:,} missing")
        if len(self.studies) > MOST_CITED:
            parts.append(f"{len(self.studies)} studies, each cited in the figure's csv and on the About page")
        elif self.studies:
            parts.append("; ".join(self.studies))
        if self.software or self.database:
            parts.append(f"TMEscope {self.software} · data {self.database}".strip())
        if self.synthetic:
            parts.insert(0, "SYNTHETIC DATA")
        return " · ".join(parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A figure, its table, and its words.

    Attributes
    ----------
    slug : file name without ending. title : what is shown, as a sentence.
    figure : plotly figure without title or footer (the page prints them; exports draw them in).
    table : the numbers behind the figure. caption : test, estimand, n, what is left out.
    alt : the figure in words, for a screen reader.
    """

    slug: str
    title: str
    figure: go.Figure
    table: pl.DataFrame
    caption: str
    provenance: Provenance
    alt: str = ""
    warnings: tuple[str, ...] = field(default=())

    def with_provenance(self, provenance: Provenance) -> Chart:
        return replace(self, provenance=provenance)

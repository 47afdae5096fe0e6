"""Alike: rows of two cohorts that may be one person, so that neither teaches while the other is judged."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import polars as pl

from core.cohort.overlap import BASELINE, OUTCOMES, shared_patients
from core.errors import NotMeasured


class Source(Protocol):
    """Tables that answer SQL."""

    def sql(self, statement: str, params: Mapping[str, Any] | None = None) -> pl.DataFrame: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Alike:
    """What was found.

    Attributes
    ----------
    pairs : patient ids that may be one person. said : one sentence a pair of cohorts that share more than chance gives.
    compared, incomparable : pairs of cohorts looked at, and those with too few columns in common to tell.
    """

    pairs: tuple[tuple[str, str], ...]
    said: tuple[str, ...]
    compared: int
    incomparable: int


def look_alikes(source: Source, *, judged: Sequence[str], studies: Iterable[str]) -> Alike:
    """Pairs of patients between cohorts that agree more than chance allows, on baseline values and outcomes.

    Parameters
    ----------
    judged : cohorts that are judged, as 'study/cohort'. studies : whose cohorts may teach.

    Outcomes are compared too: they only decide who is left out of the teaching. A cohort pair whose agreement chance could
    give is left as it is (`core.cohort.overlap.Overlap.beyond_chance`).
    """
    patients = source.sql("SELECT * FROM patient WHERE study = ANY($s) ORDER BY rowid", {"s": list(studies)})
    parts = {f"{s}/{c}": part for (s, c), part in patients.group_by("study", "cohort", maintain_order=True)}
    pairs: list[tuple[str, str]] = []
    said: list[str] = []
    compared = incomparable = 0
    for number, (first, own) in enumerate(parts.items()):
        for second, other in list(parts.items())[number + 1 :]:
            if first not in judged and second not in judged:
                continue
            try:
                found = shared_patients(own, other, columns=(*BASELINE, *OUTCOMES))
            except NotMeasured:
                incomparable += 1
                continue
            compared += 1
            if found.beyond_chance:
                pairs += [(b, a) for b, a in found.table.select("patient", "other").iter_rows()]
                said.append(f"{second} and {first}: {found.shared} patients may be the same ({found.sentence})")
    return Alike(pairs=tuple(pairs), said=tuple(said), compared=compared, incomparable=incomparable)

"""CohortQuery: the one hashable value that addresses a cohort and everything computed from it."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple, get_args

from core.errors import BadLink, UnknownName
from data.schema import PATIENT
from data.sources import OVERLAPPING, source

Operator = Literal["in", "ge", "le", "known"]


LARGEST = 1e300
"""A whole number beyond it does not fit the database's numbers."""


def poolable(studies: Iterable[str]) -> tuple[str, ...]:
    """The studies in their order, without those that share patients with one before them."""
    kept: list[str] = []
    for study in dict.fromkeys(studies):
        if not any(shared <= {*kept, study} for shared in OVERLAPPING if study in shared):
            kept.append(study)
    return tuple(kept)


def _named(studies: Iterable[str]) -> str:
    return " and ".join(source(study).title.partition(":")[0] for study in sorted(studies))


class Filter(NamedTuple):
    """One condition on one patient column.

    `in`: the value is one of a tuple of strings. `ge`, `le`: a number bounds it. `known`: it is not null.
    A patient whose value is null never passes a condition on that column.
    """

    column: str
    op: Operator
    value: tuple[str, ...] | float | None = None


@dataclass(frozen=True, slots=True)
class CohortQuery:
    """A cohort: one or more studies, narrowed by filters."""

    studies: tuple[str, ...]
    filters: tuple[Filter, ...] = ()

    def key(self) -> str:
        """Canonical JSON; equal cohorts have equal keys. Also the URL and the saved cohort."""
        filters = [
            [f.column, f.op, list(f.value) if isinstance(f.value, tuple) else f.value] for f in self.canonical_filters()
        ]
        return json.dumps({"s": sorted(self.studies), "f": filters}, separators=(",", ":"), ensure_ascii=False)

    def canonical_filters(self) -> tuple[Filter, ...]:
        """Filters without repeats, in a fixed order, list values sorted."""
        tidy = {
            Filter(f.column, f.op, tuple(sorted(set(f.value))) if isinstance(f.value, tuple) else f.value)
            for f in self.filters
        }
        return tuple(sorted(tidy, key=lambda f: (f.column, f.op, str(f.value))))

    @classmethod
    def from_key(cls, text: str) -> CohortQuery:
        """Read a key back.

        Raises
        ------
        BadLink
            The text is not a cohort address, or names a column or operator that does not exist.
        """
        try:
            raw = json.loads(text)
            studies = tuple(str(s) for s in raw["s"])
            filters = tuple(
                Filter(str(column), op, tuple(str(v) for v in value) if isinstance(value, list) else value)
                for column, op, value in raw.get("f", [])
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise BadLink(
                f"the cohort address '{text[:80]}' cannot be read; open the cohort from the list and copy its link again"
            ) from error
        query = cls(studies, filters)
        query.where()
        return query

    def where(self) -> tuple[str, dict[str, object]]:
        """SQL condition on table `patient`, with every value as a $parameter.

        Raises
        ------
        BadLink
            A filter's operator or value does not fit its column, or two of the studies share patients.
        UnknownName
            A filter names a column that `patient` does not have.
        """
        for shared in OVERLAPPING:
            if shared <= set(self.studies):
                raise BadLink(f"{_named(shared)} share patients, so they are never pooled; open one of them")
        parts = ["study = ANY($studies)"]
        params: dict[str, object] = {"studies": list(self.studies)}
        for number, f in enumerate(self.canonical_filters()):
            if f.column not in PATIENT.dtypes:
                raise UnknownName(
                    f"there is no filter '{f.column}'; remove it from the link or pick one of the filters listed"
                )
            if f.op not in get_args(Operator):
                raise BadLink(
                    f"the filter on {f.column} has an unknown operator '{f.op}'; use one of {', '.join(get_args(Operator))}"
                )
            name, slot = f'"{f.column}"', f"f{number}"
            kind = PATIENT.column(f.column).kind
            if f.op == "known":
                parts.append(f"{name} IS NOT NULL")
            elif f.op == "in":
                if not isinstance(f.value, tuple):
                    raise BadLink(f"the filter on {f.column} needs a list of values, not {f.value!r}")
                parts.append(f"CAST({name} AS VARCHAR) = ANY(${slot})")
                params[slot] = list(f.value)
            else:
                if (
                    kind not in {"number", "time"}
                    or isinstance(f.value, (tuple, bool))
                    or not isinstance(f.value, (int, float))
                ):
                    raise BadLink(f"the filter on {f.column} needs a number, not {f.value!r}")
                if isinstance(f.value, float) and not math.isfinite(f.value):
                    raise BadLink(
                        f"the filter on {f.column} has the value {f.value}, which bounds nothing; "
                        "give a finite number or remove the filter"
                    )
                if abs(f.value) > LARGEST:
                    raise BadLink(f"the filter on {f.column} has a number beyond {LARGEST:g}; give a smaller one")
                parts.append(f"{name} {'>=' if f.op == 'ge' else '<='} ${slot}")
                params[slot] = float(f.value)
        return " AND ".join(parts), params

    def with_filter(self, added: Filter) -> CohortQuery:
        """This cohort narrowed by one more condition."""
        return replace(self, filters=(*self.filters, added))

    def without(self, removed: Filter) -> CohortQuery:
        """This cohort with one condition relaxed."""
        return replace(self, filters=tuple(f for f in self.filters if f != removed))

    def describe(self) -> str:
        """The cohort in words, for titles and captions."""
        words = {"in": "is", "ge": "≥", "le": "≤", "known": "is known"}
        parts = []
        for f in self.canonical_filters():
            label = PATIENT.column(f.column).label if f.column in PATIENT.dtypes else f.column
            value = " or ".join(f.value) if isinstance(f.value, tuple) else "" if f.value is None else f"{f.value:g}"
            own = f.column == "cohort" and f.op == "in"  # a cohort's name speaks for itself
            parts.append(value if own else f"{label} {words[f.op]} {value}".strip())
        return ", ".join(self.studies) + (f" ({'; '.join(parts)})" if parts else "")

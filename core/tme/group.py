"""Group: the patients of a cohort that a selection on the map holds, and the rest that they are compared with."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import polars as pl

from core.cohort.provenance import titles
from core.cohort.query import CohortQuery
from core.errors import NotMeasured, TooFewPatients
from core.figures import words
from core.tme import map as tme
from core.tme import selection, spaces
from data.store import Store

LEAST = 5
"""Patients that a group takes, and that must be left outside."""
REST = "The others"
BY_EYE = "selected by eye: p value not to be trusted"
CHOSEN = (
    "The group was selected by eye, on a picture of the same patients: its p values are too small by an amount that nobody can "
    "state, and are not to be trusted. Apply its rule to another cohort to see whether the difference holds."
)
CHOSEN_TYPE = (
    "The types were found in these same patients: a p value that compares a type with the others ignores that choice. Apply the rule to another "
    "cohort to see whether the difference holds."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A selection, resolved.

    Attributes
    ----------
    chosen : the selection. query : the cohort's patients of the study of that picture. inside, outside : ids of patients.
    moved : a caution where the database is another one than that on which the group was drawn, else ''.
    """

    chosen: selection.Selection
    query: CohortQuery
    inside: pl.Series
    outside: pl.Series
    moved: str

    @property
    def name(self) -> str:
        """What figures call the group; never what they call the rest."""
        return self.chosen.name if self.chosen.name != REST else f"{self.chosen.name} (group)"

    @property
    def caution(self) -> str:
        """Why p values of this group are not to be trusted."""
        return CHOSEN_TYPE if self.chosen.kind else CHOSEN

    def frame(self) -> pl.DataFrame:
        """patient_id, group; an Enum with the group first."""
        labels = [self.name] * len(self.inside) + [REST] * len(self.outside)
        return pl.DataFrame({"patient_id": pl.concat([self.inside, self.outside]), "group": pl.Series(labels, dtype=pl.Enum([self.name, REST]))})


@lru_cache(maxsize=8)
def group(store: Store, query: CohortQuery, *, chosen: str) -> Group:
    """The patients inside a selection and those outside, both on the same picture.

    Parameters
    ----------
    chosen : a selection's text, see `core.tme.selection`.

    Raises
    ------
    BadLink
        The text is no selection.
    NotMeasured
        The cohort has no patient on that picture.
    TooFewPatients
        Nobody, fewer than five, or (nearly) everyone is inside; says what to do.
    """
    made = selection.read(chosen)
    if made.study not in query.studies:
        raise NotMeasured(
            f"the group '{made.name}' was drawn on the map of {made.study}, which is not in this cohort; open that study or clear the group",
            elsewhere=[made.study],
        )
    own = CohortQuery((made.study,), query.filters)
    places = tme.positions(store, own, space=made.space, layout=made.layout)
    if places.is_empty():
        raise NotMeasured(f"nobody of this cohort is on the picture on which the group '{made.name}' was drawn; draw it again on a picture that is offered here, or clear it", elsewhere=[])
    if made.kind:
        member = (places["type"] == made.kind).fill_null(value=False)
    else:
        member = pl.Series(made.inside(places["x"].to_numpy(), places["y"].to_numpy()))
    ids = places["patient_id"]
    within, rest = ids.filter(member), ids.filter(~member)
    _enough(made, len(within), len(rest))
    moved = ""
    if made.version != store.version[:8]:
        moved = (
            f"The group was drawn on another version of the data ({made.version}; this is {store.version[:8]}): the map may have moved under its outline. "
            "Check it, and draw it again where it does not fit."
        )
    return Group(chosen=made, query=own, inside=within, outside=rest, moved=moved)


def drawn(
    store: Store, query: CohortQuery, *, corners: str, study: str, space: str = spaces.SPACE, layout: str = spaces.UMAP, name: str = "Group"
) -> str:
    """The text of a group that somebody has just outlined, after a check that it holds enough patients.

    Parameters
    ----------
    corners : "x_y_x_y_...", two for a box, in the picture's coordinates.

    Raises
    ------
    As `group`.
    """
    values = np.array([float(v) for v in corners.split("_")])
    made = selection.Selection(
        name=name, study=study, space=space, layout=layout, version=store.version[:8], corners=selection.outline(values.reshape(-1, 2))
    )
    return group(store, query, chosen=made.text()).chosen.text()


def summary(store: Store, query: CohortQuery, *, chosen: str) -> str:
    """The group in one sentence: how many of how many, where it was drawn."""
    found = group(store, query, chosen=chosen)
    of = len(found.inside) + len(found.outside)
    study = titles(store).get(found.chosen.study, found.chosen.study).partition(":")[0].strip()
    how = f"of the type “{found.chosen.kind}”" if found.chosen.kind else f"outlined on the {spaces.NAMES[found.chosen.layout]} picture"
    return f"“{found.chosen.name}”: {words.count(len(found.inside), 'patient')} of {of:,} ({words.percent(len(found.inside) / of)}) of {study}, {how}."


def types(store: Store, query: CohortQuery, *, space: str = spaces.SPACE, layout: str = spaces.UMAP) -> dict[str, str]:
    """Types that can be opened as a group: a selection's text -> the type in words, with its size; from the first study."""
    places = tme.positions(store, query, space=space, layout=layout)
    if places.is_empty():
        return {}
    found = {}
    counted = places.drop_nulls("type").group_by("study", "cluster", "type").len("n").sort("study", "cluster")
    several = counted["study"].n_unique() > 1
    for row in counted.rows(named=True):
        if row["n"] >= LEAST and places.filter(pl.col("study") == row["study"]).height - row["n"] >= LEAST:
            made = selection.Selection(
                name=row["type"], study=row["study"], space=space, layout=layout, version=store.version[:8], kind=row["type"]
            )
            found[made.text()] = f"{row['type']} (n = {row['n']:,})" + (f", {row['study']}" if several else "")
    return found


def _enough(made: selection.Selection, within: int, rest: int) -> None:
    what = f"the type “{made.kind}”" if made.kind else f"the outline of “{made.name}”"
    if within == 0 and made.kind:
        raise TooFewPatients(f"nobody is of {what} here: take a type of the list, or outline a group on the map")
    if within == 0:
        raise TooFewPatients(f"nobody is inside {what}: draw it around points of the map, or relax the cohort's filters")
    if within < LEAST:
        raise TooFewPatients(f"{words.count(within, 'patient')} inside {what} {'is' if within == 1 else 'are'} too few to describe: draw a larger one around at least {LEAST}")
    if rest < LEAST:
        left = "everyone is" if rest == 0 else f"all but {rest} are"
        raise TooFewPatients(f"{left} inside {what}, so that there is nobody to compare with: draw a smaller one, leaving at least {LEAST} outside")

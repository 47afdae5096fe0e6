"""Every cache of the app. Keys are strings: the database version, the function's name, the cohort's key, its options.

Results are frozen and shared by all sessions: nobody changes what `ask` returns.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import plotly.graph_objects as go
import polars as pl
import streamlit as st

from core.cohort.provenance import names
from core.cohort.query import CohortQuery
from core.errors import CohortError, EmptyCohort, NotMeasured, UnknownName
from core.figures.chart import Chart
from core.figures.theme import dress
from core.markers.cutoff.ledger import Ledger
from core.settings import Settings
from core.spatial import slide_shelf
from data.store import Store, current_path
from models import Card
from models import card as model_card

Option = str | int | float | bool | None | tuple[str, ...]


@st.cache_resource(max_entries=2, show_spinner=False)
def _open(path: str, seconds: float) -> Store:
    return Store(current_path(Settings.from_env().database_dir), query_seconds=seconds)


def store() -> Store:
    """The database that `current` names now; opened anew when a build has swapped another one in."""
    settings = Settings.from_env()
    return _open(str(current_path(settings.database_dir)), settings.query_seconds)


def ask(function: Callable[..., Any], query: CohortQuery | None = None, /, **options: Option) -> Any:
    """`function(store, query, **options)`, remembered. An answer that the cohort cannot give is remembered too, and raised anew."""
    name = f"{function.__module__}:{function.__qualname__}"
    key = query.key() if query is not None else ""
    result = _ask(store().version, name, key, options=tuple(sorted(options.items())), _call=(function, query))
    if isinstance(result, CohortError):
        raise result.with_traceback(None)
    return result


@st.cache_resource(max_entries=400, show_spinner=False)
def _ask(
    version: str, name: str, key: str, *, options: tuple[tuple[str, Option], ...], _call: tuple[Callable[..., Any], CohortQuery | None]
) -> Any:
    function, query = _call
    try:
        return function(store(), query, **dict(options)) if query is not None else function(store(), **dict(options))
    except (EmptyCohort, NotMeasured, UnknownName) as error:
        return error


def ledger() -> Ledger:
    """The ledger of this data folder."""
    return Ledger(Settings.from_env().ledger_dir)


def told(function: Callable[..., Any], query: CohortQuery | None = None, /, **options: Option) -> Any:
    """`ask` for what depends on the ledger too: `function(store, query, folder=, head=, **options)`, remembered until the
    ledger grows."""
    book = ledger()
    return ask(function, query, folder=str(book.folder), head=book.state().head, **options)


def kept(function: Callable[..., Any], query: CohortQuery | None = None, /, **options: Option) -> Any:
    """As `told`, for what a growing ledger does not change: the facts of a lock, the result of a validation."""
    return ask(function, query, folder=str(ledger().folder), head="", **options)


def shelf(function: Callable[..., Any], /, **options: Option) -> Any:
    """`function(store, folder=, head=, **options)` for what is kept of slides, remembered until the shelf changes."""
    folder = Settings.from_env().cache_dir
    return ask(function, folder=str(folder), head=slide_shelf.stamp(folder), **options)


def write(function: Callable[..., Any], query: CohortQuery, /, **options: Any) -> Any:
    """`function(store, query, ledger=, **options)`, done now and not remembered: what a person locks or validates."""
    return function(store(), query, ledger=ledger(), **options)


def studies() -> pl.DataFrame:
    """All studies with their counts, those without patients included."""
    return ask(Store.studies)


def screen(chart: Chart, *, dark: bool) -> go.Figure:
    """A chart's figure in the reader's theme, drawn once per chart."""
    return _screen(f"{chart.slug}:{id(chart)}", dark, _chart=chart)[1]


@st.cache_resource(max_entries=120, show_spinner=False)
def _screen(key: str, dark: bool, *, _chart: Chart) -> tuple[Chart, go.Figure]:
    # the chart is kept beside its figure, so that its id cannot be given to another one
    return _chart, dress(_chart.figure, dark=dark, transparent=True)


def with_patients() -> tuple[str, ...]:
    """Studies that a cohort can be made of."""
    return tuple(studies().filter(pl.col("patients") > 0)["study"])


def synthetic(query: CohortQuery) -> bool:
    """Whether any patient of the cohort's studies is simulated."""
    frame = studies().filter(pl.col("study").is_in(list(query.studies)))
    return bool(frame["synthetic"].any())


def dark() -> bool:
    """Whether the reader's theme is dark."""
    return getattr(st.context.theme, "type", None) == "dark"


def card(predictor: str) -> Card:
    """What a predictor declares about itself."""
    return model_card(predictor)


def named(frame: pl.DataFrame) -> pl.DataFrame:
    """A table in which studies have their names; the column is left out where there is only one."""
    if frame["study"].n_unique() < 2:
        return frame.drop("study")
    return frame.with_columns(pl.col("study").replace(names(studies())))

"""The cohort's address: it lives in the URL, and in the session while a person walks between pages."""

from __future__ import annotations

import json
from collections.abc import Sequence
from urllib.parse import urlencode

import streamlit as st

from core.cohort.query import CohortQuery, Filter, poolable
from core.errors import BadLink, CohortError

COHORT, STUDY = "cohort", "study"
KNOWN = {COHORT, STUDY}
CONTROLS = frozenset(
    ("endpoint", "predictor", "split", "colour", "gene", "by", "show", "probability", "explained", "feature", "patient", "scope", "table",
     "compare", "landmark", "test", "strata", "interval", "look", "adjust", "horizon", "on", "fitted",
     "marker", "rule", "direction", "cut", "lock", "validation", "prevalence", "comparator", "guideline", "treated", "width",
     "outcome", "kinds", "how",
     "space", "layout", "group", "view", "drag", "about", "onto", "types",
     "counted", "grouped", "bars", "cell", "correction", "measures",
     "field", "from", "to", "function", "slide", "features",
     "section", "spot")
)
"""Names of the pages' controls in the URL."""
FIRST = ("imvigor210", "loris")


def current(available: tuple[str, ...]) -> CohortQuery:
    """The cohort that the URL names; without one, the session's; at first, the best-known study there is.

    A part of the URL that cannot be used leaves a notice (see `notices`), and the rest is shown.
    """
    state, params = st.session_state, st.query_params
    asked = params.get(COHORT) or (json.dumps({"s": params[STUDY].split(",")}) if params.get(STUDY) else None)
    if asked is not None and asked != state.get("cohort"):
        query, messages = _read(asked, available)
        state["cohort"], state["notices"] = query.key(), messages
    elif "cohort" not in state:
        state["cohort"] = CohortQuery((_first(available),)).key()
    for name in params:
        if name not in KNOWN and name not in CONTROLS:
            _notice(f"The link names '{name}', which is not a part of a TMEscope link. It was ignored.")
    query, messages = _read(state["cohort"], available)
    if params.get(COHORT) != query.key():
        params[COHORT] = query.key()
    params.pop(STUDY, None)
    for message in messages:
        _notice(message)
    state["cohort"] = query.key()
    return query


def go(query: CohortQuery) -> None:
    """Make another cohort the current one; for a widget's callback."""
    st.session_state["cohort"] = query.key()
    st.session_state["notices"] = []
    st.query_params[COHORT] = query.key()
    st.query_params.pop(STUDY, None)


def notices() -> list[str]:
    """What was wrong with the link, in sentences."""
    return list(st.session_state.get("notices", []))


def dismiss() -> None:
    """Forget the notices, and the parts of the URL that caused them."""
    st.session_state["notices"] = []
    for name in list(st.query_params):
        if name not in KNOWN and name not in CONTROLS:
            del st.query_params[name]


def control(name: str, options: Sequence[str] | None, *, default: str) -> str:
    """Give a control its value before it is drawn: the URL's, else the one kept from earlier, else the default.

    Returns the session's key of the control. `options` None = any text. A value that is not offered here is dropped from
    the URL, with a notice unless a person chose it for another cohort; a kept one is written into it.
    """
    state, params = st.session_state, st.query_params
    kept: dict[str, str] = state.setdefault("kept", {})
    asked = params.get(name)
    if asked is not None and (options is None or asked in options):
        kept[name] = asked
    elif asked is not None:
        del params[name]
        if kept.get(name) != asked:
            _notice(f"The link asks for {name} '{asked[:60]}', which is not offered here. It was ignored; pick one from the list.")
            st.rerun()  # the notice stands above the controls
    value = kept.get(name, default)
    if options is not None and value not in options:
        value = default
    if value != default and params.get(name) != value:
        params[name] = value
    slot = f"control-{name}"
    if state.get(slot) != value:
        state[slot] = value
    return slot


def keep(name: str, slot: str) -> None:
    """A person moved a control: keep its value, in the URL too."""
    value = st.session_state[slot]
    st.session_state.setdefault("kept", {})[name] = value
    if value:
        st.query_params[name] = value
    else:
        st.query_params.pop(name, None)


def put(name: str, value: str) -> None:
    """Give a part of the URL that no widget holds its value; '' takes it out."""
    st.session_state.setdefault("kept", {})[name] = value
    if value:
        st.query_params[name] = value
    else:
        st.query_params.pop(name, None)


def several(name: str, options: Sequence[str], *, default: Sequence[str]) -> str:
    """As `control`, for a list of options: in the URL with commas between, `none` for an empty list. What is not offered is dropped."""
    state, params = st.session_state, st.query_params
    kept: dict[str, str] = state.setdefault("kept", {})
    kept[name] = params.get(name) or kept.get(name, "")
    value = kept[name]
    if value and params.get(name) != value:
        params[name] = value
    chosen = [option for option in (value.split(",") if value else default) if option in options]
    slot = f"control-{name}"
    if state.get(slot) != chosen:
        state[slot] = chosen
    return slot


def keep_several(name: str, slot: str) -> None:
    """A person changed a list: keep it, in the URL too."""
    value = ",".join(st.session_state[slot]) or "none"
    st.session_state.setdefault("kept", {})[name] = value
    st.query_params[name] = value


def link() -> str:
    """The whole URL that opens this view for a colleague."""
    base = str(st.context.url or "").partition("?")[0]
    return f"{base}?{urlencode(st.query_params.to_dict())}"


def _notice(message: str) -> None:
    messages = st.session_state.setdefault("notices", [])
    if message not in messages:
        messages.append(message)


def _first(available: tuple[str, ...]) -> str:
    return next((study for study in FIRST if study in available), available[0])


def _read(text: str, available: tuple[str, ...]) -> tuple[CohortQuery, list[str]]:
    """A cohort from an address, and what of it could not be used."""
    messages: list[str] = []
    try:
        raw = json.loads(text)
        asked = [str(study) for study in raw["s"]]
        conditions = list(raw.get("f", []))
    except (ValueError, KeyError, TypeError, AttributeError):
        try:
            CohortQuery.from_key(text)
        except CohortError as error:
            messages.append(_sentence(error))
        asked, conditions = [], []
    studies = tuple(dict.fromkeys(study for study in asked if study in available))
    unknown = [study for study in asked if study not in available]
    if unknown:
        messages.append(f"There is no study '{unknown[0][:60]}' in this database; pick one from the list.")
    if not studies:
        return CohortQuery((_first(available),)), messages
    try:
        CohortQuery(studies).where()
    except BadLink as error:
        studies = poolable(studies)
        messages.append(_sentence(error))
    query = CohortQuery(studies)
    for condition in conditions:
        try:
            query = query.with_filter(_condition(condition))
        except CohortError as error:
            messages.append(f"{_sentence(error)} It was left out.")
    return query, messages


def _condition(raw: object) -> Filter:
    try:
        column, op, value = raw  # type: ignore[misc]
        made = Filter(str(column), op, tuple(str(v) for v in value) if isinstance(value, list) else value)
        CohortQuery((), (made,)).where()
    except (TypeError, ValueError) as error:
        raise BadLink(f"the filter '{str(raw)[:60]}' of the link cannot be read; open the cohort and copy its link again") from error
    return made


def _sentence(error: CohortError) -> str:
    text = str(error)
    return f"{text[:1].upper()}{text[1:]}".rstrip(".") + "."

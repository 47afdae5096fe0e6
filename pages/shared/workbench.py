"""The workbench's own widgets: the marker, the choice, the lock, the one look at other patients, the ledger."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from html import escape

import streamlit as st

from core.answer import Answer
from core.cohort.provenance import describe, names
from core.cohort.query import CohortQuery
from core.errors import CohortError, UnknownName
from core.markers import marker as markers
from core.markers.cutoff import offered, shown
from core.markers.cutoff.bench import ledger_table, proposed
from core.markers.cutoff.derivation import DIRECTIONS, RULES
from core.markers.cutoff.lock import Choice, lock
from core.markers.cutoff.validation import validate, validations
from core.response.closer.patients import narrowed
from models import MODULES, card
from pages.shared import address, cache, plain, states, ui

ERROR = "bench-error"
SHORT = 16
"""Characters of a lock's hash in the URL."""
RULE_WORDS = {"youden": "Largest Youden's J", "maxstat": "Largest statistic", "median": "Median", "given": "A given cut"}


@contextmanager
def drawing() -> Iterator[None]:
    """The place of the derivation: a skeleton at first; where it cannot be made, its designed state, and the page goes on."""
    place = st.empty()
    if "cutoff" not in st.session_state.setdefault("seen", set()):
        place.skeleton(height=520)
        st.session_state["seen"].add("cutoff")
    try:
        yield
    except CohortError as error:
        ui.report(error)
    finally:
        place.empty()


def step(text: str, about: str = "") -> None:
    """The heading of one step."""
    st.html(f'<h2 class="figure-title">{escape(text)}</h2>' + (f'<p class="caption">{escape(about)}</p>' if about else ""))


def later(text: str) -> None:
    """One quiet line for steps that are not open yet."""
    st.html(f'<p class="caption">{escape(text)}</p>')


def told(answer: Answer) -> None:
    """The answer of a step: its sentence, its figures."""
    ui.say(answer.sentence)
    for chart in answer.charts:
        ui.show(chart)


def pick_derivation(query: CohortQuery) -> CohortQuery:
    """One cohort of the chosen patients to derive on, so that the others stay fit for a validation; kept in the URL."""
    found: dict[str, str] = cache.ask(offered.derivation_cohorts, query)
    if not found:
        return query
    picked = ui.choose("Derive on", found, name="derive", search=True)
    st.html('<p class="caption">Patients on whom a marker was tried cannot validate it.</p>')
    return query if picked == offered.ALL else narrowed(query, picked)


def pick_marker(query: CohortQuery) -> str:
    """A marker of the cohort: listed, or typed as kind:name (a gene symbol alone is a gene); kept in the URL."""
    found: dict[str, str] = cache.ask(offered.offered_markers, query)
    slot = address.control("marker", None, default=next(iter(found), "gene:CD274"))
    chosen = _address(st.session_state[slot])
    options = list(found) if chosen in found else [chosen, *found]
    st.session_state[slot] = chosen
    picked = st.selectbox(
        "Marker", options, format_func=lambda m: found.get(m) or _label(m), key=slot, on_change=address.keep, args=("marker", slot),
        accept_new_options=True, help="Pick one, or type a gene symbol, mutation:TP53 or copy_number:MYC",
    )  # fmt: skip
    return _address(picked or chosen)


def _address(text: str) -> str:
    """What a person typed as a marker's address."""
    text = text.strip()
    return text if ":" in text else f"gene:{text.upper()}"


def _label(marker: str) -> str:
    try:
        return markers.label(_address(marker))
    except UnknownName:
        return marker


def choice(query: CohortQuery) -> Choice:
    """Marker, endpoint, rule, direction and cut, in the order of thinking."""
    marker = pick_marker(query)
    endpoints = cache.ask(offered.offered_endpoints, query)
    endpoint = ui.choose("Endpoint", endpoints, name="endpoint", default="response") or "response"
    rules = {k: RULE_WORDS[k] for k in RULES if k != "youden" or endpoint == "response"}
    rule = ui.choose("Rule", rules, name="rule", search=True)
    direction = ui.choose("Positive is", {"high": "High", "low": "Low"}, name="direction", default="high")
    cut = _cut(marker) if rule == "given" else None
    return Choice(marker=marker, endpoint=endpoint, rule=rule, direction=direction if direction in DIRECTIONS else "high", cut=cut)


def _cut(marker: str) -> float | None:
    known = {f"predictor:{name}": name for name in MODULES} | {"clinical:tmb_per_mb": "tmb", "clinical:pdl1_tps_percent": "pdl1"}
    published = card(known[marker]).published_cut if marker in known else None
    typed = ui.type_in("Cut", name="cut", hint=f"published: {published.value:g}" if published else "a number")
    try:
        return float(typed.replace("≥", "")) if typed else published.value if published else None
    except ValueError:
        raise UnknownName(f"'{typed}' is no number to cut at; type one such as 10") from None


def options(chosen: Choice) -> dict[str, str | float | None]:
    """A choice as the options of a cached question."""
    return {"marker": chosen.marker, "endpoint": chosen.endpoint, "rule": chosen.rule, "direction": chosen.direction, "cut": chosen.cut}


def locked() -> str:
    """The hash of the lock that the URL opens; empty where none is."""
    slot = address.control("lock", None, default="")
    return str(st.session_state[slot])


def leave() -> None:
    """Close the lock and choose again."""
    for name in ("lock", "validation"):
        st.session_state.setdefault("kept", {})[name] = ""
        st.query_params.pop(name, None)


def lock_form(query: CohortQuery, chosen: Choice) -> None:
    """The lock button; a person confirms what will be locked, and names its use."""
    with st.popover("Lock this cut-off", icon=":material/lock:"):
        st.markdown(f"**This will be locked, and cannot be changed:** {cache.told(proposed, query, **options(chosen))}")
        purpose = st.text_area("Intended use", key="bench-use", max_chars=400, placeholder="Select patients with … for …")
        who = st.text_input("Locked by (optional)", key="bench-who", max_chars=80)
        st.button(
            "Lock it", type="primary", key="bench-lock", on_click=_lock, args=(query, chosen), disabled=not purpose.strip(),
            help="Name the intended use first" if not purpose.strip() else None,
        )
        if who:
            st.caption(f"The ledger will name {who}.")
    complain()


def _lock(query: CohortQuery, chosen: Choice) -> None:
    try:
        record = cache.write(
            lock, query, choice=chosen, intended_use=st.session_state.get("bench-use", ""), who=st.session_state.get("bench-who", "")
        )
    except CohortError as error:
        st.session_state[ERROR] = states.sentence(error)
        return
    open_lock(record.hash)


def open_lock(name: str) -> None:
    """Open a lock of the ledger; its hash goes into the URL."""
    st.session_state.setdefault("kept", {})["lock"] = name[:SHORT]
    st.query_params["lock"] = name[:SHORT]


def complain() -> None:
    """What could not be locked or read, once."""
    message = st.session_state.pop(ERROR, "")
    if message:
        st.html(f'<p class="caution" role="alert">{escape(message)}</p>')


def lock_card(name: str) -> None:
    """The facts of a lock, and the way back, which stands there also where the lock is not known."""
    st.button("Choose another cut-off", key="bench-leave", on_click=leave, type="tertiary", icon=":material/arrow_back:")
    rows = "".join(f"<tr><th scope='row'>{escape(a)}</th><td>{escape(b)}</td></tr>" for a, b in cache.kept(shown.lock_facts, lock=name))
    st.html(f'<div class="scroll"><table class="plain facts"><caption>The lock</caption><tbody>{rows}</tbody></table></div>')


def pick_validation(name: str) -> CohortQuery | None:
    """A cohort to validate on: those never touched by n with the marker, those validated already marked."""
    found: dict[str, str] = dict(cache.kept(offered.offered_cohorts, lock=name))
    done = [v.cohort for v in validations(cache.ledger(), name)]
    known = names(cache.studies())
    listed = {q.key(): f"{found.get(q.key(), describe(q, known))} · validated" for q in done}
    listed |= {key: label for key, label in found.items() if key not in listed}
    if not listed:
        st.html('<p class="caution">No other cohort of this database has the marker by a fixed rule; ingest one, or lock another marker.</p>')
        return None
    return CohortQuery.from_key(ui.choose("Validation cohort", listed, name="validation", search=True))


def is_validated(name: str, query: CohortQuery) -> bool:
    """Whether the ledger holds a validation of this lock on exactly these patients."""
    return any(v.cohort.key() == query.key() for v in validations(cache.ledger(), name))


def read_form(name: str, query: CohortQuery) -> None:
    """Whether these patients may be read, and the button that reads their outcomes once."""
    allowed, said = cache.told(offered.admitted, query, lock=name)
    for sentence in said:
        st.html(f'<p class="{"caution" if sentence.startswith("Refused") else "definition"}">{escape(sentence)}</p>')
    with st.popover("Validate, once", icon=":material/visibility:", disabled=not allowed):
        st.markdown("Their outcomes are read now, for this lock only, and the result is kept whatever it says. It cannot be repeated.")
        st.button("Read the outcomes", type="primary", key="bench-validate", on_click=_validate, args=(name, query))
    complain()


def _validate(name: str, query: CohortQuery) -> None:
    try:
        cache.write(validate, query, lock=name)
    except CohortError as error:
        st.session_state[ERROR] = states.sentence(error)


def slide(label: str, *, name: str, default: int, most: int = 100) -> float:
    """A share in per cent, kept in the URL."""
    params = st.query_params
    asked = params.get(name, "")
    value = int(asked) if asked.isdigit() and int(asked) <= most else default
    slot = f"slide-{name}"
    if slot not in st.session_state:
        st.session_state[slot] = value
    return st.slider(label, 0, most, key=slot, format="%d%%", on_change=_slid, args=(name, slot)) / 100


def _slid(name: str, slot: str) -> None:
    st.query_params[name] = str(st.session_state[slot])


def ledger_view() -> None:
    """The ledger as it stands, whether its chain holds, and its locks to open."""
    step("The ledger", "Everything tried, locked and validated in this data folder; each record carries the hash of the one before it. It cannot know what was looked at elsewhere.")
    state = cache.ledger().state()
    kind = "caution" if state.problems else "caption"
    st.html(f'<p class="{kind}">{escape(state.sentence)} {escape(" ".join(state.torn))}</p>')
    for problem in state.problems[1:6]:
        st.html(f'<p class="caution">{escape(problem)}</p>')
    if state.records:
        plain.numbers(ledger_table(state), key="ledger")
    locks = {r.hash[:SHORT]: f"{r.content['label']}, record {r.number} ({r.time[:10]})" for r in state.records if r.kind == "locked"}
    if locks:
        with st.container(horizontal=True, vertical_alignment="bottom"):
            picked = st.selectbox("Open a lock", list(reversed(locks)), format_func=lambda k: locks[k], key="bench-open", width=420)
            st.button("Open", key="bench-open-go", on_click=open_lock, args=(picked,))

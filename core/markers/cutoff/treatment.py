"""Treatment: is a marker predictive or prognostic in a cohort? Patients, controls, verdict and four curves."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from core.answer import Answer
from core.cohort.provenance import describe, provenance, titles
from core.cohort.query import CohortQuery, Filter
from core.errors import TooFewPatients
from core.figures import words
from core.figures.chart import Chart
from core.figures.four_curves import four_curves
from core.finding import Finding
from core.markers import marker as markers
from core.markers.cutoff.admission import fixed_values
from core.markers.cutoff.effect_modification import RULE, Modification, interactions
from core.markers.cutoff.late_entry import late_entry
from core.markers.cutoff.ledger import Kind, Ledger, Record, State
from core.markers.cutoff.lock import Choice, derived
from core.response.predicted import treated, untreated
from core.survival.endpoint import label as endpoint_label
from core.survival.kaplan_meier import kaplan_meier
from data.store import Store

CONFOUNDED = (
    "The arms were not randomised: who had immunotherapy was decided by disease, period and hospital, so that an interaction can come from whom was "
    "compared. It suggests; it does not show."
)
"""Said wherever controls and treated patients come from different cohorts or were not randomised."""


CLOCK = (
    "The treatment's hazard ratio is over 1 on both sides of the cut. It does not show harm: survival of the two arms is counted from different moments of the "
    "disease, and sicker patients may have been treated. Read only how the two ratios differ (the interaction)."
)
"""Said where treated patients of not randomised arms do worse on both sides of the cut: survival starts at another moment there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """Treated patients and controls with the marker.

    Attributes
    ----------
    frame : patient_id, study, cohort, cancer_type, treated (bool), value, <outcome>_months, <outcome>_event.
    randomised : the study says so (the simulated trials). added : controls that were not in the cohort asked for.
    """

    frame: pl.DataFrame
    randomised: bool
    added: int


def compared(store: Store, query: CohortQuery, *, marker: str, outcome: str = "os") -> Compared:
    """Patients of a cohort, with the controls of the same studies where the cohort holds none.

    Scores that were fitted on these patients are left out, as in a validation.

    Raises
    ------
    NotMeasured, EmptyCohort
        Nobody has the marker; nobody matches.
    """
    columns = ("patient_id", "study", "cohort", "cancer_type", "arm", "drug_class", f"{outcome}_months", f"{outcome}_event")
    everyone = store.patients(query.where(), columns=columns)
    where, added = query, 0
    if everyone.filter(untreated()).is_empty():
        more = store.patients(controls_of(query).where(), columns=columns)
        added = more.height
        where = CohortQuery(query.studies)
        everyone = pl.concat([everyone, more])
    values, _ = fixed_values(store, where, marker)
    frame = everyone.join(values, on="patient_id", how="left", maintain_order="left")
    frame = frame.filter(treated() | untreated()).with_columns(treated().alias("treated"))
    synthetic = store.sql("SELECT bool_and(synthetic) AS yes FROM study WHERE study = ANY($s)", {"s": list(query.studies)})
    return Compared(frame=frame, randomised=bool(synthetic["yes"][0]) and not added, added=added)


def controls_of(query: CohortQuery) -> CohortQuery:
    """The patients of the same studies who had another treatment."""
    return CohortQuery(query.studies, (Filter("arm", "in", ("control",)),))


def modified(
    frame: pl.DataFrame, *, name: str, cut: float | None, outcome: str = "os", direction: str = "high"
) -> Modification:
    """`interactions` of one marker on the table of `Compared`, stratified by study and cancer type where they differ.

    Raises
    ------
    TooFewPatients
        Nobody has endpoint, treatment and marker.
    """
    months, flag = f"{outcome}_months", f"{outcome}_event"
    if frame.is_empty():
        raise TooFewPatients("no patient here is known to have had the treatment, or not to; choose another cohort")
    value = frame["value"].cast(pl.Float64).fill_null(np.nan).to_numpy()
    found = interactions(
        frame[months].cast(pl.Float64).fill_null(np.nan).to_numpy(), frame[flag].cast(pl.Float64).fill_null(np.nan).to_numpy(), value[:, None],
        arm=frame["treated"].cast(pl.Float64).to_numpy(), strata=strata_of(frame), names=(name,), cuts=(cut,),
    )  # fmt: skip
    return found[0]


def strata_of(frame: pl.DataFrame) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """A code for each study and cancer type; unknown types are a stratum of their own."""
    key = frame.select(
        pl.format("{}|{}", "study", pl.col("cancer_type").cast(pl.String).fill_null("unknown"))
    ).to_series()
    return key.rank("dense").cast(pl.Int64).to_numpy()


def modification(
    store: Store, query: CohortQuery, *, marker: str, cut: float, direction: str = "high", outcome: str = "os", folder: str = "", head: str = ""
) -> Answer:
    """Predictive or prognostic: the verdict in a sentence, four curves with the interaction, the effects as numbers.

    Computing it counts as a try of this marker on these patients and goes into the ledger of `folder`.

    Raises
    ------
    NotMeasured, EmptyCohort, TooFewPatients
        As `compared`.
    """
    data = compared(store, query, marker=marker, outcome=outcome)
    label = markers.label(marker)
    known = data.frame.drop_nulls(["value", f"{outcome}_months", f"{outcome}_event"])
    if known.is_empty():
        raise TooFewPatients(f"no patient here has {words.inside(label)}, {endpoint_label(outcome).lower()} and a known treatment; choose another cohort")
    found = modified(data.frame, name=label, cut=cut, outcome=outcome)
    if folder:
        noted(store, query, (marker, outcome, direction), cut=cut, ledger=Ledger(folder), added=data.added)
    chart = _chart(store, query, data=data, found=found, how=(label, cut, outcome))
    return Answer(sentence=_sentence(found, label, data), charts=(chart,))


def noted(
    store: Store, query: CohortQuery, what: tuple[str, str, str], *, cut: float | None, ledger: Ledger, added: int = 0
) -> None:
    """Note in the ledger that the outcomes of a cohort, and of `added` controls, were held against a marker.

    Parameters
    ----------
    what : marker, outcome, direction. cut : None = per 1 SD.
    """
    for looked in (query, *((controls_of(query),) if added else ())):
        _note(store, looked, what, cut=cut, ledger=ledger)


def _note(store: Store, query: CohortQuery, what: tuple[str, str, str], *, cut: float | None, ledger: Ledger) -> None:
    marker, outcome, direction = what
    facts = {
        "marker": marker, "label": markers.label(marker), "unit": markers.unit(marker), "cohort": query.key(), "cohort_words": describe(query, titles(store)),
        "endpoint": outcome, "rule": "interaction", "direction": direction, "cut": cut, "database": store.version,
    }  # fmt: skip

    def write(state: State) -> tuple[Kind, dict[str, object]] | Record:
        same = ("marker", "cohort", "endpoint", "rule", "direction", "cut", "database")
        return next((r for r in state.records if r.kind == "tried" and all(r.content.get(k) == facts[k] for k in same)), None) or ("tried", dict(facts))

    ledger.decide(write)


def _sentence(found: Modification, label: str, data: Compared) -> str:
    of = found.interaction
    if found.verdict == "prognostic only":
        own = found.in_treated if found.in_treated.effect == found.in_treated.effect else found.in_control
        return (
            f"Prognostic only can be asked: every patient here had the same treatment. {label} {found.by}: {words.hazard(own)}, {words.p(own.p_value)}, n = {own.n:,}; "
            "this cannot tell benefit from a better outlook."
        )
    if found.verdict == "not estimable":
        return f"Cannot be told here: {of.note}, n = {of.n:,}."
    start = {
        "predictive": "Called predictive", "prognostic": "Called prognostic", "neither": "Neither shown",
        "predictive and prognostic": "Called predictive and prognostic",
    }[found.verdict]  # fmt: skip
    hint = "" if data.randomised else ", in arms that were not randomised"
    return (
        f"{start}{hint}: the treatment's hazard ratio in marker-high patients is {words.ratio(of.effect)} ({words.interval(of.ci95)}) times that in marker-low ones "
        f"({words.p(of.p_value)}), and without the treatment the marker has {words.hazard(found.in_control)}, n = {of.n:,}."
    )


def _chart(store: Store, query: CohortQuery, *, data: Compared, found: Modification, how: tuple[str, float, str]) -> Chart:
    label, cut, outcome = how
    shown = data.frame.drop_nulls("value")
    sides = ("marker high", "marker low")
    names = [f"{arm}, {s}" for arm in ("ICB", "control") for s in sides]
    group = pl.concat_str(
        pl.when("treated").then(pl.lit("ICB, ")).otherwise(pl.lit("control, ")), pl.when(pl.col("value") >= cut).then(pl.lit(sides[0])).otherwise(pl.lit(sides[1]))
    )
    present = shown.with_columns(group.alias("group"))
    order = [name for name in names if name in set(present["group"])]
    frame = present.with_columns(pl.col("group").cast(pl.Enum(order)))
    curves = kaplan_meier(frame, outcome=outcome, by="group")
    source = provenance(store, query, n=curves.n, n_missing=data.frame.height - curves.n)
    ratios: list[Finding] = []
    if found.verdict != "prognostic only":
        for part, words_ in ((found.interaction, f"interaction, {words.p(found.interaction.p_value)}"), (found.arm_high, "ICB against control, marker high"), (found.arm_low, "ICB against control, marker low")):
            ratios.append(replace(part, name=f"hazard ratio: {words_}"))
    warnings = [] if data.randomised or found.verdict == "prognostic only" else [CONFOUNDED]
    if warnings and all(part.ci95 is not None and part.ci95[0] > 1 for part in (found.arm_high, found.arm_low)):
        warnings.append(CLOCK)
    late = late_entry(store, CohortQuery(query.studies) if data.added else query)
    warnings += [late] if late else []
    if data.added:
        warnings.append(f"{words.count(data.added, 'control')} of the same study {'is' if data.added == 1 else 'are'} added; this cohort holds none.")
    drawn = four_curves(
        curves, ratios, provenance=source, warnings=warnings,
        title=f"{endpoint_label(outcome)} by treatment and {words.inside(label)}",
        caption=f"High: at or above {words.number(cut)}. Interaction and effects: one Cox model (Efron) with treatment, marker and their product, stratified by study and cancer type, not adjusted for other markers. Rule fixed beforehand: {RULE}",
    )  # fmt: skip
    return replace(drawn, table=found.table(), slug=f"predictive-prognostic-{outcome}")


def of_choice(
    store: Store, query: CohortQuery, *, marker: str, endpoint: str, rule: str, direction: str, cut: float | None, folder: str, head: str
) -> Answer:
    """`modification` at the cut that a choice gives on its own derivation cohort. `head` : for the memory of the pages."""
    choice = Choice(marker=marker, endpoint=endpoint, rule=rule, direction=direction, cut=cut)
    found, _ = derived(store, query, choice, ledger=Ledger(folder))
    return modification(store, query, marker=marker, cut=found.cut, direction=direction, outcome="pfs" if endpoint == "pfs" else "os", folder=folder)


def of_lock(store: Store, query: CohortQuery, *, lock: str, folder: str, head: str) -> Answer:
    """`modification` at a lock's cut, on patients whose outcomes it has read. `head` : for the memory of the pages."""
    facts = Ledger(folder).find(lock, kind="locked").content
    outcome = "os" if facts["endpoint"] == "response" else str(facts["endpoint"])
    return modification(
        store, query, marker=str(facts["marker"]), cut=float(facts["cut"]), direction=str(facts["direction"]), outcome=outcome, folder=folder
    )

"""Checks of survival times and event flags."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from data.checks.check import Check, Result, Subject, absent, failed, ids, passed, some, verdict
from data.schema import ENDPOINTS

LONGEST_MONTHS, LONGEST_MEDIAN_MONTHS = 480.0, 180.0
"""Forty years of follow-up, or a median of fifteen, is no cancer cohort: the column holds days."""
SHORTEST_LONGEST_MONTHS = 6.0
LEAST_PATIENTS = 20
ROUNDING_MONTHS = 0.15
"""Two times that differ by less differ by rounding alone."""


def _endpoints(subject: Subject) -> Iterator[tuple[str, str, pl.DataFrame]]:
    """(endpoint, cohort, patients with a known time), for each cohort that has the endpoint."""
    for endpoint in ENDPOINTS:
        for (cohort,), part in subject.known(f"{endpoint}_months").group_by("cohort", maintain_order=True):
            yield endpoint, str(cohort), part


def _time_in_days(subject: Subject) -> Result:
    found, looked, where = [], 0, []
    for endpoint, cohort, part in _endpoints(subject):
        time = part[f"{endpoint}_months"]
        looked += 1
        longest, middle = float(time.max() or 0), float(time.median() or 0)  # type: ignore[arg-type]
        if longest > LONGEST_MONTHS or middle > LONGEST_MEDIAN_MONTHS:
            where.append(f"{endpoint.upper()} of {cohort}: median {middle:.0f}, longest {longest:.0f}")
            found += ids(part)
    if not looked:
        return absent("no survival time")
    return verdict(
        found,
        wrong=f"times called months that must be days ({some(where)})",
        right=f"longest times are under {LONGEST_MONTHS:.0f} months",
    )


def _time_in_years(subject: Subject) -> Result:
    found, where, looked = [], [], 0
    for endpoint, cohort, part in _endpoints(subject):
        if part.height < LEAST_PATIENTS:
            continue
        looked += 1
        longest = float(part[f"{endpoint}_months"].max() or 0)  # type: ignore[arg-type]
        if longest < SHORTEST_LONGEST_MONTHS:
            where.append(f"{endpoint.upper()} of {cohort}: longest {longest:.1f}")
            found += ids(part)
    if not looked:
        return absent(f"no cohort of {LEAST_PATIENTS} with a survival time")
    return verdict(
        found, wrong=f"times called months that may be years ({some(where)})", right="long enough for months"
    )


def _time_negative(subject: Subject) -> Result:
    parts = list(_endpoints(subject))
    if not parts:
        return absent("no survival time")
    found = [i for endpoint, _, part in parts for i in ids(part.filter(pl.col(f"{endpoint}_months") < 0))]
    return verdict(found, wrong="{n} patients have a time before the start", right="no time is negative")


def _time_zero(subject: Subject) -> Result:
    parts = list(_endpoints(subject))
    if not parts:
        return absent("no survival time")
    found = [i for endpoint, _, part in parts for i in ids(part.filter(pl.col(f"{endpoint}_months") == 0))]
    return verdict(
        found, wrong="{n} patients have a time of exactly 0; most methods drop them silently", right="no time is 0"
    )


def _one_sided(subject: Subject, *, event: bool) -> Result:
    what, article = ("event", "an") if event else ("censored patient", "a")
    found, where, looked = [], [], 0
    for endpoint in ENDPOINTS:
        pair = (f"{endpoint}_months", f"{endpoint}_event")
        for (cohort,), part in subject.known(*pair).group_by("cohort", maintain_order=True):
            if part.height < LEAST_PATIENTS:
                continue
            looked += 1
            if not (part[pair[1]] == event).any():
                where.append(f"{endpoint.upper()} of {cohort}")
                found += ids(part)
    if not looked:
        return absent(f"no cohort of {LEAST_PATIENTS} with a time and an event flag")
    return verdict(found, wrong=f"no {what} in {some(where)}", right=f"every endpoint has {article} {what}")


def _no_event(subject: Subject) -> Result:
    return _one_sided(subject, event=True)


def _no_censored(subject: Subject) -> Result:
    return _one_sided(subject, event=False)


def _pfs_after_os(subject: Subject) -> Result:
    both = subject.known("pfs_months", "os_months")
    if both.is_empty():
        return absent("not both PFS and OS")
    late = both.filter(pl.col("pfs_months") > pl.col("os_months") + ROUNDING_MONTHS)
    return verdict(
        ids(late),
        wrong=f"{{n}} of {both.height:,} patients progress, or are followed for progression, after their OS time",
        right=f"PFS is never longer than OS ({both.height:,} patients)",
    )


def _progressor_without_event(subject: Subject) -> Result:
    progressed = subject.known("recist", "pfs_event").filter(recist="PD")
    if progressed.is_empty():
        return absent("no patient with progressive disease and a PFS flag")
    silent = progressed.filter(~pl.col("pfs_event"))
    share = silent.height / progressed.height
    hint = "; the flag is inverted" if share > 0.8 else ""
    return verdict(
        ids(silent),
        wrong=f"{{n}} of {progressed.height:,} patients with progressive disease have no PFS event{hint}",
        right=f"all {progressed.height:,} patients with progressive disease have a PFS event",
    )


def _flag_inverted(subject: Subject) -> Result:
    known = (
        subject.known("response", "os_event") if subject.known("pfs_event").is_empty() else subject.known("response")
    )
    column = "pfs_event" if "pfs_event" in known.columns and known["pfs_event"].drop_nulls().len() else "os_event"
    known = known.drop_nulls(column)
    yes, no = known.filter(pl.col("response")), known.filter(~pl.col("response"))
    if min(yes.height, no.height) < 5:
        return absent("fewer than 5 responders or 5 non-responders with an event flag")
    rate_yes, rate_no = float(yes[column].mean()), float(no[column].mean())  # type: ignore[arg-type]
    label = "PFS" if column == "pfs_event" else "OS"
    text = f"{label} events: {rate_yes:.0%} of responders, {rate_no:.0%} of non-responders"
    if rate_yes > rate_no + 0.1:
        return failed(ids(known), f"{text}; the flag may mean censored")
    return passed(text)


def _death_is_an_event(subject: Subject) -> Result:
    both = subject.known("pfs_months", "pfs_event", "os_months", "os_event").filter(pl.col("os_event"))
    if both.is_empty():
        return absent("no death with a PFS flag")
    until = (pl.col("pfs_months") - pl.col("os_months")).abs() <= ROUNDING_MONTHS
    odd = both.filter(until & ~pl.col("pfs_event"))
    return verdict(
        ids(odd),
        wrong=f"{{n}} of {both.height:,} deceased patients were followed for progression until death, yet have no PFS event",
        right="death counts as a PFS event",
    )


def _half_an_endpoint(subject: Subject) -> Result:
    found, where = [], []
    for endpoint in ENDPOINTS:
        lacks_flag = pl.col(f"{endpoint}_months").is_not_null() & pl.col(f"{endpoint}_event").is_null()
        lacks_time = pl.col(f"{endpoint}_months").is_null() & pl.col(f"{endpoint}_event").is_not_null()
        odd = subject.patients.filter(lacks_flag | lacks_time)
        if odd.height:
            where.append(f"{endpoint.upper()} {odd.height:,}")
            found += ids(odd)
    if subject.patients.is_empty():
        return absent("no patients")
    if all(subject.known(f"{endpoint}_months").is_empty() for endpoint in ENDPOINTS) and not found:
        return absent("no endpoint")
    return verdict(
        found, wrong=f"{{n}} patients have a time without its event flag, or a flag without a time ({some(where)})",
        right="every time has its flag",
    )  # fmt: skip


def _no_endpoint(subject: Subject) -> Result:
    patients = subject.patients
    if patients.is_empty():
        return absent("no patients")
    known = pl.any_horizontal(
        [pl.col(f"{e}_months").is_not_null() & pl.col(f"{e}_event").is_not_null() for e in ENDPOINTS]
    )
    without = patients.filter(~known & pl.col("response").is_null())
    share = without.height / patients.height
    if share > 0.2:
        return failed(
            ids(without), f"{without.height:,} of {patients.height:,} patients have neither response nor endpoint"
        )
    return passed(f"{1 - share:.0%} of patients have a response or an endpoint")


def _cancer_death_alive(subject: Subject) -> Result:
    both = subject.known("dss_event", "os_event")
    if both.is_empty():
        return absent("not both DSS and OS")
    odd = both.filter(pl.col("dss_event") & ~pl.col("os_event"))
    return verdict(ids(odd), wrong="{n} patients died of the disease but are alive in OS", right="DSS agrees with OS")


def _piled_times(subject: Subject) -> Result:
    found, where, looked = [], [], 0
    for endpoint, cohort, part in _endpoints(subject):
        if part.height < LEAST_PATIENTS:
            continue
        looked += 1
        counts = part[f"{endpoint}_months"].round(3).value_counts(sort=True)
        if counts["count"][0] > max(5, 0.2 * part.height):
            value = counts[f"{endpoint}_months"][0]
            where.append(f"{endpoint.upper()} of {cohort}: {counts['count'][0]} at {value:g} months")
            found += ids(part.filter(pl.col(f"{endpoint}_months").round(3) == value))
    if not looked:
        return absent(f"no cohort of {LEAST_PATIENTS} with a survival time")
    return verdict(found, wrong=f"many patients share one time ({some(where)})", right="no time is shared by many")


def _late_entry(subject: Subject) -> Result:
    entered = subject.known("entry_months")
    if entered.is_empty():
        return absent("every patient is observed from the start")
    too_late = pl.any_horizontal([(pl.col("entry_months") >= pl.col(f"{e}_months")).fill_null(False) for e in ENDPOINTS])
    odd = entered.filter(too_late | (pl.col("entry_months") < 0))
    return verdict(
        ids(odd),
        wrong=f"{{n}} of {entered.height:,} patients enter before the start, or not before their follow-up ends",
        right=f"all {entered.height:,} patients enter before their follow-up ends",
    )


CHECKS = (
    Check(id="time_in_days", title="Survival times are in months", judge=_time_in_days,
          about="A column called months that holds days makes every median thirty times too long."),
    Check(id="time_in_years", title="Survival times are not in years", judge=_time_in_years,
          about="A cohort whose longest follow-up is under half a year is rare; the column may hold years."),
    Check(id="time_negative", title="No survival time is negative", judge=_time_negative,
          about="A negative time comes from swapped dates."),
    Check(id="time_zero", title="No survival time is zero", judge=_time_zero,
          about="A time of zero says that the patient was never at risk; some software drops such patients."),
    Check(id="no_event", title="Every endpoint has events", judge=_no_event,
          about="Without an event no hazard can be estimated; the flag may be a constant."),
    Check(id="no_censored", title="Every endpoint has censored patients", judge=_no_censored,
          about="A cohort in which everyone had the event is rare; the flag may be a constant."),
    Check(id="pfs_after_os", title="PFS is not longer than OS", judge=_pfs_after_os,
          about="Progression-free time ends at death at the latest; a longer one means different clocks or units."),
    Check(id="progressor_without_event", title="Progressors have a PFS event", judge=_progressor_without_event,
          about="Best response of progressive disease is itself a PFS event; where most lack it, the flag is inverted."),
    Check(id="event_flag_inverted", title="Responders have fewer events than non-responders", judge=_flag_inverted,
          about="Where responders have more events, 1 may mean censored."),
    Check(id="death_is_an_event", title="Death is a PFS event", judge=_death_is_an_event,
          about="PFS ends with progression or death; a patient followed until death has an event."),
    Check(id="half_an_endpoint", title="Times and event flags come together", judge=_half_an_endpoint,
          about="A time without its flag, or a flag without its time, leaves the patient out of every curve."),
    Check(id="no_endpoint", title="Patients have an outcome", judge=_no_endpoint,
          about="Patients without response and without an endpoint add nothing to any question about outcome."),
    Check(id="cancer_death_alive", title="Disease-specific deaths are deaths", judge=_cancer_death_alive,
          about="A death from the disease is a death."),
    Check(id="piled_times", title="Survival times differ between patients", judge=_piled_times,
          about="One time shared by many patients is a placeholder or a data cut, not an observation."),
    Check(id="late_entry", title="Patients enter before their follow-up ends", judge=_late_entry,
          about="With left truncation a patient is at risk from entry to the end of follow-up; no time between them is no observation."),
)  # fmt: skip

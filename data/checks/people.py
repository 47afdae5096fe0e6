"""Checks of age, year and sex."""

from __future__ import annotations

import datetime

import polars as pl

from data.checks.check import Check, Result, Subject, absent, failed, ids, passed, some, verdict

OLDEST, SAFE_HARBOUR = 115.0, 89.0
FIRST_YEAR = 1970
FEMALE_WORDS = ("ovar", "endometri", "cervi", "uter", "vagin", "vulv")
MALE_WORDS = ("prostat", "testi", "penile", "penis")


def _age_possible(subject: Subject) -> Result:
    known = subject.known("age_years")
    if known.is_empty():
        return absent("no age")
    odd = known.filter(~pl.col("age_years").is_between(0, OLDEST))
    if odd.height:
        return failed(ids(odd), f"{odd.height:,} ages outside 0 to {OLDEST:.0f} years, such as {odd['age_years'][0]:g}")
    middle = float(known["age_years"].median())  # type: ignore[arg-type]
    if known.height >= 10 and not 2 <= middle <= 95:
        return failed(ids(known), f"the median age is {middle:.3g} years; the column may hold decades, months or days")
    return passed(f"median {middle:.0f} years")


def _over_89(subject: Subject) -> Result:
    known = subject.known("age_years")
    if known.is_empty():
        return absent("no age")
    old = known.filter(pl.col("age_years").is_between(SAFE_HARBOUR, OLDEST, closed="right"))
    return verdict(
        ids(old),
        wrong=f"{{n}} patients are over {SAFE_HARBOUR:.0f}; an exact age above that can identify a person",
        right=f"nobody is over {SAFE_HARBOUR:.0f}",
    )


def _child(subject: Subject) -> Result:
    known = subject.known("age_years")
    if known.is_empty():
        return absent("no age")
    young = known.filter(pl.col("age_years").is_between(0, 12, closed="left"))
    return verdict(ids(young), wrong="{n} patients are under 12", right="nobody is under 12")


def _year(subject: Subject) -> Result:
    known = subject.known("treatment_year")
    if known.is_empty():
        return absent("no year of treatment")
    this_year = datetime.datetime.now(tz=datetime.UTC).year
    year = pl.col("treatment_year")
    odd = known.filter(~year.is_between(FIRST_YEAR, this_year) | (year != year.round()))
    return verdict(
        ids(odd),
        wrong=f"{{n}} years of treatment are outside {FIRST_YEAR} to {this_year} or not whole ({some(odd['treatment_year'].to_list())})",
        right=f"from {min(known['treatment_year']):.0f} to {max(known['treatment_year']):.0f}",
    )


def _follow_up_in_future(subject: Subject) -> Result:
    known = subject.known("treatment_year", "os_months")
    if known.is_empty():
        return absent("not both year of treatment and overall survival")
    this_year = datetime.datetime.now(tz=datetime.UTC).year
    odd = known.filter(pl.col("treatment_year") + pl.col("os_months") / 12 > this_year + 1)
    return verdict(ids(odd), wrong="{n} patients are followed into the future", right="no follow-up ends in the future")


def _sex_levels(subject: Subject) -> Result:
    known = subject.known("sex")
    if known.is_empty():
        return absent("no sex")
    odd = known.filter(~pl.col("sex").is_in(["female", "male"]))
    return verdict(ids(odd), wrong=f"{{n}} patients have {some(sorted(set(odd['sex'])))}", right="female or male")


def _sex_and_organ(subject: Subject) -> Result:
    known = subject.known("sex", "cancer_type")
    if known.is_empty():
        return absent("not both sex and cancer type")
    cancer = pl.col("cancer_type").str.to_lowercase()
    # "uter" is inside "ureter", "testi" inside "gastrointestinal"
    clean = cancer.str.replace_all("ureter", "").str.replace_all("intesti", "")
    women = clean.str.contains_any(list(FEMALE_WORDS)) & (pl.col("sex") == "male")
    men = clean.str.contains_any(list(MALE_WORDS)) & (pl.col("sex") == "female")
    return verdict(
        ids(known.filter(women | men)), wrong="{n} patients lack the organ of their cancer", right="they agree"
    )


CHECKS = (
    Check(id="age_possible", title="Ages are possible", judge=_age_possible,
          about="An age below 0 or above 115 is an entry error; a median outside 2 to 95 is another unit."),
    Check(id="age_over_89", title="No age is over 89", judge=_over_89,
          about="HIPAA safe harbour asks for one group of 90 and older; exact ages above 89 can identify a person."),
    Check(id="age_child", title="No age is under 12", judge=_child,
          about="These cohorts are of adults; a child is rare and often a placeholder or a year of follow-up."),
    Check(id="treatment_year", title="Years of treatment are possible", judge=_year,
          about="A year before 1970 or in the future is an entry error."),
    Check(id="follow_up_in_future", title="Follow-up has already happened", judge=_follow_up_in_future,
          about="Start plus survival lies in the future: the time is in another unit, or the year is wrong."),
    Check(id="sex_levels", title="Sex is female or male", judge=_sex_levels,
          about="Other words are shown as groups of their own and cannot be compared with the sex genes."),
    Check(id="sex_and_organ", title="Sex agrees with the organ", judge=_sex_and_organ,
          about="A prostate cancer in a woman or an ovarian cancer in a man means swapped rows or a wrong code."),
)  # fmt: skip

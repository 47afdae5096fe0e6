"""Checks of response: against RECIST, against time, against itself."""

from __future__ import annotations

import polars as pl

from data.checks.check import Check, Result, Subject, absent, failed, ids, passed, some, verdict
from data.schema import RECIST_LEVELS

LEAST_PATIENTS = 20
EARLY_MONTHS = 1.0
"""RECIST asks for a confirmed response; progression within a month of the start leaves no time for one."""
PARTIAL_RESPONSE, PROGRESSION = 30.0, 20.0
"""RECIST 1.1, doi 10.1016/j.ejca.2008.10.026, in percent of the sum of diameters; progression is against the smallest sum."""


def _disagrees(subject: Subject) -> Result:
    both = subject.known("recist", "response").filter(pl.col("recist").is_in(RECIST_LEVELS))
    if both.is_empty():
        return absent("not both RECIST and response")
    odd = both.filter(pl.col("recist").is_in(["CR", "PR"]) != pl.col("response"))
    return verdict(
        ids(odd),
        wrong=f"the response of {{n}} of {both.height:,} patients is not what their RECIST says",
        right=f"response follows RECIST in all {both.height:,} patients",
    )


def _without_recist(subject: Subject) -> Result:
    known = subject.known("response")
    if known.is_empty():
        return absent("no response")
    bare = known.filter(pl.col("recist").is_null())
    how = [text for text in known["response_definition"].unique().to_list() if text]
    note = f"; defined as: {some(sorted(how), 2)}" if how else "; how it was defined is not recorded"
    return verdict(
        ids(bare),
        wrong=f"{{n}} of {known.height:,} responses cannot be checked against RECIST{note}",
        right="every response has its RECIST category",
    )


def _recist_lost(subject: Subject) -> Result:
    known = subject.known("recist").filter(pl.col("recist").is_in(RECIST_LEVELS))
    if known.is_empty():
        return absent("no RECIST")
    lost = known.filter(pl.col("response").is_null())
    return verdict(ids(lost), wrong="{n} patients have RECIST but no response", right="every RECIST gives a response")


def _levels(subject: Subject) -> Result:
    known = subject.known("recist")
    if known.is_empty():
        return absent("no RECIST")
    odd = known.filter(~pl.col("recist").is_in(RECIST_LEVELS))
    words = some(sorted(set(odd["recist"])))
    return verdict(
        ids(odd), wrong=f"{{n}} patients have a category other than CR, PR, SD, PD: {words}", right="all known"
    )


def _one_sided(subject: Subject) -> Result:
    found, where, looked = [], [], 0
    for (cohort,), part in subject.known("response").group_by("cohort", maintain_order=True):
        if part.height < LEAST_PATIENTS:
            continue
        looked += 1
        if part["response"].n_unique() == 1:
            where.append(f"{cohort} ({part.height})")
            found += ids(part)
    if not looked:
        return absent(f"no cohort of {LEAST_PATIENTS} with known response")
    return verdict(found, wrong=f"all respond or none does in {some(where)}", right="every cohort has both")


def _from_pfs(subject: Subject) -> Result:
    found, where, looked = [], [], 0
    for (cohort,), part in subject.known("response", "pfs_months").group_by("cohort", maintain_order=True):
        yes = part.filter(pl.col("response"))["pfs_months"].to_list()
        no = part.filter(~pl.col("response"))["pfs_months"].to_list()
        if min(len(yes), len(no)) < 5:
            continue
        looked += 1
        if min(yes) >= max(no):
            where.append(f"{cohort}: at {min(yes):.1f} months")
            found += ids(part)
    if not looked:
        return absent("no cohort with 5 responders and 5 non-responders who have PFS")
    return verdict(
        found, wrong=f"a cut of PFS gives the response exactly ({some(where)})", right="response is no cut of PFS"
    )


def _early(subject: Subject) -> Result:
    known = subject.known("response", "pfs_months", "pfs_event").filter(pl.col("response"))
    if known.is_empty():
        return absent("no responder with PFS")
    odd = known.filter(pl.col("pfs_event") & (pl.col("pfs_months") < EARLY_MONTHS))
    return verdict(
        ids(odd),
        wrong=f"{{n}} responders progressed or died within {EARLY_MONTHS:g} month",
        right=f"no responder progressed within {EARLY_MONTHS:g} month",
    )


def _unknown_share(subject: Subject) -> Result:
    treated = subject.patients.filter(pl.col("drug_class").is_not_null() & (pl.col("drug_class") != "no ICB"))
    if treated.is_empty() or treated["response"].null_count() == treated.height:
        return absent("no treated patients with a response")
    unknown = treated.filter(pl.col("response").is_null())
    share = unknown.height / treated.height
    text = f"{unknown.height:,} of {treated.height:,} treated patients are not evaluable for response"
    return failed(ids(unknown), text) if share > 0.2 else passed(text)


def _change_against_recist(subject: Subject) -> Result:
    both = subject.known("tumour_change_percent", "recist").filter(pl.col("recist").is_in(["CR", "PR", "SD"]))
    if both.is_empty():
        return absent("no tumour change with a best response")
    responded = pl.col("recist").is_in(["CR", "PR"])
    change = pl.col("tumour_change_percent")
    odd = both.filter((responded & (change > -PARTIAL_RESPONSE)) | (~responded & (change >= PROGRESSION)))
    return verdict(
        ids(odd),
        wrong=f"{{n}} of {both.height:,} patients respond without a shrinkage of 30%, or are stable with a growth of 20%",
        right=f"tumour change agrees with RECIST ({both.height:,} patients)",
    )


CHECKS = (
    Check(id="response_disagrees_with_recist", title="Response agrees with RECIST", judge=_disagrees,
          about="Response is CR or PR against SD or PD. Labels that split stable disease by time are circular in a PFS curve."),
    Check(id="response_without_recist", title="Response can be checked against RECIST", judge=_without_recist,
          about="A response without its category is taken on trust from the source; its definition may differ."),
    Check(id="response_lost", title="RECIST gives a response", judge=_recist_lost,
          about="A patient with a RECIST category is evaluable."),
    Check(id="recist_levels", title="RECIST categories are CR, PR, SD, PD", judge=_levels,
          about="Other words are not counted as evaluable."),
    Check(id="response_one_sided", title="Both responders and non-responders", judge=_one_sided,
          about="A cohort in which all or none respond can test no predictor; the column may be a constant."),
    Check(id="response_from_pfs", title="Response is not a cut of PFS", judge=_from_pfs,
          about="A response that was made from PFS separates the PFS curve by construction."),
    Check(id="responder_progressed_early", title="Responders do not progress at once", judge=_early,
          about="A response takes weeks to be seen; progression in the first month contradicts it."),
    Check(id="response_unknown", title="Most treated patients are evaluable", judge=_unknown_share,
          about="Patients who die or leave before the first scan are often missing here, which flatters the response rate."),
    Check(id="change_disagrees_with_recist", title="Tumour change agrees with RECIST", judge=_change_against_recist,
          about="A partial response is a shrinkage of at least 30%; a growth of 20% is progression (RECIST 1.1, small absolute growth aside)."),
)  # fmt: skip

"""Required: how many patients a validation study of a locked cut-off would need, by what it is meant to show."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import polars as pl

from core.errors import UnknownName
from core.figures import words
from core.markers.cutoff.ledger import Ledger
from core.markers.cutoff.performance import performance_from
from core.markers.cutoff.sample_size_accuracy import proportion
from core.markers.cutoff.sample_size_effect import hazard_ratio, interaction, response_difference
from core.markers.cutoff.study_size import SampleSize
from data.store import Store

HALF_WIDTHS: Mapping[str, str] = {"5": "± 5%", "10": "± 10%", "15": "± 15%"}
INTERACTION = 0.5
"""Ratio of hazard ratios that a predictive marker is taken to have in the calculation."""
SCHEMA = {"question": pl.String, "patients": pl.Int64, "needed": pl.String, "taken as given": pl.String, "method": pl.String}


def required(store: Store, *, lock: str, half_width: str, folder: str, head: str = "") -> pl.DataFrame:
    """Sizes of a validation study: question, patients, needed, taken as given, method.

    What is expected comes from the derivation, less the optimism where that is known: sensitivity, specificity, share of
    positives and responders, hazard ratio. A question whose ingredients are not known is left out.

    Parameters
    ----------
    half_width : key of HALF_WIDTHS, of the intervals of sensitivity and specificity, in per cent.
    """
    if half_width not in HALF_WIDTHS:
        raise UnknownName(f"there is no half width '{half_width}'; choose one of {', '.join(HALF_WIDTHS)}")
    return sizes(Ledger(folder).find(lock, kind="locked").content, half_width=half_width)


def sizes(facts: Mapping[str, Any], *, half_width: str = "10") -> pl.DataFrame:
    """As `required`, from the facts of a lock."""
    expected = _expected(facts)
    wide = int(half_width) / 100
    asked: list[Callable[[], SampleSize]] = [
        lambda: proportion(expected["sensitivity"], half_width=wide, share=expected["prevalence"]),
        lambda: proportion(expected["specificity"], half_width=wide, share=1 - expected["prevalence"], what="specificity"),
        lambda: response_difference(expected["orr_positive"], expected["orr_negative"], positive=expected["positive"]),
        lambda: hazard_ratio(expected["ratio"], positive=expected["positive"], event_rate=expected["event_rate"]),
        lambda: interaction(INTERACTION, positive=expected["positive"], event_rate=expected["event_rate"]),
    ]
    rows = []
    for ask in asked:
        try:
            found = ask()
        except (KeyError, UnknownName):  # an ingredient is not known, or no study is large enough
            continue
        needed = words.listing([f"{n:,} {what}" for what, n in found.needed])
        rows.append((found.question[:1].upper() + found.question[1:], found.patients, needed, "; ".join(found.assumptions), found.formula))
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def _expected(facts: Mapping[str, Any]) -> dict[str, float]:
    """What a validation may expect; a measure that is not known, or at an end, is not there."""
    found = performance_from(facts["performance"])
    out = {key: found.measure(key)[0] for key in ("sensitivity", "specificity", "prevalence", "orr_positive", "orr_negative")}
    out["positive"] = found.positives / found.n if found.n else float("nan")
    youden = (facts.get("optimism") or {}).get("youden") or {}
    excess = youden.get("optimism")
    if excess is not None:  # half of it off each
        out["sensitivity"] -= excess / 2
        out["specificity"] -= excess / 2
    row = found.survival.drop_nulls("hazard_ratio").head(1)
    if row.height:
        out["ratio"] = float(row["hazard_ratio"][0])
        out["event_rate"] = float(row["events"][0]) / float(row["n"][0])
    return {key: v for key, v in out.items() if v == v and (key == "ratio" or 0 < v < 1)}

"""Do patients predicted to respond live longer?"""

from __future__ import annotations

import streamlit as st

from core.cohort.frame import not_measured, studies_with
from core.response import predicted
from core.response.stratified import QUESTION, stratified
from core.survival.closer import columns, compared, difference
from pages.response.closer import closer
from pages.shared import cache, plain, ui


def page() -> None:
    """Kaplan-Meier curves by predicted response or by a column, the response rate that was observed, and closer looks."""
    with ui.guard():
        heading = st.empty()
        heading.title(QUESTION, anchor=False)
        place = st.empty()
        query = ui.pick_cohort()
        endpoints = cache.ask(predicted.endpoints, query)
        offered = cache.ask(predicted.available, query)
        groupings = cache.ask(columns.groupings, query)
        if not endpoints:
            raise not_measured("Survival", query, elsewhere=cache.ask(studies_with, column="os_months"))
        if offered.is_empty() and not groupings:
            raise not_measured("A predictor's score", query, elsewhere=cache.ask(studies_with, column="tmb_per_mb"))
        figure, panel = ui.split()
        with panel, ui.controls("survival"):
            layers = cache.ask(columns.strata, query)
            asked = {"endpoint": ui.choose("Endpoint", endpoints, name="endpoint", default="os"), **groups(offered, groupings)}
            with st.expander("More"):
                more = {
                    "landmark": ui.choose("Start the clock", compared.LANDMARKS, name="landmark", search=True),
                    "test": ui.choose("Test", difference.KINDS, name="test", search=True),
                    "strata": ui.choose("Stratify by", {k: v for k, v in layers.items() if k != asked["compare"] or not k}, name="strata", search=True),
                    "interval": ui.choose("Interval", {"log-log": "log-log", "log": "log"}, name="interval"),
                }
        with figure, ui.loading("survival"):
            found = cache.ask(stratified, query, **asked, **more)
            heading.title(found.question, anchor=False)
            ui.answer(place, found.sentence)
            ui.show(found.charts[0])
            plain.table(found.times, caption="Median and survival at 6, 12 and 24 months, with 95% CI in brackets")
            if found.pairs.height:
                with st.expander("Every pair of groups"):
                    plain.table(found.pairs, caption="p as it is, and corrected for the number of pairs (Holm)")
            for chart in found.charts[1:]:
                ui.show(chart)
        closer({**asked, "landmark": more["landmark"]}, more["strata"])


def groups(offered, groupings):
    """What the patients are compared by: a predictor's score at a cut, or a patient column."""
    by = {**({} if offered.is_empty() else {"": "Predicted response"}), **groupings}
    compare = ui.choose("Compare by", by, name="compare", search=True)
    chosen = {"compare": compare}
    cuts = {k: v.capitalize() for k, v in predicted.SPLITS.items() if k != "published"}
    if not compare:
        predictor = ui.choose("Predictor", ui.short(dict(offered.select("predictor", "label").iter_rows())), name="predictor")
        if dict(offered.select("predictor", "has_cut").iter_rows())[predictor]:
            cuts = {k: v.capitalize() for k, v in predicted.SPLITS.items()}
        chosen |= {"predictor": predictor, "split": ui.choose("Split", cuts, name="split")}
        ui.about(predictor)
    elif columns.is_number(compare):
        chosen |= {"split": ui.choose("Split", cuts, name="split")}
    return chosen

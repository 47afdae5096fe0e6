"""Do patients predicted to respond live longer?"""

from __future__ import annotations

from core.cohort.frame import not_measured, studies_with
from core.response import predicted
from core.response.stratified import stratified
from pages.shared import cache, ui


def page() -> None:
    """Kaplan-Meier curves by predicted response, and the response rate that was observed."""
    with ui.guard():
        place = ui.question("Do patients predicted to respond live longer?")
        query = ui.pick_cohort()
        endpoints = cache.ask(predicted.endpoints, query)
        offered = cache.ask(predicted.available, query)
        if not endpoints:
            raise not_measured("Survival", query, elsewhere=cache.ask(studies_with, column="os_months"))
        if offered.is_empty():
            raise not_measured("A predictor's score", query, elsewhere=cache.ask(studies_with, column="tmb_per_mb"))
        figure, panel = ui.split()
        with panel, ui.controls("survival"):
            endpoint = ui.choose("Endpoint", endpoints, name="endpoint", default="os")
            predictor = ui.choose("Predictor", ui.short(dict(offered.select("predictor", "label").iter_rows())), name="predictor")
            has_cut = dict(offered.select("predictor", "has_cut").iter_rows())[predictor]
            splits = {k: v.capitalize() for k, v in predicted.SPLITS.items() if k != "published" or has_cut}
            split = ui.choose("Split", splits, name="split")
            ui.about(predictor)
        with figure, ui.loading("survival"):
            found = cache.ask(stratified, query, predictor=predictor, split=split, endpoint=endpoint)
            ui.answer(place, found.sentence)
            for chart in found.charts:
                ui.show(chart)

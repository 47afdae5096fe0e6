"""Can these data be trusted?"""

from __future__ import annotations

from core.cohort.quality import quality
from pages.shared import cache, findings, ui


def page() -> None:
    """The data checks of a study as a grid, and each finding with the rows that it concerns."""
    with ui.guard():
        place = ui.question("Can these data be trusted?")
        query = ui.pick_cohort()
        figure, panel = ui.split()
        with panel, ui.controls("quality"):
            scope = ui.choose("Show", {"cohort": "This study", "all": "All studies"}, name="scope")
        with figure, ui.loading("quality"):
            found = cache.ask(quality, query, every=scope == "all")
            ui.answer(place, found.sentence)
            if scope == "cohort":
                findings.listed(found.checks)
            for chart in found.charts:
                ui.show(chart)
            if scope == "all":
                findings.table(found.checks)

"""Figures: contents table, name -> where it lives; each is a pure function -> Chart.

Drawn in the light theme; `dress(chart.figure, dark=True)` gives the dark one.
"""

from __future__ import annotations

from collections.abc import Mapping

from core.figures.beeswarm import beeswarm
from core.figures.calibration import calibration
from core.figures.chart import Chart, Provenance
from core.figures.composition import composition
from core.figures.dependence import dependence
from core.figures.distribution import distribution
from core.figures.embedding import embedding
from core.figures.flow import flow
from core.figures.forest import forest
from core.figures.importance import importance
from core.figures.km import km
from core.figures.missingness import missingness
from core.figures.quality import quality
from core.figures.response_rate import response_rate
from core.figures.roc import roc
from core.figures.theme import dress
from core.figures.waterfall import waterfall

FIGURES: Mapping[str, str] = {
    "km": "core.figures.km:km",
    "roc": "core.figures.roc:roc",
    "forest": "core.figures.forest:forest",
    "calibration": "core.figures.calibration:calibration",
    "response_rate": "core.figures.response_rate:response_rate",
    "embedding": "core.figures.embedding:embedding",
    "composition": "core.figures.composition:composition",
    "distribution": "core.figures.distribution:distribution",
    "flow": "core.figures.flow:flow",
    "missingness": "core.figures.missingness:missingness",
    "beeswarm": "core.figures.beeswarm:beeswarm",
    "importance": "core.figures.importance:importance",
    "dependence": "core.figures.dependence:dependence",
    "waterfall": "core.figures.waterfall:waterfall",
    "quality": "core.figures.quality:quality",
}

__all__ = [
    "FIGURES",
    "Chart",
    "Provenance",
    "beeswarm",
    "calibration",
    "composition",
    "dependence",
    "distribution",
    "dress",
    "embedding",
    "flow",
    "forest",
    "importance",
    "km",
    "missingness",
    "quality",
    "response_rate",
    "roc",
    "waterfall",
]

"""Answer: what a page says - one sentence with its number, and the charts that show it."""

from __future__ import annotations

from dataclasses import dataclass

from core.figures.chart import Chart


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The answer to a page's question, written from the result.

    Attributes
    ----------
    sentence : the answer with its number, interval and n. charts : the main figure first.
    """

    sentence: str
    charts: tuple[Chart, ...]

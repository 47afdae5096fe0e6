"""python -m core studies: what each study is, who may use it, and how to cite it."""

from __future__ import annotations

import argparse

from core.commands.database import opened
from core.commands.report import Report
from core.settings import Settings

SHOWN = ("study", "title", "patients", "treatment", "licence", "citation", "status")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command: none of its own."""


def run(args: argparse.Namespace, settings: Settings) -> Report:
    """One row a study, in the order in which the app shows them."""
    with opened(settings) as store:
        frame = store.studies()
        version = store.version
    return Report(
        title=f"{frame.height} studies in database {version}",
        tables=[("", frame.select(SHOWN))],
        notes=[
            f"{row['study']} is unavailable: {row['reason']}" for row in frame.filter(status="unavailable").to_dicts()
        ],
        document=frame.to_dicts(),
    )

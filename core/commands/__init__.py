"""Contents table of the command line: one module a command, one line here."""

from __future__ import annotations

from collections.abc import Mapping

COMMANDS: Mapping[str, tuple[str, str]] = {
    "build": ("core.commands.build", "bring the database up to date from the studies' files"),
    "ingest": ("core.commands.ingest", "take in a cohort of your own from a folder"),
    "train": ("core.commands.train", "train the multimodal model on the database's patients"),
    "embed": ("core.commands.embed", "embed every patient with the trained model"),
    "label": ("core.commands.label", "rank patients whose response would teach the model most"),
    "slides": ("core.commands.slides", "embed slide pictures and draw what each tile weighs"),
    "doctor": ("core.commands.doctor", "say what is installed, the device, the database and the studies"),
    "studies": ("core.commands.studies", "list the studies with licence and citation"),
    "checks": ("core.commands.checks", "list the data checks of every study"),
    "leaderboard": ("core.commands.leaderboard", "list how well every predictor does on every cohort"),
    "response": ("core.commands.response", "judge scores of a table against response: AUC, 2x2 measures, calibration"),
    "survival": ("core.commands.survival", "survival analysis of any CSV table: curves, tests, Cox models"),
    "scan": ("core.commands.scan", "list every marker of a study against response or survival"),
    "cluster": ("core.commands.cluster", "find the clusters of any numeric table or study, or that there are none"),
    "km": ("core.commands.km", "compare survival above and below a cut, or between groups"),
    "cutoff": ("core.commands.cutoff", "choose a cut-off of a marker, lock it, validate it once"),
}

"""A user's own cohort: a folder with study.toml and data files -> refused rows, identifiers, validated tables."""

from __future__ import annotations

from data.ingest.intake import Intake, take_in
from data.ingest.stored import stored_studies

__all__ = ["Intake", "stored_studies", "take_in"]

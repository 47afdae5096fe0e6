"""Checks of completeness."""

from __future__ import annotations

from data.checks.check import Check

CHECKS: tuple[Check, ...] = ()

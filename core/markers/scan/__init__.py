"""Scan: every marker of a cohort against an outcome."""

"""Contents table of the data checks: one module a theme, one line here.

Every study is examined as if a stranger had uploaded it. A check passes, fails, or is not applicable; a failure
names the rows that it concerns. A failure is a statement about the data for people to read, not a refusal.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from types import ModuleType

import polars as pl

from data import fingerprint
from data.checks import (
    completeness,
    expression,
    genes,
    identity,
    laboratory,
    mutations,
    people,
    response,
    survival,
    units,
    values,
)
from data.checks.check import Check, Result, Subject, absent
from data.checks.overlap import across
from data.schema import CHECK
from data.sources.source import Expression

THEMES: Mapping[str, ModuleType] = {
    "Survival": survival,
    "Response": response,
    "Units": units,
    "Laboratory values": laboratory,
    "People": people,
    "Identity": identity,
    "Completeness": completeness,
    "Values": values,
    "Gene names": genes,
    "Expression": expression,
    "Mutations": mutations,
}
CHECKS: Mapping[str, Check] = {check.id: check for theme in THEMES.values() for check in theme.CHECKS}


def run(study: str, tables: Mapping[str, pl.DataFrame], *, expression: Sequence[Expression] = ()) -> pl.DataFrame:
    """Every check on one study, but for those across studies (`across`).

    Parameters
    ----------
    tables : frames by table name, as `Table.conform` gives them; `patient` may be missing.
    expression : the study's matrices.

    Returns
    -------
    Frame of table `check_result`, one row a check.
    """
    subject = Subject(study=study, tables=tables, expression=expression)
    found = []
    for check in CHECKS.values():
        try:
            result = check.judge(subject)
        except (pl.exceptions.PolarsError, ArithmeticError, ValueError) as error:
            result = absent(f"the check could not be made ({type(error).__name__}: {str(error).splitlines()[0][:120]})")
        found.append(_row(study, check, result))
    return CHECK.conform(pl.DataFrame(found, schema=CHECK.dtypes))


def _row(study: str, check: Check, result: Result) -> dict[str, object]:
    return {
        "study": study,
        "check": check.id,
        "title": check.title,
        "status": result.status,
        "n": result.n,
        "detail": result.detail,
        "rows": list(result.rows),
    }


@cache
def version() -> str:
    """Hash of the code of all checks."""
    return fingerprint.code("data.checks")


__all__ = ["CHECKS", "THEMES", "Check", "Result", "Subject", "across", "run", "version"]

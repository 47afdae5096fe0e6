"""Contents table of the response statistics: name -> where it lives."""

from __future__ import annotations

from collections.abc import Mapping

STATISTICS: Mapping[str, str] = {
    "auc": "core.response.roc:auc",
    "roc": "core.response.roc:roc",
}

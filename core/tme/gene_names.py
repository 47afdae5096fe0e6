"""Gene symbols: old and current HGNC names of the same gene."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

ALIASES_FILE = Path(__file__).resolve().parents[2] / "data" / "assets" / "gene_aliases.toml"


@cache
def aliases() -> Mapping[str, str]:
    """Old symbol -> current symbol, upper case."""
    table: dict[str, list[str]] = tomllib.loads(ALIASES_FILE.read_text(encoding="utf-8"))
    return {old.upper(): current.upper() for current, olds in table.items() for old in olds}


def current(symbol: str) -> str:
    """The current symbol of a gene (the symbol itself where it was never renamed)."""
    name = symbol.upper()
    return aliases().get(name, name)


def positions(wanted: Sequence[str], genes: Sequence[str]) -> npt.NDArray[np.int64]:
    """Where each wanted gene lies in an assay, whichever of its names either side uses.

    Parameters
    ----------
    wanted : (w,) symbols of a signature.
    genes : (g,) symbols of an assay.

    Returns
    -------
    (w,) int64: row of the assay, -1 where the assay lacks the gene. The exact spelling wins over an alias;
    of two rows with the same symbol the first wins.
    """
    exact: dict[str, int] = {}
    renamed: dict[str, int] = {}
    for row, gene in enumerate(genes):
        name = gene.upper()
        exact.setdefault(name, row)
        renamed.setdefault(aliases().get(name, name), row)
    found = (exact.get(name.upper(), renamed.get(current(name), -1)) for name in wanted)
    return np.fromiter(found, dtype=np.int64, count=len(wanted))

"""Cells: densities and point patterns of each patient, from the positions of single cells."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial

import numpy as np
import polars as pl

from core.pipeline.staging import Finished, Frames, Piece, Staging, fingerprint
from core.spatial import point_patterns
from core.spatial.cell_fields import CELLS, Tissue, named_types, tissues
from core.spatial.point_patterns import MM2
from core.spatial.random_labelling import FEWEST, PERMUTATIONS, PairSums, beyond_chance

Progress = Callable[[str], None]
RADII = np.arange(5.0, 51.0, 5.0)
"""Distances over which L is averaged, µm: up to about five cell diameters; fixed before any outcome was looked at."""
NEAR_UM = 20.0
"""Distance of `nearest`, µm: about two cell diameters."""


def pieces(staging: Staging, *, seed: int) -> Iterator[tuple[str, int, Piece]]:
    """The work of `fill`: study, number of cells, and how they are measured."""
    for study in staging.sql("SELECT DISTINCT study FROM spot WHERE kind = 'cell' ORDER BY study")["study"]:
        cells = staging.sql(CELLS, {"study": study})
        yield study, cells.height, Piece(f"cells-{fingerprint('cells', seed, cells)}", partial(measured, cells, seed=seed))


def fill(staging: Staging, finished: Finished, *, work: Iterable[tuple[str, int, Piece]], progress: Progress) -> None:
    """Tables cell_density and spatial_statistic of every study with single cells; `work` is that of `pieces`."""
    staging.clear("cell_density")
    staging.clear("spatial_statistic")
    for study, cells, piece in work:
        progress(f"{study}: how {cells:,} cells lie to each other")
        for table, frame in finished.get(*piece).items():
            staging.append(table, frame.with_columns(study=pl.lit(study)))


def measured(cells: pl.DataFrame, *, seed: int = 0, permutations: int = PERMUTATIONS) -> Frames:
    """Rows of both tables but for the study.

    Parameters
    ----------
    cells : patient_id, section_id, x_um, y_um, label; one study. seed : of the permutations.
    """
    dense: list[dict[str, object]] = []
    placed: list[dict[str, object]] = []
    for tissue in tissues(cells):
        count = point_patterns.counts(tissue.fields, len(tissue.types)).sum(axis=0)
        area = sum(field.area for field in tissue.fields)
        dense += [
            {
                "patient_id": tissue.patient, "cell_type": kind, "cells": int(n), "fields": len(tissue.fields), "area_mm2": area / MM2,
                "density": float(n) / area * MM2,
            }
            for kind, n in zip(tissue.types, count, strict=True)
        ]  # fmt: skip
        placed += _placed(tissue, count.tolist(), permutations=permutations, seed=seed)
    return {"cell_density": pl.DataFrame(dense, infer_schema_length=None), "spatial_statistic": pl.DataFrame(placed, infer_schema_length=None)}


def _placed(tissue: Tissue, count: list[int], *, permutations: int, seed: int) -> list[dict[str, object]]:
    """Statistics of every two named types: L both ways alike, the share with a neighbour from the most common type outwards."""
    named = named_types(tissue.types)
    sums = PairSums(tissue.fields, len(tissue.types), radii=RADII)
    lengths = [point_patterns.l_function(k) for k in (sums.observed(), sums.expected(), sums.permuted(permutations, seed=seed))]
    rows = []
    for at, one in enumerate(named):
        for two in named[at + 1 :]:
            enough = min(count[one], count[two]) >= FEWEST
            base = {
                "patient_id": tissue.patient, "first_type": tissue.types[one], "second_type": tissue.types[two], "first_cells": count[one],
                "second_cells": count[two], "fields": len(tissue.fields),
            }  # fmt: skip
            place = sums.place(one, two)
            rows.append({**base, "statistic": "cross_l", **_summary((lengths[0][place], lengths[1][place], lengths[2][:, place]), enough=enough)})
            if at == 0:
                share, chance = beyond_chance(tissue.fields, (one, two), NEAR_UM) if enough else (float("nan"), float("nan"))
                known = enough and np.isfinite(share)
                rows.append(
                    {
                        **base, "statistic": "nearest", "observed": share if known else None, "expected": chance if known else None,
                        "beyond": share - chance if known else None, "p_value": None,
                    }
                )  # fmt: skip
    return rows


def _summary(curves: tuple[point_patterns.Floats, ...], *, enough: bool) -> dict[str, float | None]:
    from core.spatial.random_labelling import envelope

    observed, expected, dealt = curves
    if not enough or not np.isfinite(observed).all():
        return {"observed": None, "expected": None, "beyond": None, "p_value": None}
    return {
        "observed": float(observed.mean()), "expected": float(expected.mean()), "beyond": float((observed - expected).mean()),
        "p_value": envelope((observed, expected, dealt))[2],
    }  # fmt: skip

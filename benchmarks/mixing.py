"""How well the treated cohorts mix, and how much outcome signal is left, before and after every batch correction.

    python benchmarks/mixing.py

Reads the table that `python -m core build` made: for every correction kBET acceptance, iLISI (with its value where
patients are dealt to cohorts at random), cLISI, the AUC for response in a left-out cohort, and the score by which the
default is chosen: the mean of mixing (iLISI from 0, cohorts apart, to 1, random) and of the outcome signal retained (AUC
above .5 as a share of the uncorrected one within cohorts). The rule was fixed before anything was computed.
"""

from __future__ import annotations

import sys
from pathlib import Path

import polars as pl

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from core.settings import Settings
from core.tme.mixing import LABELS
from data.store import Store


def main() -> int:
    """Print the tables of every pool."""
    store = Store.open_current(Settings.from_env().database_dir)
    rows = store.sql("SELECT * FROM mixing ORDER BY rowid")
    for (pool,), own in rows.group_by("pool", maintain_order=True):
        first = own.row(0, named=True)
        print(f"\n{pool}: {', '.join(first['studies'])}; {len(first['features'])} features; {first['n_missing']} patients left out")
        whole = own.filter(pl.col("study") == "")
        for correction in whole["correction"].unique(maintain_order=True):
            mine = whole.filter(pl.col("correction") == correction)
            mark = " (default)" if mine["chosen"][0] else ""
            print(f"\n  {LABELS.get(correction, 'Reference: within cohorts, uncorrected')}{mark}")
            for row in mine.iter_rows(named=True):
                print(f"    {row['measure']:<9} {_said(row)}")
        print("\n  AUC by left-out cohort")
        each = own.filter((pl.col("study") != "") & (pl.col("measure") == "auc"))
        with pl.Config(tbl_rows=-1, tbl_cols=-1, tbl_hide_dataframe_shape=True, float_precision=2):
            print(each.pivot(on="correction", index=["study", "n"], values="value"))
    return 0


def _said(row: dict[str, object]) -> str:
    if row["value"] is None:
        return "not estimable"
    ends = f" (95% CI {row['ci_low']:.2f} to {row['ci_high']:.2f})" if row["ci_low"] is not None else ""
    null = f", null {row['null_value']:.2f}" if row["null_value"] is not None else ""
    return f"{row['value']:.3f}{ends}{null}, n = {row['n']}"


if __name__ == "__main__":
    sys.exit(main())

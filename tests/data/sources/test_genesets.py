"""Gene sets: the published counts, and clear errors on broken files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from data.errors import SourceCorrupt
from data.sources.genesets import SOURCE, read_gmt, read_mcp_counter, read_til10
from data.sources.source import Files, Source


@pytest.mark.realdata
def test_published_sets(mirror_files: Callable[[Source], Files]) -> None:
    sets = SOURCE.load(mirror_files(SOURCE)).tables["gene_set"]
    names = dict(sets.group_by("collection").agg(pl.col("name").n_unique()).iter_rows())
    assert names == {"hallmark": 50, "mcp_counter": 10, "quantiseq_til10": 10, "quantiseq_excluded": 2}
    assert sets.filter(pl.col("collection") == "hallmark").height == 7322
    til10 = sets.filter(pl.col("collection") == "quantiseq_til10")
    assert til10["gene"].n_unique() == 170
    assert til10["weight"].null_count() == til10["mrna_scaling"].null_count() == 0
    b_cells = til10.filter((pl.col("name") == "B.cells") & (pl.col("gene") == "ABCB4"))
    assert b_cells["weight"].item() == pytest.approx(22.7138212901797)
    assert b_cells["mrna_scaling"].item() == pytest.approx(65.6614839423872)
    endothelial = sets.filter(pl.col("name") == "Endothelial cells")["gene"].to_list()
    assert "CAVIN2" in endothelial, "the table's broken symbol 'C' is repaired by its Entrez id"
    assert "C" not in endothelial


def test_gmt(tmp_path: Path) -> None:
    path = tmp_path / "a.gmt"
    path.write_text("SET_A\tlink\tTP53\tmyc\tTP53\nSET_B\tlink\tEGFR\t\n", encoding="utf-8")
    assert read_gmt(path).rows() == [("SET_A", "TP53"), ("SET_A", "MYC"), ("SET_B", "EGFR")]
    path.write_text("SET_A\tlink\n", encoding="utf-8")
    with pytest.raises(SourceCorrupt, match=r"line 1 of a\.gmt has 2 fields"):
        read_gmt(path)


def test_other_tables_name_what_is_missing(tmp_path: Path) -> None:
    markers = tmp_path / "genes.txt"
    markers.write_text("gene\tcell\nCD3D\tT cells\n", encoding="utf-8")
    with pytest.raises(SourceCorrupt, match="Cell population, HUGO symbols"):
        read_mcp_counter(markers)
    signature, scaling = tmp_path / "sig.txt", tmp_path / "scaling.txt"
    signature.write_text("ID\tB.cells\nCD19\t5.5\n", encoding="utf-8")
    scaling.write_text("Tregs\t2.0\n", encoding="utf-8")
    with pytest.raises(SourceCorrupt, match="cell types"):
        read_til10(signature, scaling)

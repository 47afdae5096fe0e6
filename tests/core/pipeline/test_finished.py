"""Finished pieces of work: kept by key, made elsewhere while this process goes on, and never lost to a process that dies."""

from __future__ import annotations

import os
import time
from functools import partial
from pathlib import Path

import polars as pl
import pytest

from core.errors import NotMeasured
from core.pipeline.staging import Finished, Frames, Piece


def where(wait: float = 0.0) -> Frames:
    time.sleep(wait)
    return {"process": pl.DataFrame({"id": [os.getpid()]})}


def refused() -> Frames:
    raise NotMeasured("a cohort of 8 patients has no types; at least 15 are needed")


def dies(parent: int) -> Frames:
    if os.getpid() != parent:
        os._exit(9)
    return where()


def made_by(frames: Frames) -> int:
    return int(frames["process"]["id"][0])


def test_pieces_are_made_elsewhere_and_kept(tmp_path: Path) -> None:
    piece = Piece("where", where)
    with Finished(tmp_path, workers=2) as finished:
        finished.ahead([piece])
        time.sleep(0.5)
        elsewhere = made_by(finished.get(*piece))
    assert elsewhere != os.getpid()
    with Finished(tmp_path) as again:
        assert made_by(again.get(*piece)) == elsewhere


def test_what_nobody_has_begun_is_done_here() -> None:
    with Finished(None, workers=2) as finished:
        finished.ahead(Piece(f"slow{number}", partial(where, 0.2)) for number in range(8))
        assert made_by(finished.get("slow7", where)) == os.getpid()
        assert made_by(finished.get("slow0", where)) != os.getpid()


@pytest.mark.parametrize("workers", [1, 2])
def test_a_refusal_comes_back_as_it_was(workers: int) -> None:
    with Finished(None, workers=workers) as finished:
        finished.ahead([Piece("refused", refused)])
        time.sleep(0.2)
        with pytest.raises(NotMeasured, match="at least 15 are needed"):
            finished.get("refused", refused)


def test_a_process_that_is_killed_costs_nothing_but_time() -> None:
    piece = Piece("dies", partial(dies, os.getpid()))
    with Finished(None, workers=2) as finished:
        finished.ahead([piece, Piece("after", where)])
        assert made_by(finished.get(*piece)) == os.getpid()
        assert finished.get("after", where)["process"].height == 1
        finished.ahead([Piece("later", where)])
        assert finished.get("later", where)["process"].height == 1

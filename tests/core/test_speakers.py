"""Speakers: nobody who is in two studies trains twice, and a study that shares patients is never called unseen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from core.speakers import Speakers, apart, comparison, unseen, with_shared
from models.bundle import Bundle


def bundle(*cohorts: str, without: tuple[str, ...] = ()) -> Bundle:
    document = {"cohorts": list(cohorts), "without": list(without)}
    return Bundle(path=Path("nowhere"), name="-".join(cohorts), created="", document=document, tensors={}, weights_sha256="", weights_bytes=0)


class Told:
    """A source that knows how many responses each study tells."""

    def __init__(self, **known: int) -> None:
        self._known = known

    def sql(self, statement: str, params: Any = None) -> pl.DataFrame:
        return pl.DataFrame({"study": list(self._known), "n": list(self._known.values())})


@pytest.mark.parametrize(("known", "kept"), [
    ({"loris": 2881, "samstein2019": 0, "liu2019": 144}, ["loris", "liu2019"]),
    ({"loris": 0, "samstein2019": 10, "liu2019": 144}, ["samstein2019", "liu2019"]),
])  # fmt: skip
def test_of_two_studies_that_share_patients_the_one_with_more_responses_trains(known: dict[str, int], kept: list[str]) -> None:
    assert apart(Told(**known), ["loris", "samstein2019", "liu2019"]) == kept
    assert apart(Told(**known), ["samstein2019", "liu2019"]) == ["samstein2019", "liu2019"]


def test_a_study_that_shares_patients_with_the_training_is_not_unseen() -> None:
    assert with_shared({"loris"}) == {"loris", "samstein2019"}
    main = bundle("loris/MSK1", "liu2019/Liu")
    assert not unseen(main, "samstein2019/Samstein")
    assert unseen(main, "hugo2016/Hugo")
    held = bundle("liu2019/Liu", without=("loris/MSK1",))
    who = Speakers(main=main, held_out=(held,))
    assert who.of("samstein2019/Samstein").bundle is held
    assert who.of("samstein2019/Samstein").protocol == "leave_one_cohort_out"
    assert who.of("hugo2016/Hugo").protocol == "external"
    assert who.of("liu2019/Liu").protocol == "in_sample"


def test_another_comparison_is_another_build(tmp_path: Path) -> None:
    assert comparison(tmp_path / "none.json") == ""
    (tmp_path / "one.json").write_text("{}", encoding="utf-8")
    assert comparison(tmp_path / "one.json") == "{}"

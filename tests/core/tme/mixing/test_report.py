"""The stored table of mixing, the shared space, and the page's answer from them."""

from __future__ import annotations

import polars as pl
import pytest

from core.cohort.query import CohortQuery
from core.errors import NotMeasured
from core.pipeline.features import best_scores
from core.tme.mixing import CORRECTIONS
from core.tme.mixing.report import mixing
from core.tme.shared import SPACE, shared_types
from core.tme.signature_frame import IDENTITY, shared_signatures, signature_frame
from data.store import Store


def test_the_answer_shows_both_numbers_for_every_correction(synthetic_store: Store) -> None:
    found = mixing(synthetic_store, CohortQuery(("synthetic_a",)))
    (chart,) = found.charts
    for name in CORRECTIONS:
        own = chart.table.filter(pl.col("correction") == name)
        assert set(own["measure"]) == {"kbet", "ilisi", "mixing", "clisi", "auc", "retained", "score"}
    assert chart.table.filter("chosen")["correction"].n_unique() == 1
    assert chart.provenance.synthetic
    for word in ("kBET", "iLISI", "fixed beforehand", "No correction sees a response"):
        assert word in chart.caption
    assert "AUC" in found.sentence


def test_a_study_outside_every_pool_says_which_are_in(synthetic_store: Store) -> None:
    with pytest.raises(NotMeasured, match="synthetic_a"):
        mixing(synthetic_store, CohortQuery(("nothing",)))
    with pytest.raises(NotMeasured, match="synthetic_a"):
        shared_types(synthetic_store, ("nothing",))


def test_a_type_of_the_shared_space_is_one_type_in_every_study(synthetic_store: Store) -> None:
    found = shared_types(synthetic_store)
    assert found["study"].n_unique() >= 2
    assert found.group_by("cluster").agg(pl.col("name").n_unique())["name"].max() == 1
    assert found["patient_id"].is_unique().all()
    placed = synthetic_store.sql("SELECT patient_id FROM embedding WHERE space = $s", {"s": SPACE})
    assert set(placed["patient_id"]) == set(found["patient_id"])


def test_the_signature_frame_is_the_pipelines(synthetic_store: Store) -> None:
    class Reader:
        sql = staticmethod(synthetic_store.sql)

    theirs = best_scores(Reader())  # type: ignore[arg-type]
    frame = signature_frame(synthetic_store, ("synthetic_a", "synthetic_b"))
    long = frame.unpivot(index=list(IDENTITY), variable_name="signature", value_name="z").drop_nulls("z")
    joined = theirs.drop_nulls("z").join(long, on=["patient_id", "signature"], suffix="_ours")
    assert joined.height == long.height
    assert (joined["z"] == joined["z_ours"]).all()
    assert set(shared_signatures(frame)) <= set(frame.columns)
    assert signature_frame(synthetic_store, ("nothing",)).columns == list(IDENTITY)


@pytest.mark.realdata
def test_the_published_cohorts_mix_after_the_default_correction(real_store: Store) -> None:
    found = mixing(real_store, CohortQuery(("imvigor210",)))
    mixed = found.charts[0].table.filter(pl.col("measure") == "mixing")
    assert mixed.filter(pl.col("correction") == "none")["value"][0] < 0.6
    assert mixed.filter("chosen")["value"][0] > 0.9
    assert found.charts[0].provenance.n > 600
    assert shared_types(real_store)["study"].n_unique() >= 8

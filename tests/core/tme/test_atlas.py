"""What the map's sentence claims: nothing over several studies, and weak structure where types overlap."""

from __future__ import annotations

import math

import polars as pl
import pytest

from core.cohort.query import CohortQuery
from core.errors import UnknownName
from core.tme.atlas import _overlap, atlas, mixture
from core.tme.composition import WITHIN, composition
from core.tme.map import tme_map
from data.sources import SYNTHETIC
from data.store import Store


def mapped(store: Store) -> tuple[str, ...]:
    found = store.sql("SELECT study FROM cluster WHERE space = 'tme_signatures' GROUP BY 1 HAVING count(DISTINCT cluster) > 1")
    return tuple(s for s in SYNTHETIC if s in set(found["study"]))


def test_several_studies_are_not_tested(synthetic_store: Store) -> None:
    on_map = set(synthetic_store.sql("SELECT DISTINCT study FROM cluster WHERE space = 'tme_signatures'")["study"])
    studies = tuple(s for s in SYNTHETIC if s in on_map)
    assert len(studies) > 1
    assert mapped(synthetic_store), "the simulator must give a study with TME types"
    query = CohortQuery(studies)
    found = composition(synthetic_store, query, by="response")
    assert math.isnan(found.test.p_value)
    said = atlas(synthetic_store, query)
    assert WITHIN in said.sentence
    assert "p =" not in said.sentence
    assert "differs" not in said.sentence
    caption = mixture(synthetic_store, query).caption
    assert WITHIN in caption
    assert "chi-squared" not in caption
    heads = " ".join(str(a.text) for a in said.charts[0].figure.layout.annotations)
    assert not any(f"<b>{study}</b>" in heads for study in studies)


def test_one_study_is_tested(synthetic_store: Store) -> None:
    query = CohortQuery(mapped(synthetic_store)[:1])
    assert 0 <= composition(synthetic_store, query, by="response").test.p_value <= 1
    assert WITHIN not in mixture(synthetic_store, query).caption


def test_overlapping_types_are_called_so() -> None:
    types = pl.DataFrame({"n": [30, 10], "silhouette": [0.1, 0.18]})
    assert _overlap(types) == "; types overlap: mean silhouette 0.12"
    assert _overlap(types.with_columns(silhouette=pl.lit(0.4))) == ""
    assert _overlap(types.with_columns(silhouette=pl.lit(None, dtype=pl.Float64))) == ""


@pytest.mark.parametrize(("typed", "symbol"), [("PDL1", "CD274"), ("pd-l1", "CD274"), ("PD-1", "PDCD1"), ("PD1", "PDCD1")])
def test_a_common_name_leads_to_the_current_symbol(synthetic_store: Store, typed: str, symbol: str) -> None:
    with pytest.raises(UnknownName, match=f"current symbol is {symbol}"):
        tme_map(synthetic_store, CohortQuery(("synthetic_a",)), colour=f"gene:{typed}")

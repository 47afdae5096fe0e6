"""The cohort's address: what it refuses."""

from __future__ import annotations

import pytest

from core.cohort.query import CohortQuery, Filter, poolable
from core.errors import BadLink
from data.sources import MODULES, OVERLAPPING


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf"), 10**400])
def test_a_bound_must_be_finite(value: float) -> None:
    with pytest.raises(BadLink, match=r"the filter on tmb_per_mb has .*give a"):
        CohortQuery(("tcga",), (Filter("tmb_per_mb", "ge", value),)).where()


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999"])
def test_a_link_with_an_infinite_bound_is_refused(number: str) -> None:
    with pytest.raises(BadLink):
        CohortQuery.from_key(f'{{"s":["tcga"],"f":[["age_years","le",{number}]]}}')


def test_studies_that_share_patients_are_never_pooled() -> None:
    with pytest.raises(BadLink, match="LORIS and Samstein 2019 share patients, so they are never pooled; open one"):
        CohortQuery(("samstein2019", "tcga", "loris")).where()
    CohortQuery(("loris", "tcga")).where()
    assert poolable(("samstein2019", "tcga", "loris", "tcga")) == ("samstein2019", "tcga")
    assert all(shared <= set(MODULES) and len(shared) == 2 for shared in OVERLAPPING)

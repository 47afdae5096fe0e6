"""What a figure says about its origin."""

from __future__ import annotations

from core.cohort.provenance import describe, provenance, short_citation, short_name
from core.cohort.query import CohortQuery, Filter
from core.version import software_version
from data.store import Store


def test_names_and_citations_are_short() -> None:
    assert short_name("IMvigor210: atezolizumab in metastatic urothelial cancer") == "IMvigor210"
    assert short_citation("Hugo W, et al. A long title. Cell 2016;165:35-44") == "Hugo W, et al. Cell 2016;165:35-44"
    assert short_citation("Andersson et al., Nat Commun 2021") == "Andersson et al., Nat Commun 2021"


def test_a_cohort_is_described_by_study_names_and_filters() -> None:
    query = CohortQuery(("a", "b"), (Filter("sex", "in", ("female",)),))
    assert describe(query, {"a": "Study A"}) == "Study A, b (Sex is female)"


def test_a_synthetic_cohort_says_so(synthetic_store: Store) -> None:
    source = provenance(synthetic_store, CohortQuery(("synthetic_a",)), n=3, n_missing=1)
    assert source.synthetic
    assert source.line().startswith("SYNTHETIC DATA")
    assert source.software == software_version()
    assert source.database == synthetic_store.version

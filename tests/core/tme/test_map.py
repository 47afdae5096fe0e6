"""TME map and composition readers, clustering and naming."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from core.cohort.query import CohortQuery, Filter
from core.errors import NotMeasured, TooFewPatients, UnknownName
from core.tme import clustering, naming, projection
from core.tme.composition import composition, independence
from core.tme.map import colours, tme_map
from data.store import Store

QUERY = CohortQuery(("synthetic_a",))
R_CHI2, R_FISHER = (1.8731384141, 0.3919703001), 0.0769230769


@pytest.mark.parametrize("colour", ["cluster", "response", "age_years", "gene:CD8A", "score:gep", "cancer_type"])
def test_one_row_a_patient_whatever_the_colour(synthetic_store: Store, colour: str) -> None:
    found = tme_map(synthetic_store, QUERY, colour=colour)
    assert found.n + found.n_missing == 240
    assert found.frame["patient_id"].n_unique() == found.frame.height == found.n
    assert found.frame["value"].null_count() == found.n_uncoloured
    assert (found.kind == "number") == (found.frame["value"].dtype == pl.Float64)


def test_every_colour_on_offer_can_be_drawn(synthetic_store: Store) -> None:
    for colour in colours(synthetic_store, QUERY):
        assert tme_map(synthetic_store, QUERY, colour=colour).n


def test_what_cannot_be_drawn_says_why(synthetic_store: Store) -> None:
    with pytest.raises(UnknownName, match="gene:SYMBOL"):
        tme_map(synthetic_store, QUERY, colour="horoscope")
    with pytest.raises(UnknownName, match="HGNC"):
        tme_map(synthetic_store, QUERY, colour="gene:NOSUCHGENE")


def test_composition_counts_everybody_once(synthetic_store: Store) -> None:
    found = composition(synthetic_store, QUERY, by="response")
    assert found.table["n"].sum() == found.n
    assert found.table.height == len(found.types) * len(found.groups)
    for (_group,), part in found.table.group_by("group"):
        assert part["share_of_group"].sum() == pytest.approx(1.0)
    assert found.test.n == found.n
    with pytest.raises(NotMeasured, match="is a number"):
        composition(synthetic_store, QUERY, by="age_years")
    with pytest.raises(TooFewPatients, match="two of each"):
        composition(synthetic_store, QUERY.with_filter(Filter("response", "in", ("true",))), by="response")


def test_independence_equals_r() -> None:
    # Rscript -e 'm <- matrix(c(19,43,28,85,14,55), nrow=3, byrow=TRUE); t <- chisq.test(m, correct=FALSE);
    #             cat(t$statistic, t$p.value); cat(fisher.test(matrix(c(3,1,2,9),2))$p.value)'
    found = independence(np.array([[19, 43], [28, 85], [14, 55]]))
    assert found.statistic == pytest.approx(R_CHI2[0], abs=1e-6)
    assert found.p_value == pytest.approx(R_CHI2[1], abs=1e-6)
    assert independence(np.array([[3, 2], [1, 9]])).p_value == pytest.approx(R_FISHER, abs=1e-6)
    sparse = np.array([[3, 1, 0], [0, 2, 4]])
    assert independence(sparse, seed=1).p_value == independence(sparse, seed=1).p_value
    assert "permutation" in independence(sparse).name


def test_planted_groups_are_found_and_silhouette_equals_sklearn() -> None:
    from sklearn.metrics import silhouette_samples

    rng = np.random.default_rng(0)
    centres = np.array([[0, 0, 0], [6, 0, 0], [0, 6, 0], [0, 0, 6]], dtype=float)
    truth = np.repeat(np.arange(4), (60, 40, 30, 20))
    points = centres[truth] + rng.normal(size=(150, 3))
    found = clustering.find_types(points, seed=3)
    assert found.labels.max() == 3
    assert (found.labels == truth).mean() > 0.97
    assert found.stability.min() > 0.9
    np.testing.assert_allclose(found.silhouette, silhouette_samples(points, found.labels), atol=1e-9)


def test_noise_has_no_many_types() -> None:
    points = np.random.default_rng(5).normal(size=(120, 6))
    assert clustering.find_types(points, seed=0).labels.max() <= 1


def test_neighbours_equal_sklearn() -> None:
    from sklearn.neighbors import NearestNeighbors

    points = np.random.default_rng(2).normal(size=(200, 5))
    index, distance = projection.nearest(points, 7)
    theirs, order = NearestNeighbors(n_neighbors=7).fit(points).kneighbors(points)
    np.testing.assert_allclose(distance, theirs, atol=1e-5)
    np.testing.assert_array_equal(index, order)


@pytest.mark.parametrize(
    ("signature", "said"),
    [("thorsson_tgf_beta", "TGF beta"), ("thorsson_macrophage", "macrophage"), ("mcp_cd8_t_cells", "CD8 T cells"), ("hallmark_e2f_targets", "E2F targets")],
)
def test_a_type_is_told_apart_by_a_few_words(signature: str, said: str) -> None:
    assert naming._short(naming.label(signature)) == said


def test_names_follow_the_rule() -> None:
    features = ["gep", "cyt", "f_tbrs", "hallmark_e2f_targets"]
    z = np.array([[1.2, 1.0, 0.0, 0.0]] * 5 + [[-1.0, -0.9, 0.9, 0.0]] * 5 + [[0.1, 0.0, 0.2, 0.1]] * 5)
    types = np.repeat([0, 1, 2], 5)
    assert naming.name_types(z, features, types=types) == ["Immune-enriched", "Fibrotic", "Mixed"]
    twins = naming.name_types(np.vstack([z[:5], z[:5]]), features, types=np.repeat([0, 1], 5))
    assert len(set(twins)) == 2
    weights = naming.balance(["gep", "cyt", "f_tbrs", "hallmark_uv_response_dn"])
    np.testing.assert_allclose(weights, [2**-0.5, 2**-0.5, 1.0, 0.0])


def test_labels_are_words() -> None:
    assert naming.label("mcp_nk_cells") == "NK cells (MCP-counter)"
    assert naming.label("hallmark_il6_jak_stat3_signaling") == "Hallmark: IL6 JAK STAT3 signaling"
    assert naming.label("thorsson_ifn_gamma") == "IFN gamma (Thorsson 2018)"
    assert naming.label("T.cells.CD8") == "T cells CD8"
    assert naming.label("cyt") == "Cytolytic activity"

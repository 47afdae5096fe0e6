"""How far a picture can be trusted: Venna and Kaski's trustworthiness, and the share of true neighbours kept."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import SimpleNamespace

import numpy as np
import pytest

from core.cohort.query import CohortQuery, Filter
from core.errors import NotMeasured, TooFewPatients, UnknownName
from core.tme import layout, spaces
from core.tme.layout import faithfulness, judged
from data.store import Store

QUERY = CohortQuery(("synthetic_a",))


def test_trustworthiness_equals_sklearn() -> None:
    from sklearn.manifold import trustworthiness

    rng = np.random.default_rng(0)
    points = rng.normal(size=(300, 6))
    for picture in (points[:, :2] + 0.1 * rng.normal(size=(300, 2)), rng.normal(size=(300, 2))):
        for k in (5, 15):
            assert faithfulness(points, picture, k=k).trustworthiness == pytest.approx(trustworthiness(points, picture, n_neighbors=k), abs=1e-6)


def test_a_true_picture_is_trusted_and_a_random_one_is_not() -> None:
    rng = np.random.default_rng(1)
    points = rng.normal(size=(400, 2))
    same = faithfulness(points, 3 * points[:, ::-1])
    assert (same.trustworthiness, same.kept) == (1.0, 1.0)
    noise = faithfulness(points, rng.normal(size=(400, 2)))
    assert noise.kept == pytest.approx(noise.chance, abs=0.03)
    assert noise.trustworthiness == pytest.approx(0.5, abs=0.05)
    assert (noise.n, noise.of, noise.k) == (400, 400, 15)


def test_many_points_are_sampled_once_for_both_spaces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout, "MOST_EXACT", 200)
    points = np.random.default_rng(2).normal(size=(500, 2))
    found = faithfulness(points, points, seed=4)
    assert (found.n, found.of, found.kept) == (200, 500, 1.0)
    assert found == faithfulness(points, points, seed=4)
    with pytest.raises(TooFewPatients, match="6 are needed"):
        faithfulness(points[:5], points[:5])


def test_principal_components_keep_the_widest_directions() -> None:
    points = np.random.default_rng(3).normal(size=(200, 4)) * [1, 5, 2, 0.1]
    places = spaces.principal(points)
    assert abs(np.corrcoef(places[:, 0], points[:, 1])[0, 1]) > 0.99
    assert places.var(axis=0)[0] >= places.var(axis=0)[1]
    np.testing.assert_array_equal(places, spaces.principal(points))
    assert spaces.principal(points[:, :1]).shape == (200, 2)


def test_a_place_is_the_same_in_every_cohort(synthetic_store: Store) -> None:
    narrow = QUERY.with_filter(Filter("sex", "in", ("female",)))
    for how in ("umap", "pca"):
        whole = spaces.placed(synthetic_store, QUERY, layout=how)
        part = spaces.placed(synthetic_store, narrow, layout=how)
        assert 0 < part.height < whole.height
        joined = part.join(whole, on="patient_id", suffix="_whole")
        assert (joined["x"] == joined["x_whole"]).all()
        assert (joined["y"] == joined["y_whole"]).all()


def test_the_line_under_the_picture_states_n_and_chance(synthetic_store: Store) -> None:
    line = judged(synthetic_store, QUERY, layout="pca")
    assert "Principal components" in line
    assert "trustworthiness" in line
    assert "n = " in line
    assert "chance" in line
    assert "tme_signatures" not in line


def test_a_layout_that_is_not_installed_says_so(synthetic_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spaces, "find_spec", lambda name: None)
    assert "pacmap" not in spaces.layouts()
    with pytest.raises(UnknownName, match="pip install pacmap"):
        spaces.placed(synthetic_store, QUERY, layout="pacmap")
    with pytest.raises(UnknownName, match="umap or pca"):
        spaces.placed(synthetic_store, QUERY, layout="tsne")


@pytest.fixture
def pacmap(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[dict[str, object]]]:
    """A stand-in for the package, which writes down how it was called."""
    asked: list[dict[str, object]] = []

    class PaCMAP:
        def __init__(self, **options: object) -> None:
            asked.append(options)

        def fit_transform(self, points: np.ndarray, *, init: str) -> np.ndarray:  # type: ignore[type-arg]
            asked[-1] |= {"init": init, "dtype": points.dtype}
            return points[:, :2]

    monkeypatch.setitem(sys.modules, "pacmap", SimpleNamespace(PaCMAP=PaCMAP))  # type: ignore[arg-type]
    monkeypatch.setattr(spaces, "find_spec", lambda name: name == "pacmap" or None)
    spaces._picture.cache_clear()
    yield asked
    spaces._picture.cache_clear()


def test_pacmap_is_offered_where_it_is_installed_and_seeded(synthetic_store: Store, pacmap: list[dict[str, object]]) -> None:
    assert "pacmap" in spaces.layouts()
    found = spaces.placed(synthetic_store, QUERY, layout="pacmap")
    assert found["patient_id"].to_list() == spaces.placed(synthetic_store, QUERY, layout="umap")["patient_id"].to_list()
    assert pacmap == [{"n_components": 2, "random_state": 0, "init": "pca", "dtype": np.float32}]
    assert "PaCMAP against" in judged(synthetic_store, QUERY, layout="pacmap")


@pytest.mark.parametrize(("least", "most", "word"), [(10_000, 20_000, "leave synthetic_a out"), (6, 10, "pick UMAP or principal components")])
def test_pacmap_of_too_few_or_too_many_says_what_to_pick(
    synthetic_store: Store, pacmap: list[dict[str, object]], monkeypatch: pytest.MonkeyPatch, least: int, most: int, word: str
) -> None:
    monkeypatch.setattr(spaces, "LEAST_PACMAP", least)
    monkeypatch.setattr(spaces, "MOST_PACMAP", most)
    with pytest.raises(NotMeasured, match=word):
        spaces.placed(synthetic_store, QUERY, layout="pacmap")
    assert not pacmap

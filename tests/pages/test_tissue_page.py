"""The tissue page, without a browser, on the synthetic sections; and what it asks, on made-up sections."""

from __future__ import annotations

from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from core.cohort.query import CohortQuery
from core.errors import NotMeasured, UnknownName
from core.figures.spot_map import painted, spoken
from core.settings import Settings
from core.spatial import atlas
from core.spatial.section import GROUPINGS, colours, section_view, sections, spot_facts, unstable
from data.store import Store

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def store(synthetic_data_dir: Path) -> Store:
    return Store.open_current(Settings(data_dir=synthetic_data_dir).database_dir)


@pytest.fixture(scope="module")
def query(store: Store) -> CohortQuery:
    return CohortQuery((store.sql("SELECT study FROM spot WHERE kind = 'spot' ORDER BY 1 LIMIT 1")["study"][0],))


def words(test: AppTest) -> str:
    return " ".join(element.proto.body for element in test.get("html")).replace("\u00a0", " ")


def opened(synthetic_data_dir: Path, monkeypatch: pytest.MonkeyPatch, **params: str) -> AppTest:
    monkeypatch.setenv("TMESCOPE_DATA", str(synthetic_data_dir))
    test = AppTest.from_string("from pages.tme import spatial as module\nmodule.page()\n", default_timeout=60)
    for name, value in params.items():
        test.query_params[name] = value
    try:
        return test.run()
    finally:
        st.cache_resource.clear()


def test_the_page_opens_and_says_what_is_missing(synthetic_data_dir: Path, query: CohortQuery, monkeypatch: pytest.MonkeyPatch) -> None:
    test = opened(synthetic_data_dir, monkeypatch, study=query.studies[0])
    assert not test.exception
    said = words(test)
    assert 'class="answer"' in said
    assert "spots alone: no picture of it is published" in said
    assert "SYNTHETIC DATA" in said


def test_an_unknown_gene_and_a_stale_spot_are_said_calmly(synthetic_data_dir: Path, query: CohortQuery, monkeypatch: pytest.MonkeyPatch) -> None:
    test = opened(synthetic_data_dir, monkeypatch, study=query.studies[0], gene="NOSUCHGENE", spot="99x99")
    assert not test.exception
    assert "was not measured in section" in words(test)


def test_a_section_and_a_spot_that_are_not_there_are_named_with_what_to_do(synthetic_data_dir: Path, query: CohortQuery, monkeypatch: pytest.MonkeyPatch) -> None:
    study = query.studies[0]
    test = opened(synthetic_data_dir, monkeypatch, study=study, section=f"{study}:Z9", spot="99x99<b>")
    assert not test.exception
    said = words(test)
    assert f"The link asks for section &#x27;{study}:Z9&#x27;, which is not offered here" in said
    assert "has no spot '99x99&lt;b&gt;'. Click on a spot in the section" in said
    assert [button.label for button in test.button if "orget" in button.label] == ["Forget this spot"]


def test_unstable_groups_are_named_on_the_page_and_a_stable_grouping_comes_first(
    synthetic_data_dir: Path, store: Store, query: CohortQuery, monkeypatch: pytest.MonkeyPatch
) -> None:
    section = next(iter(sections(store, query)))
    offered = [name for name in colours(store, query, section=section) if name in GROUPINGS]
    at = {"study": query.studies[0], "section": section.partition(":")[2]}
    weak = {name: unstable(store, at, GROUPINGS[name][0]) for name in offered}
    shares = []
    for name in offered:
        view = section_view(store, query, section=section, colour=name)
        assert dict(view.unstable) == weak[name]
        grey = view.frame["value"].is_in(list(weak[name])).mean()
        shares.append(grey)
        test = opened(synthetic_data_dir, monkeypatch, study=query.studies[0], section=section, colour=name)
        assert not test.exception
        said = words(test)
        for group, stability in weak[name].items():
            assert f"{group} ({stability:.2f})" in said
        assert ("unstable (stability under 0.75" in said) == bool(weak[name])
    assert shares == sorted(shares)
    verdicts = atlas.groups(store, query, section=section)
    assert set(verdicts["verdict"]) <= {"stable", "unstable"}
    assert (verdicts["verdict"] == "unstable").sum() == sum(map(len, weak.values()))


def test_a_cohort_without_sections_names_one_that_has_them(store: Store) -> None:
    without = store.sql("SELECT study FROM patient WHERE study NOT IN (SELECT study FROM spot WHERE kind = 'spot') LIMIT 1")
    assert not without.is_empty(), "the simulator must give a study without sections"
    with pytest.raises(NotMeasured, match="section"):
        sections(store, CohortQuery((without["study"][0],)))


def test_every_colouring_paints_every_spot(store: Store, query: CohortQuery) -> None:
    section = next(iter(sections(store, query)))
    for colour in [*colours(store, query, section=section), "total"]:
        view = section_view(store, query, section=section, colour=colour)
        assert len(painted(view)) == len(spoken(view)) == view.n == view.frame.height
        assert view.picture is None
        assert view.radius > 0
        if view.kind == "category":
            assert set(view.frame["value"].drop_nulls()) <= set(view.levels)


def test_a_gene_a_section_a_colour_and_a_spot_that_are_not_there_are_named(store: Store, query: CohortQuery) -> None:
    section = next(iter(sections(store, query)))
    for call in (
        lambda: section_view(store, query, section="nowhere:Z9"),
        lambda: section_view(store, query, section=section, colour="gene:NOSUCHGENE"),
        lambda: section_view(store, query, section=section, colour="score:nonsense"),
        lambda: spot_facts(store, query, section=section, spot="1x1x1"),
    ):
        with pytest.raises(UnknownName):
            call()


def test_a_spot_says_what_it_is(store: Store, query: CohortQuery) -> None:
    section = next(iter(sections(store, query)))
    spot = section_view(store, query, section=section, colour="total").frame["spot_id"][0]
    facts = spot_facts(store, query, section=section, spot=spot)
    assert facts.square is None
    assert dict(facts.facts)["Position"].endswith("µm")
    assert facts.scores["above"].is_between(0, 1).all()


def test_a_section_has_groups_peaks_and_a_figure(store: Store, query: CohortQuery) -> None:
    section = next(iter(sections(store, query)))
    found = atlas.tissue(store, query, section=section, colour="total")
    assert f"{found.view.n:,} spots" in found.sentence
    assert found.charts[0].provenance.synthetic
    assert "SYNTHETIC" in found.charts[0].figure.to_json()
    assert atlas.groups(store, query, section=section)["n"].sum() == found.view.n
    assert atlas.peaks(store, query, section=section).columns[-1] == "p"

"""Every entry of every contents table keeps its contract; a file that no table lists fails.

A new study, predictor, statistic, figure or check is tested here without writing a test.
"""

from __future__ import annotations

import importlib
import inspect
import re
from pathlib import Path

import numpy as np
import pytest

import core.figures
import data.checks
import data.sources
import models
from data.schema import PROTOCOLS, TABLES

ROOT = Path(__file__).resolve().parents[1]
NOUNS = ("survival", "response", "markers", "tme", "cohort", "markers.cutoff", "spatial")
DOI = re.compile(r"10\.\d{4,9}/\S+")


def statistics() -> list[tuple[str, str]]:
    found = []
    for noun in NOUNS:
        table = getattr(importlib.import_module(f"core.{noun}"), "STATISTICS", {})
        found += [(f"{noun}: {name}", where) for name, where in table.items()]
    return found


def resolve(where: str) -> object:
    module, _, name = where.partition(":")
    return getattr(importlib.import_module(module), name)


@pytest.mark.parametrize("study", [*data.sources.MODULES, *data.sources.SYNTHETIC])
def test_source_declares_origin_licence_and_checksums(study: str) -> None:
    source = data.sources.source(study)
    assert source.study == study
    for text in (source.title, source.citation, source.licence, source.response_definition):
        assert text.strip()
    assert source.synthetic == (study in data.sources.SYNTHETIC)
    if source.synthetic:
        assert "ynthetic" in source.title
        assert source.files == ()
        return
    assert source.files
    for file in source.files:
        assert file.url.startswith("https://")
        assert re.search(r"/[0-9a-f]{40}/", file.url), f"{file.url} is not pinned to a commit"
        assert re.fullmatch(r"[0-9a-f]{64}", file.sha256)
        assert file.size_bytes > 0
        assert file.licence.strip()


@pytest.mark.parametrize("study", list(data.sources.SYNTHETIC))
def test_synthetic_source_fits_the_schema_and_repeats(study: str) -> None:
    source = data.sources.source(study)
    first, second = (source.load(data.sources.Files({})) for _ in range(2))
    for name, frame in first.tables.items():
        conformed = TABLES[name].conform(frame)
        assert conformed.equals(TABLES[name].conform(second.tables[name])), f"{study}.{name} differs between two runs"
    for one, two in zip(first.expression, second.expression, strict=True):
        assert one.values.dtype == np.float32
        assert one.values.shape == (len(one.genes), len(one.samples))
        assert len(one.patients) == len(one.samples)
        np.testing.assert_array_equal(one.values, two.values)


@pytest.mark.parametrize("name", [*models.MODULES, *models.EVALUATED])
def test_predictor_card_states_origin_and_limits(name: str) -> None:
    card = models.card(name)
    assert card.name == name
    assert card.kind in {"marker", "probability"}
    assert card.protocol in PROTOCOLS
    for text in (card.label, card.reference, card.licence, card.intended_use, card.limits):
        assert text.strip()
    assert card.inputs
    assert card.doi == "" or DOI.fullmatch(card.doi)
    if card.published_cut is not None:
        assert card.published_cut.source.strip()


@pytest.mark.parametrize(("name", "where"), statistics(), ids=lambda value: str(value))
def test_statistic_says_what_it_estimates_and_where_it_comes_from(name: str, where: str) -> None:
    function = resolve(where)
    assert callable(function)
    doc = inspect.getdoc(function) or ""
    module_doc = inspect.getmodule(function).__doc__ or ""  # type: ignore[union-attr]
    assert len(doc) > 80, f"{where} needs a docstring that names estimand, shapes and units"
    if name.split(":")[0] in {"survival", "response", "markers.cutoff"}:
        assert DOI.search(doc + module_doc), f"{where} cites no DOI"
    assert inspect.signature(function).return_annotation is not inspect.Signature.empty


@pytest.mark.parametrize(("name", "where"), list(core.figures.FIGURES.items()))
def test_figure_is_a_function_to_a_chart(name: str, where: str) -> None:
    function = resolve(where)
    assert callable(function)
    assert inspect.signature(function).return_annotation in {"Chart", core.figures.chart.Chart}
    assert "provenance" in inspect.signature(function).parameters
    assert inspect.getdoc(function), name


def test_there_are_at_least_25_kinds_of_checks_with_words() -> None:
    assert len(data.checks.CHECKS) >= 25
    for name, check in data.checks.CHECKS.items():
        assert check.title.strip(), name
        assert check.about.strip(), name


def listed_modules() -> set[str]:
    listed = {*data.sources.MODULES.values(), *data.sources.SYNTHETIC.values(), *models.MODULES.values(), *models.EVALUATED.values()}
    listed |= {where.partition(":")[0] for where in core.figures.FIGURES.values()}
    return listed


SUPPORT = {
    "data/sources": {
        "source",
        "simulated_patients",
        "simulated_tissue",
        "rda",
        "rda_frame",
        "predictior",
        "tcga_immune",
        "tcga_porpoise",
        "tcga_files",
        "her2st_files",
        "tcga_barcode",
        "tcga_slides",
    },
    "models/baselines": set(),
    "core/figures": {"chart", "theme", "words", "layout", "sparkline", "rows", "density", "map_points", "raster"},
}
"""Shared modules of a room that are no entry of its contents table."""


@pytest.mark.parametrize("room", list(SUPPORT))
def test_no_file_outside_the_contents_table(room: str) -> None:
    listed = listed_modules()
    for path in (ROOT / room).glob("*.py"):
        if path.stem == "__init__" or path.stem in SUPPORT[room]:
            continue
        assert f"{room.replace('/', '.')}.{path.stem}" in listed, f"{room}/{path.name} is in no contents table"


def test_every_table_says_what_it_is_and_every_column_has_a_label() -> None:
    for table in TABLES.values():
        assert table.about.strip()
        assert set(table.key) <= set(table.dtypes)
        for column in table.columns:
            assert column.label.strip(), f"{table.name}.{column.name}"
            if column.kind == "time":
                assert column.unit == "months", f"{table.name}.{column.name}"

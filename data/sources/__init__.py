"""Contents table of the studies: one file a study, one line here."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from functools import cache

from data.sources.source import Expression, Files, RemoteFile, Source, StudyTables

MODULES: Mapping[str, str] = {
    "imvigor210": "data.sources.imvigor210",
    "loris": "data.sources.loris",
    "liu2019": "data.sources.liu2019",
    "riaz2017": "data.sources.riaz2017",
    "hugo2016": "data.sources.hugo2016",
    "vanallen2015": "data.sources.vanallen2015",
    "nathanson2017": "data.sources.nathanson2017",
    "miao2018": "data.sources.miao2018",
    "snyder2017": "data.sources.snyder2017",
    "padron2022": "data.sources.padron2022",
    "samstein2019": "data.sources.samstein2019",
    "tcga": "data.sources.tcga",
    "her2st": "data.sources.her2st",
    "lung_mif": "data.sources.lung_mif",
    "wsi": "data.sources.wsi",
    "genesets": "data.sources.genesets",
}
"""Published studies, in the order in which people see them. `genesets` and `wsi` carry no patients of their own."""

SYNTHETIC: Mapping[str, str] = {
    "synthetic_a": "data.sources.simulate",
    "synthetic_b": "data.sources.simulate",
    "synthetic_c": "data.sources.simulate",
}
"""The embedded synthetic studies; each is a Source in `data.sources.simulate.SOURCES`."""


OVERLAPPING: tuple[frozenset[str], ...] = (frozenset({"loris", "samstein2019"}),)
"""Studies that share patients: a cohort of both would count people twice, so they are never pooled."""


@cache
def source(study: str) -> Source:
    """The SOURCE of a listed study (imports only that study's module)."""
    if study in SYNTHETIC:
        sources: Mapping[str, Source] = importlib.import_module(SYNTHETIC[study]).SOURCES
        return sources[study]
    module = importlib.import_module(MODULES[study])
    found: Source = module.SOURCE
    return found


__all__ = [
    "MODULES",
    "OVERLAPPING",
    "SYNTHETIC",
    "Expression",
    "Files",
    "RemoteFile",
    "Source",
    "StudyTables",
    "source",
]

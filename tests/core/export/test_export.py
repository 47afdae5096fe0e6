"""Exports: each file stands alone; pictures have the promised size and nothing lies over anything else."""

from __future__ import annotations

import itertools
import re
import shutil
import struct
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from core import figures
from core.errors import UnknownName
from core.export import MIME, export, filename, image
from core.export.page import SIDE, WIDTH, compose
from core.figures import Chart, Provenance
from core.finding import Finding
from core.response import forest_table
from core.survival import kaplan_meier

PROVENANCE = Provenance(
    cohort="Trial A (TMB ≥ 10)", n=3, n_missing=2, studies=("Somebody 2020",), database="abc123", software="0.1.0"
)
SAID = ("Overall survival", "Trial A (TMB ≥ 10)", "Somebody 2020", "abc123", "0.1.0")


def chart(*, synthetic: bool = False) -> Chart:
    rows = pl.DataFrame({"os_months": [1.0, 4.0, 9.0], "os_event": [True, False, True]})
    return figures.km(kaplan_meier(rows), provenance=replace(PROVENANCE, synthetic=synthetic))


def test_csv_says_what_it_is_and_reads_back() -> None:
    content = export(chart(synthetic=True), kind="csv").decode("utf-8")
    head = [line for line in content.splitlines() if line.startswith("#")]
    for said in (*SAID, "SYNTHETIC DATA", "n: 3; missing: 2"):
        assert any(said in line for line in head), said
    table = pl.read_csv(content.encode(), comment_prefix="#")
    assert table["survival"].to_list() == chart().table["survival"].to_list()
    assert "SYNTHETIC" not in export(chart(), kind="csv").decode("utf-8")


def test_csv_writes_lists_as_text() -> None:
    nested = replace(chart(), table=pl.DataFrame({"a": [["x", "y"], None]}))
    assert '"x; y"' in export(nested, kind="csv").decode() or "x; y" in export(nested, kind="csv").decode()


def test_html_needs_no_network() -> None:
    content = export(chart(synthetic=True), kind="html").decode("utf-8")
    for said in (*SAID, "SYNTHETIC DATA", 'lang="en"'):
        assert said in content, said
    assert not re.search(r"<(script|link)[^>]+(src|href)=", content)


def test_html_escapes_what_people_typed() -> None:
    evil = replace(chart(), title="<script>alert(1)</script>", alt='"><img src=x>')
    content = export(evil, kind="html").decode("utf-8")
    assert "<script>alert(1)" not in content
    assert "<img src=x>" not in content


def test_unknown_kind_names_the_kinds() -> None:
    with pytest.raises(UnknownName, match=r"'gif'.*png"):
        export(chart(), kind="gif")


def test_file_names() -> None:
    assert filename(chart(), "png") == "tmescope-survival-os.png"
    assert filename(chart(synthetic=True), "csv") == "tmescope-survival-os-synthetic.csv"
    assert set(MIME) == {"png", "svg", "pdf", "html", "csv"}


def test_no_browser_is_said_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(image.NoBrowser, match="install the package 'chromium'"):
        export(chart(), kind="png")
    monkeypatch.setenv("BROWSER_PATH", "/nowhere/chrome")
    with pytest.raises(image.NoBrowser, match="/nowhere/chrome"):
        image.browser()


def test_page_grows_only_for_rows_that_need_it() -> None:
    assert (compose(chart()).layout.width, compose(chart()).layout.height) == (WIDTH, 720)
    finding = Finding(name="AUC", statistic=0, p_value=1, effect=0.6, ci95=(0.5, 0.7), n=10)
    tall = figures.forest(forest_table([(f"c{i}", "TMB", finding, "") for i in range(40)]), provenance=PROVENANCE)
    page = compose(tall)
    assert page.layout.height > 720
    room = page.layout.height - page.layout.margin.t - page.layout.margin.b
    assert room / 80 >= 20, "rows lie on one another"


def test_long_words_are_wrapped_under_the_figure() -> None:
    long = replace(chart(), title="A long title " * 14, caption="A sentence on the test. " * 20)
    page = compose(long)
    assert page.layout.title.text.count("<br>") >= 1
    foot = [a for a in page.layout.annotations if a.yshift is not None and a.yshift < -10 and a.y == 0]
    shifts = sorted(-a.yshift for a in foot)
    assert len(shifts) >= 3
    assert all(b - a >= 18 for a, b in itertools.pairwise(shifts))
    assert page.layout.margin.b >= shifts[-1] + 14
    assert all(page.layout.margin.l + a.xshift == SIDE for a in foot)


needs_browser = pytest.mark.skipif(
    not any(shutil.which(name) for name in image.BROWSERS), reason="no Chromium on this computer"
)


@needs_browser
@pytest.mark.browser
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("dark", [False, True])
def test_pictures(*, dark: bool) -> None:
    png = export(chart(), kind="png", dark=dark)
    assert png.startswith(b"\x89PNG")
    assert struct.unpack(">II", png[16:24]) == (2560, 1440)
    svg = export(chart(synthetic=True), kind="svg", dark=dark).decode("utf-8")
    plain = re.sub(r"<[^>]+>", "", svg).replace("\xa0", " ").replace("&nbsp;", " ")
    for said in (*SAID, "SYNTHETIC DATA", "Kaplan-Meier"):
        assert said in plain, said
    assert export(chart(), kind="pdf", dark=dark).startswith(b"%PDF")


def test_a_browser_that_ends_at_once_is_said_soon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "chromium"
    broken.write_text("#!/bin/sh\nexit 3\n", encoding="utf-8")
    broken.chmod(0o755)
    monkeypatch.setenv("BROWSER_PATH", str(broken))
    with pytest.raises(image.ExportFailed, match="the PNG could not be drawn"):
        export(chart(), kind="png")


@needs_browser
@pytest.mark.browser
@pytest.mark.filterwarnings("default")
def test_pictures_from_several_threads() -> None:
    with ThreadPoolExecutor(3) as pool:
        sizes = list(pool.map(lambda kind: len(export(chart(), kind=kind)), ["png", "svg", "png"]))
    assert sizes[0] == sizes[2]
    assert all(size > 10_000 for size in sizes)

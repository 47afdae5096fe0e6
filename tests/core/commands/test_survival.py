"""python -m core survival: the document, and what is said where the input is bad."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.__main__ import main

KEYS = ("file", "n", "n_missing", "events", "interval", "km", "medians", "follow_up", "at", "rmst", "tests", "pairwise", "cox", "cox_group", "ph_test", "notes")


def table(n: int = 60, **columns: list[Any]) -> dict[str, list[Any]]:
    rng = np.random.default_rng(7)
    made: dict[str, list[Any]] = {
        "t": rng.exponential(10, n).round(1).tolist(), "e": rng.integers(0, 2, n).tolist(), "g": rng.choice(["a", "b", "c"], n).tolist(),
        "s": rng.choice(["x", "y"], n).tolist(), "x": rng.normal(size=n).round(2).tolist(),
    }  # fmt: skip
    return {**made, **columns}


def ask(folder: Path, columns: dict[str, list[Any]], *options: str, capsys: Any) -> dict[str, Any]:
    """The document of the command, which must end well and hold no infinity and no nan."""
    path = folder / "t.csv"
    rows = [",".join(columns), *(",".join("" if v is None else str(v) for v in row) for row in zip(*columns.values(), strict=True))]
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    code = main(["survival", str(path), "--time", "t", "--event", "e", *options, "--json"])
    written = capsys.readouterr()
    assert code == 0, written.err
    document: dict[str, Any] = json.loads(written.out, parse_constant=lambda word: pytest.fail(f"{word} in the document"))
    assert "Traceback" not in written.err
    return document


def test_every_part_is_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = ask(tmp_path, table(), "--group", "g", "--strata", "s", "--covariates", "x,s", "--at", "5,10", "--horizon", "12", capsys=capsys)
    assert set(KEYS) <= set(found)
    assert [c["group"] for c in found["km"]] == ["a", "b", "c"]
    assert set(found["km"][0]) == {"group", "n", "n_events", "time", "at_risk", "events", "censored", "survival", "std_err", "std_err_log", "ci_low", "ci_high"}
    assert found["rmst"]["horizon"] == 12
    assert len(found["at"]) == 6
    assert set(found["tests"]) == {f"{kind}{s}" for kind in ("logrank", "gehan_wilcoxon", "tarone_ware", "peto", "fleming_harrington") for s in ("", "_stratified")}
    assert len(found["pairwise"]) == len(found["rmst"]["differences"]) == len(found["rmst"]["ratios"]) == 3
    assert set(found["cox"]) >= {"terms", "n", "events", "loglik_null", "loglik", "ties", "tests", "concordance", "notes"}
    assert set(found["cox"]["tests"]) == {"likelihood_ratio", "wald", "score"}
    assert found["ph_test"][-1]["term"] == "GLOBAL"
    assert found["n"] + found["n_missing"] == 60


def test_the_tables_for_people(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ask(tmp_path, table(), capsys=capsys)
    path = str(tmp_path / "t.csv")
    assert main(["survival", path, "--time", "t", "--event", "e", "--group", "g", "--at", "5"]) == 0
    shown = capsys.readouterr().out
    for words in ("Median", "Tests of equal survival", "Cox model (Efron)", "Proportional hazards", "Restricted mean up to"):
        assert words in shown
    assert "nan" not in shown


def test_no_option_changes_another(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plain = ask(tmp_path, table(), "--group", "g", capsys=capsys)
    more = ask(tmp_path, table(), "--group", "g", "--strata", "s", "--covariates", "x", "--at", "3", capsys=capsys)
    for part in ("km", "medians", "follow_up", "rmst", "pairwise"):
        assert plain[part] == more[part]
    assert plain["tests"]["logrank"] == more["tests"]["logrank"]
    assert plain["cox"] == plain["cox_group"]


def test_order_of_rows_does_not_matter(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    columns = table()
    order = np.random.default_rng(1).permutation(60)
    mixed = {name: [values[i] for i in order] for name, values in columns.items()}
    one, other = (ask(tmp_path, c, "--group", "g", "--covariates", "x,s", capsys=capsys) for c in (columns, mixed))
    assert one["km"] == other["km"]
    assert one["medians"] == other["medians"]
    for a, b in zip(one["cox"]["terms"], other["cox"]["terms"], strict=True):
        assert a["coef"] == pytest.approx(b["coef"], rel=1e-9)


def test_missing_values_are_counted_by_reason(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    columns = table()
    columns["t"][:6] = [None, "NA", -1, "inf", "-Inf", 3.0]
    columns["g"][5] = None
    columns["x"][10] = None
    found = ask(tmp_path, columns, "--group", "g", "--covariates", "x", capsys=capsys)
    assert (found["n"], found["n_missing"]) == (54, 6)
    assert found["cox"]["n"] == 54, "the model needs no group, but x"
    notes = " ".join(found["notes"])
    for words in ("2 rows without t, e", "2 rows with an infinite t", "1 row with a negative t", "1 row without g"):
        assert words in notes


def test_late_entry(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    columns = table()
    columns["t0"] = [round(t * 0.3, 2) for t in columns["t"]]
    columns["t0"][0] = columns["t"][0]
    found = ask(tmp_path, columns, "--group", "g", "--entry", "t0", "--covariates", "x", capsys=capsys)
    assert "1 patient enters observation at or after the end of follow-up" in " ".join(found["notes"])
    assert found["n_missing"] >= 1
    assert found["tests"]["logrank"]["p_value"] is not None
    assert found["cox"]["n"] == found["n"]


def test_a_landmark_starts_the_clock(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    columns = table()
    found = ask(tmp_path, columns, "--landmark", "5", capsys=capsys)
    assert found["n"] == sum(t > 5 for t in columns["t"])
    assert found["landmark"]["n_left_out"] == 60 - found["n"]
    assert found["n_missing"] == 0
    nobody = ask(tmp_path, columns, "--landmark", "1000", "--group", "g", capsys=capsys)
    assert (nobody["n"], nobody["km"], nobody["cox"], nobody["rmst"]) == (0, [], None, None)
    assert "time is counted from 1000" in " ".join(nobody["notes"])


def test_r_codes_of_events(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    columns = table()
    plain = ask(tmp_path, columns, capsys=capsys)
    one_two = ask(tmp_path, {**columns, "e": [v + 1 for v in columns["e"]]}, capsys=capsys)
    assert plain["km"] == one_two["km"]
    assert "2 is read as the event" in one_two["notes"][0]


def test_competing_events(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    columns = table(e=np.random.default_rng(2).integers(0, 3, 60).tolist())
    found = ask(tmp_path, columns, "--group", "g", "--strata", "s", "--endpoint", "competing", capsys=capsys)
    assert [(c["group"], c["cause"]) for c in found["incidence"]] == [(g, c) for g in "abc" for c in (1, 2)]
    assert [(t["cause"], t["stratified"], t["df"]) for t in found["gray"]] == [(1, False, 2), (2, False, 2), (1, True, 2), (2, True, 2)]
    for group, curve in zip("abc", found["km"], strict=True):
        total = sum(np.array(c["incidence"]) for c in found["incidence"] if c["group"] == group)
        np.testing.assert_allclose(total + np.array(curve["survival"]), 1)
    late = ask(tmp_path, {**columns, "t0": [-1.0] * 60}, "--group", "g", "--entry", "t0", "--endpoint", "competing", capsys=capsys)
    assert late["gray"] is None
    assert "who enter late" in " ".join(late["notes"])
    none = ask(tmp_path, table(e=[0] * 60), "--group", "g", "--endpoint", "competing", capsys=capsys)
    assert none["incidence"] == none["gray"] == []


BAD: dict[str, tuple[dict[str, list[Any]], str, tuple[str, ...]]] = {
    "no events": ({"e": [0] * 60}, "no events", ("cox_group", "ph_test")),
    "one group": ({"g": ["a"] * 60}, "one group", ("cox_group",)),
    "constant marker": ({"x": [1.0] * 60}, "x", ()),
    "all times missing": ({"t": [None] * 60}, "no row can be used", ("cox", "rmst", "follow_up")),
    "all groups missing": ({"g": [None] * 60}, "no row can be used", ("cox_group", "rmst")),
    "infinite times": ({"t": ["inf"] * 60}, "60 rows with an infinite t", ("cox", "rmst")),
    "negative times": ({"t": [-1.0] * 60}, "60 rows with a negative t", ("cox", "rmst")),
    "zero times": ({"t": [0.0] * 60}, "every time is 0", ("rmst",)),
    "infinite marker": ({"x": ["inf"] * 60}, "x", ()),
    "missing marker": ({"x": [None] * 60}, "x", ("cox", "ph_test")),
    "missing strata": ({"s": [None] * 60}, "", ("cox",)),
    "separated": ({"x": list(range(60)), "t": [float(60 - i) for i in range(60)], "e": [1] * 60}, "x", ()),
}


@pytest.mark.parametrize("case", list(BAD))
def test_bad_input_is_said_and_the_rest_is_there(case: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    columns, why, empty = BAD[case]
    found = ask(tmp_path, table(**columns), "--group", "g", "--strata", "s", "--covariates", "x", "--at", "5", capsys=capsys)
    assert set(KEYS) <= set(found)
    assert why in " ".join([*found["notes"], *(found["cox"] or {"notes": []})["notes"]])
    for part in empty:
        document = found[part]
        assert document is None or all(term["coef"] is None for term in document["terms"]), part
    if found["n"]:
        assert len(found["km"]) == len(found["medians"]) > 0
        assert found["follow_up"]["n"] == found["n"]


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_very_few_rows(n: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = ask(tmp_path, table(n), "--group", "g", "--covariates", "x", "--at", "1", capsys=capsys)
    assert found["n"] == n
    assert f"only {n} usable rows" in " ".join(found["notes"])
    assert sum(c["n"] for c in found["km"]) == n


def test_a_group_that_a_landmark_empties_is_not_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    columns = table(t=[1.0] * 20 + [9.0] * 40, g=["early"] * 20 + ["late", "other"] * 20)
    found = ask(tmp_path, columns, "--group", "g", "--landmark", "5", capsys=capsys)
    assert [c["group"] for c in found["km"]] == ["late", "other"]
    assert found["tests"]["logrank"]["df"] == 1


def test_numbers_that_are_labels_and_labels_with_commas(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = ask(tmp_path, table(g=[10, 2] * 30), "--group", "g", capsys=capsys)
    assert [c["group"] for c in found["km"]] == ["2", "10"]
    assert len(found["cox_group"]["terms"]) == 1


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["--time", "T1", "--event", "e"], "no column 'T1' (--time)"),
        (["--time", "t", "--event", "dead"], "no column 'dead' (--event)"),
        (["--time", "t", "--event", "e", "--group", "G2"], "no column 'G2' (--group)"),
        (["--time", "t", "--event", "e", "--covariates", "x,age"], "no column 'age' (--covariates)"),
        (["--time", "t", "--event", "e", "--strata", "site"], "no column 'site' (--strata)"),
        (["--time", "g", "--event", "e"], "line 2: g is"),
        (["--time", "t", "--event", "x"], "line 2: x is"),
        (["--time", "t", "--event", "e", "--at", "1,soon"], "not 'soon'"),
        (["--time", "t", "--event", "e", "--landmark", "-3"], "not -3"),
        (["--time", "t", "--event", "x", "--endpoint", "competing"], "write 0 (censored), 1, 2"),
    ],
)
def test_what_cannot_be_read_is_one_sentence(options: list[str], why: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ask(tmp_path, table(), capsys=capsys)
    assert main(["survival", str(tmp_path / "t.csv"), *options, "--json"]) == 1
    written = capsys.readouterr()
    assert why in json.loads(written.out)["error"]
    assert written.err.startswith("Error: ")
    assert written.err.count("\n") == 1


@pytest.mark.parametrize(("option", "value"), [("--horizon", "0"), ("--horizon", "-2"), ("--horizon", "nan"), ("--at", "-1"), ("--rho", "-1")])
def test_an_option_that_makes_no_sense_costs_its_part_alone(option: str, value: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = ask(tmp_path, table(), "--group", "g", f"{option}={value}", capsys=capsys)
    part = {"--horizon": "rmst", "--at": "at", "--rho": "tests"}[option]
    assert found[part] is None
    assert found["notes"]
    assert found["km"] and found["cox_group"]
    assert math.isfinite(found["cox_group"]["loglik"])


def test_a_file_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["survival", str(tmp_path / "no.csv"), "--time", "t", "--event", "e"]) == 1
    assert "there is no file" in capsys.readouterr().err


def test_notes_say_why_a_coefficient_is_null_and_keep_labels_as_they_are(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    x = table()["x"]
    columns = table(y=[2 * v for v in x], g=["12 months", "6 months"] * 30, x=[None, *x[1:]])
    columns["e"] = [0 if g == "12 months" else 1 for g in columns["g"]]
    notes = " ".join(ask(tmp_path, columns, "--group", "g", "--covariates", "x,y", "--horizon", "nan", capsys=capsys)["notes"])
    assert "Cox model: y is determined by x" in notes
    assert "Cox model: 1 row without a covariate or stratum left out" in notes
    assert "Cox model of the group: no events in group 12 months, the reference" in notes
    assert "the horizon must be above 0, not nan" in notes


def test_times_too_close_together_and_causes_too_large_are_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = ask(tmp_path, table(t=[1e-9 * (i + 1) for i in range(60)]), "--group", "g", capsys=capsys)
    assert "60 different times lie so close together that they count as 1" in " ".join(found["notes"])
    path = tmp_path / "huge.csv"
    path.write_text("t,e\n1,1e300\n2,0\n", encoding="utf-8")
    assert main(["survival", str(path), "--time", "t", "--event", "e", "--endpoint", "competing", "--json"]) == 1
    assert "e is '1e300'; write 0 (censored)" in json.loads(capsys.readouterr().out)["error"]


def test_without_a_usable_row_there_is_no_test(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = ask(tmp_path, table(t=[None] * 60), "--group", "g", capsys=capsys)
    assert found["tests"] is None and found["pairwise"] is None
    assert not any("in one group" in note for note in found["notes"])

"""The groups, clock and columns that the survival page compares by."""

from __future__ import annotations

import shutil
from pathlib import Path

import duckdb
import polars as pl
import pytest

from core.cohort.frame import patients
from core.cohort.query import CohortQuery, Filter
from core.errors import NotMeasured, TooFewPatients, UnknownName
from core.response.predicted import predicted
from core.response.stratified import QUESTION, stratified
from core.survival import hazard_ratio, kaplan_meier, logrank
from core.survival.closer import answer_of, columns
from core.survival.closer.compared import compared, reference_level
from core.survival.closer.difference import KINDS, difference, pairs, ratios
from data.schema import PATIENT
from data.store import Store

WHOLE = CohortQuery(("synthetic_a",))
ICB = WHOLE.with_filter(Filter("arm", "in", ("ICB",)))
MIXED = CohortQuery(("synthetic_c",), (Filter("arm", "in", ("ICB",)),))


@pytest.fixture(scope="module")
def truncated(synthetic_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Store:
    """The synthetic studies, with every second patient under observation from a quarter of their time on."""
    path = tmp_path_factory.mktemp("late") / "late.duckdb"
    shutil.copy(synthetic_path, path)
    with duckdb.connect(str(path)) as connection:
        connection.execute("UPDATE patient SET entry_months = os_months / 4 WHERE rowid % 2 = 0 AND os_months > 1")
    return Store(path)


def test_by_predictor_gives_the_groups_of_the_prediction(synthetic_store: Store) -> None:
    found, split = compared(synthetic_store, WHOLE, predictor="tmb"), predicted(synthetic_store, WHOLE, "tmb")
    assert found.labels == tuple(reversed(split.groups))
    assert found.reference == split.groups[0]
    assert found.whole.height == split.n
    assert dict(found.whole.select("patient_id", pl.col("group").cast(pl.String)).iter_rows()) == dict(
        split.frame.select("patient_id", "group").iter_rows()
    )
    assert found.inputs == ("tmb_per_mb",)


def test_by_column_counts_every_patient_once(synthetic_store: Store) -> None:
    people = patients(synthetic_store, ICB)
    for name in ("sex", "stage", "ecog", "phenotype"):
        found = compared(synthetic_store, ICB, compare=name)
        assert found.whole.height == people.height == found.everyone
        assert found.whole["group"].null_count() >= people[name].null_count()
        assert found.reference in found.labels
        assert found.predictor == ""


def test_numbers_are_split_and_flags_are_named(synthetic_store: Store) -> None:
    age = compared(synthetic_store, ICB, compare="age_years", split="tertiles")
    assert len(age.labels) == 3
    assert age.how == "tertiles"
    assert age.whole["score"].null_count() == 0
    assert compared(synthetic_store, ICB, compare="age_years", split="published").how == "median"
    flag = compared(synthetic_store, ICB, compare="prior_systemic_therapy")
    assert flag.labels == ("Prior systemic therapy: yes", "Prior systemic therapy: no")
    assert flag.reference.endswith("no")
    assert flag.whole["score"].null_count() == flag.whole.height


@pytest.mark.parametrize(
    ("kept", "expected"),
    [
        (["inflamed", "desert", "excluded"], "desert"), (["1", "0", "2"], "0"), (["yes", "no"], "no"), (["female", "male"], "male"),
        (["IV", "I", "II"], "I"), (["bladder", "kidney"], "bladder"), (["PD", "SD", "PR", "CR"], "PD"),
    ],
)  # fmt: skip
def test_the_reference_is_the_lowest_level_or_the_largest(kept: list[str], expected: str) -> None:
    assert reference_level(kept) == expected


def test_untreated_patients_are_compared_only_where_treatment_is_the_question(synthetic_store: Store) -> None:
    never = patients(synthetic_store, WHOLE).filter(pl.col("arm") == "control").height
    sex = compared(synthetic_store, WHOLE, compare="sex")
    assert f"{never} patients who never had ICB are left out." in sex.notes
    arm = compared(synthetic_store, WHOLE, compare="arm")
    assert arm.labels == ("ICB", "control")
    assert any("not given at random" in note for note in arm.notes)


def test_response_as_a_group_warns_of_time_that_cannot_be_lost(synthetic_store: Store) -> None:
    notes = compared(synthetic_store, ICB, compare="response").notes
    assert any("landmark" in note for note in notes)
    charts = stratified(synthetic_store, ICB, compare="response").charts
    assert len(charts) == 1, "a response rate by response says nothing"


def test_small_groups_are_left_out_and_counted(synthetic_store: Store) -> None:
    people = patients(synthetic_store, ICB)
    counts = people["sample_site"].drop_nulls().value_counts()
    found = compared(synthetic_store, ICB, compare="sample_site")
    large = counts.filter(pl.col("count") >= columns.FEWEST)
    assert len(found.labels) == min(large.height, columns.MOST_GROUPS)
    assert found.shown.height <= int(large["count"].sum())


def test_the_landmark_keeps_the_cut_and_moves_the_clock(synthetic_store: Store) -> None:
    start = compared(synthetic_store, ICB, predictor="tmb")
    later = compared(synthetic_store, ICB, predictor="tmb", landmark="6")
    assert later.labels == start.labels
    expected = start.shown.filter(pl.col("os_months") > 6)
    assert later.shown.height == expected.height
    assert later.shown["os_months"].to_list() == pytest.approx([t - 6 for t in expected["os_months"]])
    assert later.whole.height == start.whole.height
    caption = stratified(synthetic_store, ICB, predictor="tmb", landmark="6").charts[0].caption
    gone = start.shown.filter(pl.col("os_months") <= 6)
    died = int(gone["os_event"].sum())
    assert f"{died} with the event and {gone.height - died} last seen by then are left out" in caption


def test_strata_change_the_test_and_the_ratio(synthetic_store: Store) -> None:
    plain = compared(synthetic_store, MIXED, predictor="tmb", columns=("cancer_type",))
    assert difference(plain).name == "log-rank test"
    assert difference(plain).statistic == pytest.approx(logrank(plain.frame, outcome="os", by="group").statistic)
    layered = difference(plain, strata="cancer_type")
    assert layered.name == "log-rank test, stratified by cancer type"
    assert layered.statistic != pytest.approx(difference(plain).statistic)
    ratio = ratios(plain, strata="cancer_type")[0]
    assert ratio.effect != pytest.approx(hazard_ratio(plain.frame, outcome="os", by="group")[0].effect)
    sentence = stratified(synthetic_store, MIXED, predictor="tmb", strata="cancer_type").sentence
    assert "stratified by cancer type" in sentence
    assert f"HR {ratio.effect:.2f} (" in sentence


def test_one_stratum_changes_nothing(synthetic_store: Store) -> None:
    found = compared(synthetic_store, ICB, predictor="tmb", columns=("drug_class",))
    one = found.shown["drug_class"].n_unique()
    assert one == 1
    assert difference(found, strata="drug_class").statistic == pytest.approx(difference(found).statistic)
    assert ratios(found, strata="drug_class")[0].effect == pytest.approx(ratios(found)[0].effect)


@pytest.mark.parametrize("kind", list(KINDS))
def test_every_test_is_named_on_the_figure(synthetic_store: Store, kind: str) -> None:
    chart = stratified(synthetic_store, ICB, compare="phenotype", test=kind).charts[0]
    assert KINDS[kind].split("-")[0] in chart.caption
    warned = any("not after" in warning for warning in chart.warnings)
    assert warned == (kind != "logrank")


def test_pairs_are_corrected_and_two_groups_have_none(synthetic_store: Store) -> None:
    three = compared(synthetic_store, ICB, compare="phenotype")
    table = pairs(three)
    assert table.columns == ["comparison", "n", "p", "p_holm"]
    assert table.height == 3
    assert pairs(compared(synthetic_store, ICB, compare="sex")).is_empty()


def test_the_interval_changes_the_band_alone(synthetic_store: Store) -> None:
    one, two = (stratified(synthetic_store, ICB, predictor="tmb", interval=kind) for kind in ("log-log", "log"))
    assert one.sentence == two.sentence
    assert "(log)" in two.charts[0].caption
    assert one.charts[0].table["survival"].equals(two.charts[0].table["survival"])
    assert not one.charts[0].table["ci_low"].equals(two.charts[0].table["ci_low"])


def test_survival_at_times_is_that_of_the_curve(synthetic_store: Store) -> None:
    answer = stratified(synthetic_store, ICB, predictor="tmb")
    curves = kaplan_meier(compared(synthetic_store, ICB, predictor="tmb").frame, outcome="os", by="group")
    assert answer.question == QUESTION
    for row, curve in zip(answer.times.iter_rows(named=True), curves.curves, strict=True):
        assert row["group"] == curve.group
        survival, low, high = curve.at(12)
        assert row["at_12_months"] == f"{100 * survival:.0f}% ({100 * low:.0f} to {100 * high:.0f})"


def test_late_entry_is_honoured_and_said(truncated: Store, synthetic_store: Store) -> None:
    chart = stratified(truncated, ICB, predictor="tmb").charts[0]
    late = compared(truncated, ICB, predictor="tmb").shown.filter(pl.col("entry_months") > 0).height
    assert late > 10
    assert f"Left truncation: {late} patients entered observation after the start" in chart.caption
    before = stratified(synthetic_store, ICB, predictor="tmb").charts[0]
    assert "Left truncation" not in before.caption
    assert not chart.table["survival"].equals(before.table["survival"])


def test_a_question_by_column_is_asked_as_such(synthetic_store: Store) -> None:
    answer = stratified(synthetic_store, ICB, compare="phenotype")
    assert answer.question == "Does overall survival differ by immune phenotype?"
    assert "log-rank test over 3 groups" in answer.sentence
    two = stratified(synthetic_store, ICB, compare="sex").sentence
    assert "female against male: HR" in two


def test_no_events_and_one_group_are_sentences(synthetic_store: Store) -> None:
    alive = ICB.with_filter(Filter("os_event", "in", ("false",)))
    assert "no events" in stratified(synthetic_store, alive, compare="sex").sentence
    women = ICB.with_filter(Filter("sex", "in", ("female",)))
    assert "sex" not in columns.groupings(synthetic_store, women)
    with pytest.raises(TooFewPatients, match="fewer than two groups"):
        stratified(synthetic_store, women, compare="sex")


def test_wrong_names_are_named(synthetic_store: Store) -> None:
    with pytest.raises(UnknownName, match="shoe_size"):
        compared(synthetic_store, ICB, compare="shoe_size")
    with pytest.raises(UnknownName, match="7 months"):
        compared(synthetic_store, ICB, compare="sex", landmark="7")
    with pytest.raises(UnknownName, match="endpoint"):
        compared(synthetic_store, ICB, compare="sex", endpoint="happiness")
    with pytest.raises(UnknownName, match="test"):
        stratified(synthetic_store, ICB, compare="sex", test="student")
    with pytest.raises(UnknownName, match="interval"):
        stratified(synthetic_store, ICB, compare="sex", interval="wald")
    with pytest.raises(NotMeasured):
        compared(synthetic_store, ICB, compare="race")


def test_offered_columns_make_groups(synthetic_store: Store) -> None:
    offered = columns.groupings(synthetic_store, ICB)
    assert {"sex", "phenotype", "age_years", "stage"} <= set(offered)
    assert not {"patient_id", "study", "os_months", "treatment_year", "arm"} & set(offered)
    for name in offered:
        assert len(compared(synthetic_store, ICB, compare=name).labels) > 1, name
    for name in columns.default_covariates(synthetic_store, ICB):
        known = patients(synthetic_store, ICB)[name]
        assert known.null_count() <= 0.2 * known.len()
    assert columns.strata(synthetic_store, ICB)[""] == "None"


def test_stages_are_brought_to_four() -> None:
    stage = pl.Series("stage", ["IA", "IB2", "II", "IIIC1", "IV", "IVB", "I/II NOS", None, "IIA"])
    assert columns.collapsed("stage", stage).to_list() == ["I", "I", "II", "III", "IV", "IV", "I/II NOS", None, "II"]
    few = pl.Series("stage", ["IIIB", "IIIC"])
    assert columns.collapsed("stage", few).to_list() == ["IIIB", "IIIC"]
    assert columns.is_number("age_years")
    assert not columns.is_number("sex")
    assert PATIENT.column("stage").kind == "category"


def test_strata_that_are_the_groups_are_a_sentence(synthetic_store: Store) -> None:
    found = compared(synthetic_store, ICB, compare="sex")
    assert "each sex holds one group only" in difference(found, strata="sex").note
    assert stratified(synthetic_store, ICB, compare="sex", strata="sex").sentence.startswith("Cannot be told here")
    with pytest.raises(TooFewPatients) as raised:
        answer_of("constancy")(synthetic_store, ICB, compare="sex", strata="sex")
    assert " yes " not in str(raised.value)

"""Validation: the lock comes first, labels are read once, and every way around is refused with a sentence."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from core.cohort.query import CohortQuery, Filter
from core.errors import LedgerError, NotMeasured, Refused, UnknownName
from core.markers.cutoff import bench, comparator, lock, offered, shown, treatment
from core.markers.cutoff.admission import OUTCOMES, admission, canonical_marker, fixed_values, unit_differs
from core.markers.cutoff.ledger import Ledger, Record
from core.markers.cutoff.lock import Choice
from core.markers.cutoff.performance import best_youden, performance, performance_from, positive, retuned
from core.markers.cutoff.validation import labels, opened, told, validate, validations
from data.store import Store

A, B, C = (CohortQuery((f"synthetic_{name}",)) for name in "abc")
TMB = "clinical:tmb_per_mb"
USE = "Select patients for immunotherapy"


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger")


@pytest.fixture
def locked(synthetic_store: Store, ledger: Ledger) -> Record:
    return lock.lock(synthetic_store, A, Choice(marker=TMB), ledger=ledger, intended_use=USE)


Spy = list[tuple[str, Mapping[str, object]]]


@pytest.fixture
def spy(monkeypatch: pytest.MonkeyPatch) -> Iterator[Spy]:
    """Every statement that any store runs, with its parameters."""
    seen: Spy = []
    original: Callable[..., pl.DataFrame] = Store.sql

    def sql(self: Store, statement: str, params: Mapping[str, object] | None = None) -> pl.DataFrame:
        seen.append((statement, dict(params or {})))
        return original(self, statement, params)

    monkeypatch.setattr(Store, "sql", sql)
    yield seen


def outcomes_read(spy: Spy, study: str) -> list[str]:
    """Statements that name an outcome column and are not confined to other studies."""
    named = re.compile(r"\b(" + "|".join(OUTCOMES) + r")\b|SELECT \* FROM \"?patient")
    return [s for s, p in spy if named.search(s) and (study in p.get("studies", [study]) or p.get("study") == study)]  # type: ignore[operator]


def test_no_outcome_of_the_validation_cohort_is_read_before_the_lock(synthetic_store: Store, ledger: Ledger, spy: Spy) -> None:
    where = {"folder": str(ledger.folder)}
    choice = {"marker": TMB, "endpoint": "response", "rule": "youden", "direction": "high", "cut": None}
    offered.offered_markers(synthetic_store, A)
    offered.offered_endpoints(synthetic_store, A)
    bench.proposed(synthetic_store, A, **choice, **where, head="")  # type: ignore[arg-type]
    made = lock.lock(synthetic_store, A, Choice(marker=TMB), ledger=ledger, intended_use=USE)
    cohorts = offered.offered_cohorts(synthetic_store, lock=made.hash, **where, head="")
    assert set(cohorts) == {B.key(), C.key()}
    offered.admitted(synthetic_store, B, lock=made.hash, **where, head="")
    offered.comparators_of(synthetic_store, B, lock=made.hash, **where, head="")
    comparator.against(synthetic_store, B, lock=made, comparator="predictor:pdl1")
    shown.lock_facts(synthetic_store, lock=made.hash, **where, head="")
    assert outcomes_read(spy, "synthetic_a"), "the derivation reads its own outcomes, and the spy sees it"
    assert outcomes_read(spy, "synthetic_b") == []
    validate(synthetic_store, B, ledger=ledger, lock=made.hash)
    assert outcomes_read(spy, "synthetic_b"), "the validation reads them, after the lock"


def test_one_function_alone_reads_labels_and_takes_a_lock() -> None:
    room = Path(__file__).resolve().parents[4] / "core" / "markers" / "cutoff"
    for path in room.glob("*.py"):
        text = path.read_text(encoding="utf-8")
        readers = text.count("columns=LABELS")
        assert readers <= {"validation.py": 1, "lock.py": 1}.get(path.name, 0), f"{path.name} reads outcomes"


def test_labels_need_a_lock_of_the_ledger(synthetic_store: Store, ledger: Ledger, locked: Record) -> None:
    for name in ("", "0" * 64, "nonsense"):
        with pytest.raises(UnknownName, match="holds no locked record"):
            labels(synthetic_store, B, ledger=ledger, lock=name)
    tried = ledger.records("tried")[0]
    with pytest.raises(UnknownName):
        validate(synthetic_store, B, ledger=ledger, lock=tried.hash)
    with pytest.raises(UnknownName):
        validate(synthetic_store, B, ledger=Ledger(ledger.folder.parent / "other"), lock=locked.hash)


def test_a_lock_holds_all_that_was_tried_before_it(synthetic_store: Store, ledger: Ledger) -> None:
    for choice in (Choice(marker="clinical:nlr"), Choice(marker=TMB, endpoint="os", rule="maxstat"), Choice(marker=TMB)):
        lock.derived(synthetic_store, A, choice, ledger=ledger)
        lock.derived(synthetic_store, A, choice, ledger=ledger)
    made = lock.lock(synthetic_store, A, Choice(marker=TMB), ledger=ledger, intended_use=f"  {USE} ", who="A. Person")
    facts = made.content
    assert facts["tried"]["count"] == 3
    assert facts["tried"]["markers"] == 2
    assert (facts["intended_use"], facts["who"], facts["database"]) == (USE, "A. Person", synthetic_store.version)
    assert facts["n"] + facts["n_missing"] <= 240
    assert facts["optimism"]["youden"]["corrected"] is not None
    assert len(ledger.records("tried")) == 3
    again = lock.lock(synthetic_store, A, Choice(marker=TMB), ledger=ledger, intended_use=USE)
    assert again.hash == made.hash


def test_a_lock_needs_a_purpose(synthetic_store: Store, ledger: Ledger) -> None:
    with pytest.raises(Refused, match="for a purpose"):
        lock.lock(synthetic_store, A, Choice(marker=TMB), ledger=ledger, intended_use="  ")
    assert ledger.records("locked") == ()


def test_a_validation_stands(synthetic_store: Store, ledger: Ledger, locked: Record) -> None:
    first = validate(synthetic_store, B, ledger=ledger, lock=locked.short)
    again = validate(synthetic_store, B, ledger=ledger, lock=locked.hash)
    part = validate(synthetic_store, CohortQuery(("synthetic_b",), (Filter("sex", "in", ("male",)),)), ledger=ledger, lock=locked.hash)
    assert not first.repeated
    assert again.repeated
    assert part.repeated
    assert first.record.hash == again.record.hash == part.record.hash
    assert len(ledger.records("validated")) == 1
    assert "First and only" in told(first)
    assert "asking again computes nothing" in told(part)
    assert first.performance.n == first.record.content["n"]
    assert [v.record.hash for v in validations(ledger, locked.hash)] == [first.record.hash]


def test_the_stored_result_equals_the_labels(synthetic_store: Store, ledger: Ledger, locked: Record) -> None:
    found = validate(synthetic_store, B, ledger=ledger, lock=locked.hash)
    frame, _ = labels(synthetic_store, B, ledger=ledger, lock=locked.hash)
    anew = performance(frame, cut=float(locked.content["cut"]))
    assert json.loads(json.dumps(anew.document())) == json.loads(json.dumps(found.performance.document()))
    assert found.retuned.performance is not None
    assert found.retuned.performance.measure("youden")[0] >= found.performance.measure("youden")[0]


def test_an_overlapping_cohort_cannot_be_drawn_apart(synthetic_store: Store, ledger: Ledger, locked: Record) -> None:
    validate(synthetic_store, B, ledger=ledger, lock=locked.hash)
    with pytest.raises(Refused, match="already"):
        labels(synthetic_store, CohortQuery(("synthetic_b", "synthetic_c")), ledger=ledger, lock=locked.hash)


@pytest.mark.parametrize(
    ("query", "said"),
    [
        (A, "in the derivation cohort too"),
        (CohortQuery(("synthetic_a", "synthetic_b")), "in the derivation cohort too"),
        (CohortQuery(("synthetic_b",), (Filter("response", "in", ("true",)),)), "filtered by"),
        (CohortQuery(("synthetic_b",), (Filter("os_months", "ge", 6.0),)), "filtered by overall survival"),
    ],
)
def test_what_is_no_validation_cohort_is_refused(synthetic_store: Store, ledger: Ledger, locked: Record, query: CohortQuery, said: str) -> None:
    with pytest.raises(Refused, match=said):
        validate(synthetic_store, query, ledger=ledger, lock=locked.hash)
    assert ledger.records("validated") == ()


def test_a_cohort_on_which_it_was_tried_is_no_validation_cohort(synthetic_store: Store, ledger: Ledger, locked: Record) -> None:
    lock.derived(synthetic_store, CohortQuery(("synthetic_b",), (Filter("sex", "in", ("male",)),)), Choice(marker="predictor:tmb"), ledger=ledger)
    with pytest.raises(Refused, match="no longer a validation cohort"):
        validate(synthetic_store, B, ledger=ledger, lock=locked.hash)


def test_another_endpoint_tried_before_the_lock_counts_and_after_it_is_said(synthetic_store: Store, ledger: Ledger) -> None:
    lock.derived(synthetic_store, C, Choice(marker=TMB, endpoint="os", rule="median"), ledger=ledger)
    made = lock.lock(synthetic_store, A, Choice(marker=TMB), ledger=ledger, intended_use=USE)
    lock.derived(synthetic_store, B, Choice(marker=TMB, endpoint="os", rule="median"), ledger=ledger)
    with pytest.raises(Refused, match="for overall survival was tried on these patients"):
        validate(synthetic_store, C, ledger=ledger, lock=made.hash)
    found = validate(synthetic_store, B, ledger=ledger, lock=made.hash)
    assert any("also tried for overall survival" in note for note in found.record.content["notes"])


def test_a_lock_made_after_a_look_cannot_be_validated_there(synthetic_store: Store, ledger: Ledger, locked: Record) -> None:
    validate(synthetic_store, B, ledger=ledger, lock=locked.hash)
    second = lock.lock(synthetic_store, A, Choice(marker=TMB, rule="median"), ledger=ledger, intended_use=USE)
    with pytest.raises(Refused, match="read for an earlier lock"):
        validate(synthetic_store, B, ledger=ledger, lock=second.hash)
    assert validate(synthetic_store, C, ledger=ledger, lock=second.hash).performance.n > 0


def test_two_locks_made_before_any_look_can_both_be_validated(synthetic_store: Store, ledger: Ledger, locked: Record) -> None:
    second = lock.lock(synthetic_store, A, Choice(marker=TMB, rule="median"), ledger=ledger, intended_use=USE)
    validate(synthetic_store, B, ledger=ledger, lock=locked.hash)
    assert not validate(synthetic_store, B, ledger=ledger, lock=second.hash).repeated


def test_a_ledger_that_was_tampered_with_validates_nothing(synthetic_store: Store, ledger: Ledger, locked: Record) -> None:
    text = ledger.path.read_text(encoding="utf-8")
    ledger.path.write_text(text.replace(f'"cut":{locked.content["cut"]}', '"cut":9.99'), encoding="utf-8")
    with pytest.raises(LedgerError, match="was changed"):
        validate(synthetic_store, B, ledger=ledger, lock=locked.hash)


def test_nobody_with_the_endpoint_writes_nothing(synthetic_store: Store, ledger: Ledger, monkeypatch: pytest.MonkeyPatch, locked: Record) -> None:
    original = Store.patients

    def patients(self: Store, where: tuple[str, Mapping[str, object]], *, columns: object = None) -> pl.DataFrame:
        frame = original(self, where, columns=columns)  # type: ignore[arg-type]
        return frame.with_columns(pl.lit(None, dtype=pl.Boolean).alias("response")) if "response" in frame.columns else frame

    monkeypatch.setattr(Store, "patients", patients)
    with pytest.raises(NotMeasured, match="nothing was written"):
        validate(synthetic_store, B, ledger=ledger, lock=locked.hash)
    assert ledger.records("validated") == ()


def test_cross_fitted_scores_cannot_validate(synthetic_store: Store) -> None:
    with pytest.raises(NotMeasured, match="fitted on patients of this cohort"):
        fixed_values(_with_protocol(synthetic_store, "out_of_fold"), B, "predictor:elastic_net")


def _with_protocol(store: Store, protocol: str) -> Store:
    class Fixed(Store):
        def __init__(self) -> None:
            self._connection, self.path, self.query_seconds = store._connection, store.path, store.query_seconds

        def sql(self, statement: str, params: Mapping[str, object] | None = None) -> pl.DataFrame:
            if "protocol = ANY($fixed)" in statement:
                return super().sql(statement, {**dict(params or {}), "fixed": [f"not {protocol}"]})
            return super().sql(statement, params)

    return Fixed()


def test_a_gene_in_another_unit_is_refused(synthetic_store: Store, ledger: Ledger) -> None:
    assert "is in log2 TPM there and in counts here" in unit_differs(synthetic_store, A, C, marker="gene:CXCL13")
    made = lock.lock(synthetic_store, A, Choice(marker="gene:CXCL13"), ledger=ledger, intended_use=USE)
    with pytest.raises(Refused, match="the cut means nothing here"):
        validate(synthetic_store, C, ledger=ledger, lock=made.hash)


def test_one_marker_with_two_addresses_is_one() -> None:
    assert canonical_marker("predictor:tmb") == TMB
    assert canonical_marker("predictor:loris") == "predictor:loris"
    assert canonical_marker("gene:CD274") == "gene:CD274"


def test_the_overlap_is_shown(synthetic_store: Store, ledger: Ledger, locked: Record) -> None:
    found = admission(synthetic_store, B, state=ledger.state(), lock=locked)
    assert found.reasons == ()
    assert found.overlap is not None
    assert "0 have the id" in found.overlap.sentence
    assert found.n + found.n_missing == 200


def test_look_alikes_are_left_out_or_refuse_the_cohort(synthetic_store: Store, ledger: Ledger, locked: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    from core.markers.cutoff import admission as module

    original = module.shared_patients

    def few(a: pl.DataFrame, b: pl.DataFrame) -> object:
        copies = a.head(12).with_columns(patient_id=b["patient_id"].head(12))
        return original(a, pl.concat([copies, b.tail(b.height - 12)]))

    monkeypatch.setattr(module, "shared_patients", few)
    found = admission(synthetic_store, B, state=ledger.state(), lock=locked)
    assert found.reasons == ()
    assert len(found.left_out) == 12
    assert not set(found.left_out) & set(found.patients["patient_id"])
    assert "12 patients who look like" in " ".join(found.notes)
    monkeypatch.setattr(module, "MOST_ALIKE", 0.05)
    assert "more than the 5%" in admission(synthetic_store, B, state=ledger.state(), lock=locked).reasons[0]


def test_the_answer_and_its_figures(synthetic_store: Store, ledger: Ledger, locked: Record) -> None:
    validate(synthetic_store, B, ledger=ledger, lock=locked.hash)
    where = {"folder": str(ledger.folder), "head": ""}
    found = shown.validated(synthetic_store, lock=locked.hash, cohort=B.key(), **where)
    assert found.sentence.split(":")[0] in {"Yes, better than chance", "Not shown", "No, the reverse"}
    slugs = [chart.slug for chart in found.charts]
    assert slugs[:2] == ["locked-cut-off", "locked-two-by-two"]
    assert {"locked-os", "locked-pfs"} <= set(slugs)
    claims = found.charts[0].table
    assert set(claims["claim"]) == {"validated", "derivation", "retuned"}
    values = shown.at_prevalence(synthetic_store, lock=locked.hash, cohort=B.key(), prevalence=0.2, **where)
    assert "20%" in values.alt
    with pytest.raises(NotMeasured, match="was not validated on these"):
        shown.validated(synthetic_store, lock=locked.hash, cohort=C.key(), **where)


def test_predictive_or_prognostic_counts_as_a_try(synthetic_store: Store, ledger: Ledger) -> None:
    found = treatment.modification(synthetic_store, A, marker=TMB, cut=10.0, folder=str(ledger.folder))
    assert "n = " in found.sentence
    assert found.charts[0].provenance.synthetic
    assert [r.content["rule"] for r in ledger.records("tried")] == ["interaction"]
    treatment.modification(synthetic_store, A, marker=TMB, cut=10.0, folder=str(ledger.folder))
    assert len(ledger.records("tried")) == 1
    icb = CohortQuery(("synthetic_a",), (Filter("arm", "in", ("ICB",)),))
    data = treatment.compared(synthetic_store, icb, marker=TMB)
    assert data.added == 96
    assert not data.randomised


# ---- arrays


def table(n: int = 60, *, seed: int = 3) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    value = rng.normal(size=n)
    response = rng.random(n) < 1 / (1 + np.exp(-value))
    months = rng.exponential(12, n) * np.exp(0.5 * value)
    return pl.DataFrame({"value": value, "response": response, "os_months": months, "os_event": rng.random(n) < 0.7})


def test_a_fixed_cut_counts_as_it_must() -> None:
    frame = pl.DataFrame({"value": [1.0, 2.0, 3.0, 4.0, None], "response": [False, True, False, True, True]})
    found = performance(frame, cut=3.0)
    assert found.cells == (1, 1, 1, 1)
    assert (found.n, found.positives, found.n_missing) == (4, 2, 1)
    low = performance(frame, cut=3.0, direction="low")
    assert low.positives == 2
    assert low.cells == (1, 1, 1, 1)
    assert list(positive([2.0, 3.0, np.nan], cut=3.0, direction="low"))[:2] == [1.0, 0.0]


def test_the_direction_turns_auc_and_hazard_ratio_round() -> None:
    frame = table()
    high, low = performance(frame, cut=0.1), performance(frame, cut=0.1, direction="low")
    assert high.measure("auc")[0] == pytest.approx(1 - low.measure("auc")[0])
    assert high.survival["hazard_ratio"][0] == pytest.approx(1 / low.survival["hazard_ratio"][0])
    assert high.measure("youden")[0] == pytest.approx(-low.measure("youden")[0])


def test_a_performance_is_read_back_as_it_was() -> None:
    found = performance(table(), cut=0.0)
    back = performance_from(json.loads(json.dumps(found.document())))
    assert back.measures.equals(found.measures)
    assert back.survival.equals(found.survival)
    assert (back.cells, back.n, back.notes) == (found.cells, found.n, found.notes)


def test_retuning_never_claims_less() -> None:
    for seed in range(8):
        frame = table(seed=seed)
        claim = retuned(frame, direction="high", endpoint="response")
        assert claim.performance is not None
        for cut in np.quantile(frame["value"].to_numpy(), [0.2, 0.5, 0.8]):
            assert claim.performance.measure("youden")[0] >= performance(frame, cut=float(cut)).measure("youden")[0] - 1e-12


def test_the_best_youden_equals_a_search_by_hand() -> None:
    frame = table(40)
    value, response = frame["value"].to_numpy(), frame["response"].cast(pl.Float64).to_numpy()
    cuts = np.unique(value)[1:]
    j = [performance(frame, cut=float(c)).measure("youden")[0] for c in cuts]
    assert best_youden(value, response, direction="high") == cuts[int(np.argmax(j))]


@pytest.mark.parametrize(
    ("frame", "cut", "said"),
    [
        (table().with_columns(pl.lit(None, dtype=pl.Boolean).alias("response")), 0.0, "response of nobody"),
        (table(), 99.0, "every patient is marker-negative"),
        (table(), -99.0, "every patient is marker-positive"),
        (table().with_columns(pl.lit(True).alias("response")), 0.0, "no non-responders"),
        (table().with_columns(pl.lit(None, dtype=pl.Float64).alias("value")), 0.0, "no patient has the marker"),
    ],
)
def test_what_a_cut_cannot_give_is_said(frame: pl.DataFrame, cut: float, said: str) -> None:
    found = performance(frame, cut=cut)
    assert said in " ".join(found.notes)
    assert not np.isinf(found.measures.select("estimate", "ci_low", "ci_high").to_numpy().astype(float)).any()


def test_no_events_and_no_finite_cut() -> None:
    found = performance(table().with_columns(pl.lit(False).alias("os_event")), cut=0.0)
    assert found.survival["hazard_ratio"][0] is None
    assert "no events" in found.survival["note"][0]
    with pytest.raises(NotMeasured, match="divides nobody"):
        performance(table(), cut=float("nan"))
    constant = table().with_columns(pl.lit(1.0).alias("value"))
    assert retuned(constant, direction="high", endpoint="response").performance is None
    assert retuned(constant, direction="high", endpoint="os").performance is None


def test_a_score_that_is_no_probability_has_no_calibration() -> None:
    assert performance(table(), cut=0.0).calibration == {}
    probability = table().with_columns((1 / (1 + (-pl.col("value")).exp())).alias("value"))
    found = performance(probability, cut=0.5, probability=True).calibration
    assert 0 <= float(found["ece"] or 0) <= 1
    outside = performance(table(), cut=0.0, probability=True)
    assert "not a probability" in " ".join(outside.notes)


def test_a_record_opens_without_the_database(synthetic_store: Store, ledger: Ledger, locked: Record) -> None:
    found = validate(synthetic_store, B, ledger=ledger, lock=locked.hash)
    record = Ledger(ledger.folder).find(found.record.hash)
    assert opened(record, locked).performance.measures.equals(found.performance.measures)

"""python -m core scan: one document with the keys that programs read."""

from __future__ import annotations

import argparse
import contextlib
import json
from collections.abc import Iterator

import pytest

from core.commands import scan as command
from core.commands.report import Report, to_json
from core.errors import UnknownName
from core.settings import Settings
from data.store import Store


@pytest.fixture
def call(synthetic_store: Store, monkeypatch: pytest.MonkeyPatch) -> object:
    """Run the command on the synthetic studies."""

    @contextlib.contextmanager
    def opened(_: Settings) -> Iterator[Store]:
        yield synthetic_store

    monkeypatch.setattr(command, "opened", opened)
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)

    def run(*words: str) -> Report:
        return command.run(parser.parse_args(words), Settings.from_env())

    return run


def test_the_document_lists_markers_counts_and_shuffles(call) -> None:  # type: ignore[no-untyped-def]
    report = call("--study", "synthetic_a", "--outcome", "os", "--kinds", "clinical", "signature", "--top", "3", "--shuffles", "40")
    document = json.loads(to_json(report.document))
    assert len(document["markers"]) == 3
    assert {"marker", "effect", "ci_low", "ci_high", "p_value", "q_value", "n", "n_missing"} <= set(document["markers"][0])
    assert document["measure"] == "HR"
    assert document["permutation"]["shuffles"] == 40
    assert set(document["called"]) == {"0.05", "0.1"}
    assert document["tested"] >= 3
    assert any("exploratory" in note for note in report.notes)


def test_all_markers_and_several_studies(call) -> None:  # type: ignore[no-untyped-def]
    report = call("--study", "synthetic_a", "synthetic_b", "--kinds", "clinical", "--top", "0", "--covariates", "age_years")
    document = json.loads(to_json(report.document))
    assert len(document["cohorts"]) == 2
    assert len(document["markers"]) >= document["tested"]
    assert document["covariates"] == ["age_years"]


def test_wrong_counts_are_a_sentence(call) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(UnknownName, match="0 or more"):
        call("--study", "synthetic_a", "--top", "-1")

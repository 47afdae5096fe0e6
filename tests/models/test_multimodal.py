"""The multimodal model on made-up patients: shapes, masks, missing modalities, determinism, resuming, learning."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from models import fusion, heads, vocabulary
from models.card import ModelError
from models.config import Config, from_document
from models.finetune import finetune, response_loss
from models.inputs import Inputs
from models.multimodal import from_parts
from models.pretrain import contrast, coral, pretrain
from models.training import read, train
from models.wide import features
from tests.models.synthetic_patients import WORDS, patients

TINY = Config(dim=16, layers=2, heads=2, inner=16, gene_dim=2, dropout=0.1, pretrain_epochs=3, tune_epochs=2, patience=3, batch=32, seeds=1)


class Memory:
    """A checkpoint in memory that may stop the training after some passes."""

    def __init__(self, *, stop_after: int | None = None) -> None:
        self.kept: dict[str, npt.NDArray[np.float32]] | None = None
        self.stop_after = stop_after
        self.saved = 0

    def load(self) -> dict[str, npt.NDArray[np.float32]] | None:
        return self.kept

    def save(self, arrays: dict[str, npt.NDArray[np.float32]]) -> None:
        self.kept = {name: np.array(block) for name, block in arrays.items()}
        self.saved += 1
        if self.stop_after is not None and self.saved >= self.stop_after:
            raise KeyboardInterrupt


def same(a: dict[str, npt.NDArray[np.float32]], b: dict[str, npt.NDArray[np.float32]]) -> bool:
    return a.keys() == b.keys() and all(np.array_equal(a[name], b[name]) for name in a)


def test_vocabulary_and_config_survive_json() -> None:
    assert vocabulary.from_document(WORDS.document()) == WORDS
    assert from_document(TINY.document()) == TINY
    with pytest.raises(ModelError, match="does not know"):
        from_document({"dim": 16, "colour": 1})
    with pytest.raises(ModelError, match="not a model's vocabulary"):
        vocabulary.from_document({"sets": []})


def test_a_patient_is_read_alike_alone_and_among_others() -> None:
    inputs, labels = patients()
    model = train(inputs, labels, vocabulary=WORDS, config=replace(TINY, pretrain_epochs=0, tune_epochs=0))
    together = model.embed(inputs)
    for row in (3, 20, 90):  # no expression; almost nothing; everything
        alone = model.embed(inputs.take(np.array([row])))
        np.testing.assert_allclose(alone.vector[0], together.vector[row], atol=2e-5)
        np.testing.assert_allclose(alone.log_odds[0], together.log_odds[row], atol=2e-5)


def test_unknown_values_do_not_matter_and_known_ones_do() -> None:
    inputs, labels = patients()
    model = train(inputs, labels, vocabulary=WORDS, config=replace(TINY, pretrain_epochs=0, tune_epochs=0))
    row = np.array([90])
    base = model.embed(inputs.take(row))
    more = np.array(inputs.expression)
    more[90, 4] += 2.0
    assert not np.allclose(model.embed(replace(inputs, expression=more).take(row)).vector, base.vector)
    fewer = np.array(inputs.expression)
    fewer[90] = np.nan
    blind = model.embed(replace(inputs, expression=fewer).take(row))
    assert np.isfinite(blind.log_odds).all()
    assert base.seen[0].sum() - blind.seen[0].sum() == 1


def test_a_patient_of_whom_nothing_is_known_gets_nothing() -> None:
    inputs, labels = patients()
    model = train(inputs, labels, vocabulary=WORDS, config=replace(TINY, pretrain_epochs=0, tune_epochs=0))
    numbers = np.array(inputs.numbers)
    tenth = inputs.n // 10
    numbers[tenth] = np.nan
    found = model.embed(replace(inputs, numbers=numbers).take(np.array([tenth])))
    assert np.isnan(found.vector).all()
    assert np.isnan(found.log_odds).all()


def test_training_repeats_and_a_model_survives_its_parts() -> None:
    inputs, labels = patients()
    first, second = (train(inputs, labels, vocabulary=WORDS, config=TINY, seed=3) for _ in range(2))
    assert same(first.tensors(), second.tensors())
    again = from_parts(first.tensors(), first.document())
    np.testing.assert_array_equal(again.embed(inputs).log_odds, first.embed(inputs).log_odds)
    assert not same(first.tensors(), train(inputs, labels, vocabulary=WORDS, config=TINY, seed=4).tensors())
    assert first.meta["n_response"] == inputs.n


@pytest.mark.parametrize("stop_after", [1, 2])
def test_a_killed_training_goes_on_to_the_identical_result(stop_after: int) -> None:
    inputs, labels = patients()
    whole, _ = pretrain(inputs, vocabulary=WORDS, config=TINY, seed=1)
    memory = Memory(stop_after=stop_after)
    with pytest.raises(KeyboardInterrupt):
        pretrain(inputs, vocabulary=WORDS, config=TINY, seed=1, checkpoint=memory)
    memory.stop_after = None
    resumed, _ = pretrain(inputs, vocabulary=WORDS, config=TINY, seed=1, checkpoint=memory)
    assert same(whole, resumed)
    tuned, _ = finetune(inputs, labels, start=whole, vocabulary=WORDS, config=TINY, seed=1)
    memory = Memory(stop_after=1)
    with pytest.raises(KeyboardInterrupt):
        finetune(inputs, labels, start=whole, vocabulary=WORDS, config=TINY, seed=1, checkpoint=memory)
    memory.stop_after = None
    assert same(tuned, finetune(inputs, labels, start=whole, vocabulary=WORDS, config=TINY, seed=1, checkpoint=memory)[0])


def test_pretraining_sees_no_outcome() -> None:
    inputs, _ = patients()
    found, told = pretrain(inputs, vocabulary=WORDS, config=replace(TINY, pretrain_epochs=6), seed=0)
    assert told["loss"] < told["loss_start"]
    assert not any(name.startswith("head.") for name in found)


def test_the_heads_find_the_planted_signal_and_a_left_out_cohort_is_predicted() -> None:
    inputs, labels = patients(400, seed=5)
    cohort = np.asarray(inputs.cohorts)
    kept, left = np.flatnonzero(cohort != "c0"), np.flatnonzero(cohort == "c0")
    model = train(inputs.take(kept), labels.take(kept), vocabulary=WORDS, config=replace(TINY, pretrain_epochs=1, tune_epochs=0))
    score = model.embed(inputs.take(left)).log_odds
    assert heads.auc(score, labels.response[left] > 0) > 0.65
    shuffled = replace(labels, response=np.random.default_rng(0).permutation(labels.response))
    blind = train(inputs.take(kept), shuffled.take(kept), vocabulary=WORDS, config=replace(TINY, pretrain_epochs=1, tune_epochs=0))
    assert heads.auc(blind.embed(inputs.take(left)).log_odds, labels.response[left] > 0) < 0.65


def test_response_function_equals_the_embedding_and_is_differentiable() -> None:
    inputs, labels = patients()
    model = train(inputs, labels, vocabulary=WORDS, config=replace(TINY, seeds=2, tune_epochs=1))
    values = model.dense(inputs)
    values["expression"].requires_grad_(True)
    found = [model.response_function(member)(values) for member in range(2)]
    mean = (found[0] + found[1]).detach().numpy() / 2
    expected = model.embed(inputs).log_odds
    told = np.isfinite(expected)
    np.testing.assert_allclose(mean[told], expected[told], atol=1e-4)
    found[0].sum().backward()  # type: ignore[no-untyped-call]
    assert values["expression"].grad is not None
    assert np.isfinite(values["expression"].grad.numpy()).all()


def test_attention_is_a_share_of_known_tokens() -> None:
    inputs, labels = patients()
    model = train(inputs, labels, vocabulary=WORDS, config=replace(TINY, pretrain_epochs=0, tune_epochs=0))
    seen = fusion.forward(fusion.tensors(model.members[0]), model.dense(inputs), vocabulary=WORDS, config=TINY, attention=True)
    assert seen.attention is not None
    share = seen.attention.numpy()
    assert share.shape == (inputs.n, len(seen.names))
    assert (share.sum(axis=1) <= 1 + 1e-5).all()
    assert (share[~seen.known.numpy()] == 0).all()


def test_losses_of_adaptation_and_contrast() -> None:
    import torch

    torch.manual_seed(0)
    x = torch.randn(60, 8)
    cohort = np.repeat([0, 1], 30)
    moved = x + torch.from_numpy(cohort)[:, None] * 3.0
    assert float(coral(moved, cohort)) > 5 * float(coral(x, cohort))
    assert float(coral(x, np.arange(60))) == 0.0
    assert float(contrast(x, x, temperature=0.2)) < float(contrast(x, torch.randn(60, 8), temperature=0.2))
    none = {"response": torch.full((60,), float("nan")), "cohort": torch.zeros(60, dtype=torch.long)}
    assert float(response_loss({"head.response": torch.zeros(8), "head.response_cohort": torch.zeros(1)}, x, none)) == 0.0


def test_bad_inputs_are_refused_in_words() -> None:
    inputs, labels = patients()
    with pytest.raises(ModelError, match="infinite"):
        replace(inputs, numbers=np.full_like(inputs.numbers, np.inf)).check(WORDS)
    with pytest.raises(ModelError, match="shape"):
        replace(inputs, expression=inputs.expression[:, :3]).check(WORDS)
    with pytest.raises(ModelError, match="level number"):
        replace(inputs, categories=inputs.categories + 9).check(WORDS)
    with pytest.raises(ModelError, match="at least 20"):
        pretrain(inputs.take(np.arange(5)), vocabulary=WORDS, config=TINY)
    with pytest.raises(ModelError, match="known response"):
        finetune(inputs, labels.hidden(), start={}, vocabulary=WORDS, config=TINY)
    model = train(inputs, labels, vocabulary=WORDS, config=replace(TINY, pretrain_epochs=0, tune_epochs=0))
    parts = model.tensors()
    with pytest.raises(ModelError, match="shape"):
        from_parts({**parts, "0/genes": parts["0/genes"][:2]}, model.document())
    with pytest.raises(ModelError, match="lack"):
        from_parts({name: block for name, block in parts.items() if name != "0/genes"}, model.document())
    with pytest.raises(ModelError, match="not a multimodal"):
        from_parts(parts, {"kind": "other"})


def test_a_batch_that_does_not_fit_is_halved(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    import models.multimodal as room

    inputs, labels = patients()
    model = train(inputs, labels, vocabulary=WORDS, config=replace(TINY, pretrain_epochs=0, tune_epochs=0))
    expected = model.embed(inputs).log_odds
    real = room.dense

    def small_memory(part: Inputs, words: vocabulary.Vocabulary, *, device: str = "cpu") -> object:
        if part.n > 9:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return real(part, words, device=device)

    monkeypatch.setattr(room, "dense", small_memory)
    np.testing.assert_allclose(model.embed(inputs).log_odds, expected, atol=1e-5)


def test_heads_choose_among_written_candidates() -> None:
    inputs, labels = patients(300, seed=2, cohorts=5)
    weights = fusion.arrays(fusion.start(WORDS, TINY, seed=0))
    design = read(inputs, weights, vocabulary=WORDS, config=TINY)
    name, means = heads.choose(design, labels, features=features(WORDS))
    assert set(means) == set(heads.CANDIDATES)
    assert means[name] == max(means.values())
    assert 0.4 < min(means.values()) <= max(means.values()) < 1.0

"""Jobs: the same numbers in one process, in halved batches, in any company, and on two Ray actors."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest

from core.errors import BadModel
from core.pipeline.inputs import gather, vocabulary
from core.pipeline.jobs import Job, Vectors, run
from data.store import Store
from models.inputs import Inputs
from tests.models import stand_in

STAND_IN = "tests.models.stand_in"


@pytest.fixture(scope="module")
def inputs(synthetic_store: Store) -> Inputs:
    return gather(synthetic_store, vocabulary(synthetic_store), studies=["synthetic_a"])[0].take(np.arange(90))


@pytest.fixture(scope="module")
def job(synthetic_store: Store, inputs: Inputs) -> Job:
    model = stand_in.starting(vocabulary(synthetic_store), stand_in.features(inputs).shape[1])
    return Job(tensors=model.tensors(), document=model.document(), loader=f"{STAND_IN}:from_parts", batch=32)


def parts(inputs: Inputs, size: int = 25) -> list[Inputs]:
    return [inputs.take(np.arange(start, min(start + size, inputs.n))) for start in range(0, inputs.n, size)]


def joined(found: list[Vectors]) -> dict[str, np.ndarray]:
    return {f.name: np.concatenate([getattr(one, f.name) for one in found]) for f in fields(Vectors)}


def same(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> None:
    for name, values in a.items():
        np.testing.assert_array_equal(values, b[name], err_msg=name)


def changed(job: Job, **changes: object) -> Job:
    return Job(**{f.name: getattr(job, f.name) for f in fields(Job)} | changes)  # type: ignore[arg-type]


def test_company_does_not_matter(inputs: Inputs, job: Job) -> None:
    whole = joined(list(run(job, [inputs])))
    same(whole, joined(list(run(job, parts(inputs)))))
    order = np.random.default_rng(1).permutation(inputs.n)
    mixed = joined(list(run(job, [inputs.take(order)])))
    same({name: values[order] for name, values in whole.items()}, mixed)
    side_by_side = joined(list(run(changed(job, threads=3), parts(inputs, 40))))
    same(whole, side_by_side)
    alone = joined(list(run(job, [inputs.take(np.asarray([7]))])))
    same({name: values[[7]] for name, values in whole.items()}, alone)
    np.testing.assert_array_equal(whole["seen"], inputs.seen(stand_in.from_parts(job.tensors, job.document).words))


def test_out_of_memory_halves_the_batch_and_goes_on(inputs: Inputs, job: Job) -> None:
    said: list[str] = []
    starved = changed(job, loader=f"{STAND_IN}:starved", batch=64)
    found = joined(list(run(starved, parts(inputs), say=said.append)))
    np.testing.assert_allclose(found["vector"], joined(list(run(job, [inputs])))["vector"], atol=1e-6)
    assert said == ["out of memory on 'cpu': going on with 32 patients at a time", "out of memory on 'cpu': going on with 16 patients at a time"]


def test_memory_for_nobody_is_a_sentence(inputs: Inputs, job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object, **__: object) -> object:
        raise MemoryError

    monkeypatch.setattr(stand_in.Model, "embed", never)
    with pytest.raises(BadModel, match="choose --device cpu"):
        list(run(job, [inputs]))


def test_another_error_is_not_taken_for_lack_of_memory(inputs: Inputs, job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(*_: object, **__: object) -> object:
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    monkeypatch.setattr(stand_in.Model, "embed", wrong)
    with pytest.raises(RuntimeError, match="shapes"):
        list(run(job, [inputs]))


def test_a_device_that_is_not_there(inputs: Inputs, job: Job) -> None:
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        with pytest.raises(BadModel, match="choose --device cpu"):
            list(run(changed(job, device="cuda"), [inputs]))


def test_without_ray_the_remedy_is_named(inputs: Inputs, job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    with pytest.raises(BadModel, match=r"requirements-ray\.txt"):
        list(run(changed(job, actors=2), [inputs]))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_two_ray_actors_give_the_identical_result(inputs: Inputs, job: Job) -> None:
    import ray

    said: list[str] = []
    found = joined(list(run(changed(job, actors=2), parts(inputs, 11), say=said.append)))
    same(joined(list(run(job, [inputs]))), found)
    assert said[0].startswith("2 actors")
    assert not ray.is_initialized()

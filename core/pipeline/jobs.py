"""Jobs: one model run over many patients, in this process or on Ray actors, with the identical result.

A worker holds the model and takes patients part by part; parts come back in the order given. Every batch is filled up
to the same size, so that a patient's numbers do not depend on who else is in the batch, nor on which worker took it.
"""

from __future__ import annotations

import contextlib
import importlib
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields, replace
from functools import partial
from threading import Lock
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from core.errors import BadModel
from models.card import ModelError
from models.inputs import Inputs

LOADER = "models.multimodal:from_parts"
BATCH = 128
BATCH_ON_GPU = 1024
PART = 2048
"""Patients a part: what is finished, and kept, at a time."""

NO_TELEMETRY = "RAY_usage_stats_enabled"

Say = Callable[[str], None]
HowMany = int | Literal["auto"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Vectors:
    """What a model says of n patients.

    Attributes
    ----------
    vector : (n, d) float32. log_odds : (n,) of response. os_risk, pfs_risk : (n,) higher = sooner. subtype : (n, 6)
    probabilities of C1 to C6. seen : (n, modalities) bool.
    """

    vector: npt.NDArray[np.float32]
    log_odds: npt.NDArray[np.float64]
    os_risk: npt.NDArray[np.float64]
    pfs_risk: npt.NDArray[np.float64]
    subtype: npt.NDArray[np.float32]
    seen: npt.NDArray[np.bool_]

    def first(self, n: int) -> Vectors:
        """The first n patients."""
        return Vectors(**{f.name: getattr(self, f.name)[:n] for f in fields(self)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A model, and how it is run.

    Attributes
    ----------
    tensors, document : the model, as `models.bundle.load` gives it. loader : "module:name" that makes a model of them.
    batch : patients at a time; 0 = by the device. device : 'cpu', 'cuda' or ''; '' = an accelerator where there is one.
    threads : batches that a worker computes side by side; the result does not depend on it.
    actors : Ray actors; 0 = this process, 'auto' = one an accelerator, else one a pair of cores.
    address : of a running Ray cluster; '' = a small one on this machine, for this job.
    """

    tensors: Mapping[str, npt.NDArray[Any]]
    document: Mapping[str, Any]
    loader: str = LOADER
    batch: int = 0
    device: str = ""
    threads: int = 1
    actors: HowMany = 0
    address: str = ""


def run(job: Job, parts: Iterable[Inputs], *, say: Say | None = None) -> Iterator[Vectors]:
    """The model's answer for each part, in order: a crew for this alone.

    Raises
    ------
    BadModel
        The model does not fit its code, the memory holds not even one patient, Ray is not installed, or an actor died.
    """
    with session(job), crew(job, say=say) as workers:
        yield from workers.run(parts)


@contextlib.contextmanager
def crew(job: Job, *, say: Say | None = None) -> Iterator[Alone | Actors]:
    """Workers that hold the model until the end of the block: one in this process, or Ray actors inside a `session`."""
    workers: Alone | Actors = Alone(job, say=say) if job.actors == 0 else Actors(job, say=say)
    try:
        yield workers
    finally:
        workers.close()


@contextlib.contextmanager
def session(job: Job) -> Iterator[None]:
    """Ray, for as long as the block lasts, where the job asks for actors; one that runs already is left running."""
    if job.actors == 0 or (ray := _ray()).is_initialized():
        yield
        return
    _start(ray, job)
    try:
        yield
    finally:
        ray.shutdown()


class Worker:
    """Holds one model; `embed` answers for a part and tells what a person should know."""

    def __init__(self, tensors: Mapping[str, npt.NDArray[Any]], document: Mapping[str, Any], *, settings: Mapping[str, Any]) -> None:
        self.device = device_of(str(settings["device"]))
        self.batch = int(settings["batch"]) or (BATCH if self.device == "cpu" else BATCH_ON_GPU)
        self._lock = Lock()
        threads = int(settings["threads"]) if self.device == "cpu" else 1
        self._pool = ThreadPoolExecutor(threads, initializer=_one_thread) if threads > 1 else None
        _one_thread()
        try:
            self.model = resolve(str(settings["loader"]))(dict(tensors), dict(document))
        except (ModelError, IndexError, KeyError, TypeError, ValueError) as error:
            raise BadModel(f"the model does not fit the code that reads it ({error}); train it again, or update the software") from error

    def embed(self, part: Inputs) -> tuple[Vectors, list[str]]:
        """The model's answer for one part. A batch that does not fit the memory is halved until it does."""
        told: list[str] = []
        batches = [rows[start : start + self.batch] for rows in alike(part) for start in range(0, rows.size, self.batch)]
        if self._pool is None:
            made = [self._batch(part, rows, told) for rows in batches]
        else:
            made = list(self._pool.map(partial(self._batch, part, told=told), batches))
        order = np.argsort(np.concatenate(batches), kind="stable") if batches else np.empty(0, dtype=np.int64)
        return Vectors(**{f.name: np.concatenate([getattr(one, f.name) for one in made])[order] for f in fields(Vectors)}), told

    def close(self) -> None:
        """End its threads."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)

    def _batch(self, part: Inputs, rows: npt.NDArray[np.int64], told: list[str]) -> Vectors:
        """A batch, in pieces that fit; the last piece is filled up with its first patient."""
        made, start = [], 0
        while start < rows.size:
            size = self.batch
            own = rows[start : start + size]
            full = np.concatenate([own, np.repeat(own[:1], size - own.size)])
            try:
                made.append(_vectors(self.model.embed(part.take(full), batch=size, device=self.device)).first(own.size))
                start += size
            except ModelError as error:
                raise BadModel(str(error)) from error
            except (RuntimeError, MemoryError) as error:
                if not out_of_memory(error):
                    raise
                if size == 1:
                    raise BadModel(
                        f"the memory of the device '{self.device}' does not hold the model and one patient; free some, or choose --device cpu"
                    ) from error
                self._halve(size, told)
        return Vectors(**{f.name: np.concatenate([getattr(one, f.name) for one in made]) for f in fields(Vectors)})

    def _halve(self, size: int, told: list[str]) -> None:
        with self._lock:
            if self.batch == size:  # no other thread was quicker
                self.batch = size // 2
                told.append(f"out of memory on '{self.device}': going on with {self.batch:,} patients at a time")
        _release()


def alike(part: Inputs) -> list[npt.NDArray[np.int64]]:
    """Rows of patients with the same kinds of measurement, so that a batch reads only tokens that its patients have."""
    blocks = [(part.expression,), (part.mutated, part.copied), (part.slide, part.tiles)]
    has = np.column_stack([np.any([np.isfinite(block).any(axis=1) for block in kind], axis=0) for kind in blocks])
    code = np.unique(has, axis=0, return_inverse=True)[1].reshape(-1)
    return [np.flatnonzero(code == number) for number in range(int(code.max()) + 1 if code.size else 0)]


def out_of_memory(error: BaseException) -> bool:
    """Whether a device, or the machine, had no memory left."""
    text = str(error).lower()
    return isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError" or "out of memory" in text or "allocate memory" in text


def resolve(where: str) -> Callable[..., Any]:
    """What "module:name.name" names.

    Raises
    ------
    BadModel
        This installation has no such code.
    """
    module, _, names = where.partition(":")
    try:
        found: Any = importlib.import_module(module)
        for name in names.split("."):
            found = getattr(found, name)
    except (ImportError, AttributeError) as error:
        raise BadModel(f"the code of the model, {where}, cannot be had here ({error}); run: pip install -r requirements.txt") from error
    return found  # type: ignore[no-any-return]


class Alone:
    """One worker, in this process."""

    def __init__(self, job: Job, *, say: Say | None) -> None:
        self._worker = Worker(dict(job.tensors), dict(job.document), settings=_settings(job))
        self._say = say

    def run(self, parts: Iterable[Inputs]) -> Iterator[Vectors]:
        """The answers, in order."""
        for part in parts:
            yield _told(self._worker.embed(part), self._say)

    def close(self) -> None:
        """End its threads."""
        self._worker.close()


class Actors:
    """Ray actors with a worker each; parts are dealt out in turn, two in hand for each, and come back in order."""

    def __init__(self, job: Job, *, say: Say | None) -> None:
        self._ray, self._say = _ray(), say
        accelerators = int(self._ray.cluster_resources().get("GPU", 0))
        count = (accelerators or max(1, (os.cpu_count() or 1) // 2)) if job.actors == "auto" else int(job.actors)
        on_gpu = job.device in {"", "cuda"} and accelerators >= count
        _tell(say, f"{count} actors{', one an accelerator' if on_gpu else ''}")
        settings = _settings(replace(job, device="cuda" if on_gpu else "cpu"))
        model = [self._ray.put(dict(job.tensors)), self._ray.put(dict(job.document))]
        remote = self._ray.remote(Worker).options(num_cpus=0 if on_gpu else 1, num_gpus=1 if on_gpu else 0)
        self._actors = [remote.remote(*model, settings=settings) for _ in range(count)]

    def run(self, parts: Iterable[Inputs]) -> Iterator[Vectors]:
        """The answers, in order."""
        ray, count = self._ray, len(self._actors)
        waiting: deque[Any] = deque()
        try:
            for number, part in enumerate(parts):
                waiting.append(self._actors[number % count].embed.remote(part))
                if len(waiting) >= 2 * count:
                    yield _told(ray.get(waiting.popleft()), self._say)
            while waiting:
                yield _told(ray.get(waiting.popleft()), self._say)
        except ray.exceptions.RayTaskError as error:
            cause = error.cause
            raise cause if isinstance(cause, BadModel) else BadModel(f"an actor failed: {cause}; what was finished is kept") from error
        except ray.exceptions.RayError as error:
            raise BadModel(f"an actor was lost ({type(error).__name__}); what was finished is kept: run the same command again") from error

    def close(self) -> None:
        """End the actors."""
        for actor in self._actors:
            self._ray.kill(actor)


def _start(ray: Any, job: Job) -> None:
    """Join the cluster named, or start one that only this machine can reach, without dashboard and without telemetry."""
    os.environ[NO_TELEMETRY] = "0"
    quiet: dict[str, Any] = {"namespace": "local", "log_to_driver": False, "logging_level": "ERROR", "configure_logging": True}
    try:
        if job.address:
            ray.init(address=job.address, **quiet)
        else:
            cores = max(os.cpu_count() or 1, 1 if job.actors == "auto" else int(job.actors))
            ray.init(num_cpus=cores, include_dashboard=False, _node_ip_address="127.0.0.1", **quiet)
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        where = job.address or "on this machine"
        raise BadModel(f"Ray cannot be started {where} ({str(error).splitlines()[0]}); leave --actors out to work in this process") from error


def _ray() -> Any:
    os.environ.setdefault(NO_TELEMETRY, "0")
    try:
        import ray
    except ImportError as error:
        raise BadModel("Ray is not installed; run: pip install -r requirements-ray.txt, or leave --actors out") from error
    return ray


def _settings(job: Job) -> dict[str, Any]:
    return {"loader": job.loader, "batch": job.batch, "device": job.device, "threads": job.threads}


def _told(answer: tuple[Vectors, list[str]], say: Say | None) -> Vectors:
    found, told = answer
    for words in told:
        _tell(say, words)
    return found


def _tell(say: Say | None, words: str) -> None:
    if say is not None:
        say(words)


def _vectors(found: Any) -> Vectors:
    return Vectors(
        vector=np.asarray(found.vector, dtype=np.float32), log_odds=np.asarray(found.log_odds, dtype=np.float64),
        os_risk=np.asarray(found.os_risk, dtype=np.float64), pfs_risk=np.asarray(found.pfs_risk, dtype=np.float64),
        subtype=np.asarray(found.subtype, dtype=np.float32), seen=np.asarray(found.seen, dtype=bool),
    )  # fmt: skip


def device_of(asked: str) -> str:
    """The device asked for, or an accelerator where there is one."""
    if asked == "cpu":
        return "cpu"
    import torch

    if torch.cuda.is_available():
        return asked or "cuda"
    if asked:
        raise BadModel(f"there is no device '{asked}' here; choose --device cpu")
    return "cpu"


def _one_thread() -> None:
    """Batches run side by side, each on one thread: no sum is split, so the number of threads changes no digit."""
    import torch

    torch.set_num_threads(1)


def _release() -> None:
    import torch

    if torch.cuda.is_available():
        torch.cuda.empty_cache()

"""Inputs and labels of a multimodal model: what is known about each patient, as arrays. Unknown is nan or -1, never 0."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from models.card import ModelError
from models.vocabulary import MODALITIES, Vocabulary

Array32 = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """Patients as a vocabulary reads them; n patients.

    Attributes
    ----------
    patients, cohorts : (n,) ids; the cohort is what a patient's expression was standardised within.
    expression : (n, genes) z within the cohort, nan = not measured. membership : (sets, genes) which gene is in which set.
    numbers : (n, numbers) on the vocabulary's scale, nan = unknown. categories : (n, categories) level number, -1 = unknown.
    mutated : (n, mutated genes) 0 or 1, nan = not sequenced. copied : (n, copied genes) -2 to 2, nan = not measured.
    slide : (n, slide features) z within the cohort, nan = not measured. tiles : (n, tile_dim) slide embedding, nan = none.
    """

    patients: tuple[str, ...]
    cohorts: tuple[str, ...]
    expression: Array32
    membership: Bools
    numbers: Array32
    categories: Ints
    mutated: Array32
    copied: Array32
    slide: Array32
    tiles: Array32

    @property
    def n(self) -> int:
        return len(self.patients)

    def take(self, rows: npt.NDArray[np.integer] | npt.NDArray[np.bool_]) -> Inputs:
        """The chosen patients, in the order chosen."""
        index = np.flatnonzero(rows) if rows.dtype == bool else np.asarray(rows)
        changed: dict[str, Any] = {name: getattr(self, name)[index] for name in BLOCKS}
        changed |= {name: tuple(getattr(self, name)[i] for i in index) for name in ("patients", "cohorts")}
        return replace(self, **changed)

    def key(self) -> list[str]:
        """One hash a patient, (n,): equal when everything that a model reads about the patient is equal."""
        shared = hashlib.blake2b(np.packbits(self.membership).tobytes(), digest_size=8).digest()
        blocks = [np.ascontiguousarray(getattr(self, name)) for name in BLOCKS]
        made = []
        for row in range(self.n):
            digest = hashlib.blake2b(shared, digest_size=16)
            for block in blocks:
                digest.update(block[row].tobytes())
            made.append(digest.hexdigest())
        return made

    def check(self, vocabulary: Vocabulary) -> None:
        """Refuse arrays that the vocabulary cannot read.

        Raises
        ------
        ModelError
            A block of another width, an infinite value, or a level that does not exist.
        """
        widths = {
            "expression": len(vocabulary.genes), "numbers": len(vocabulary.numbers), "categories": len(vocabulary.categories),
            "mutated": len(vocabulary.mutated), "copied": len(vocabulary.copied), "slide": len(vocabulary.slide_features),
            "tiles": vocabulary.tile_dim,
        }  # fmt: skip
        for name, width in widths.items():
            block = getattr(self, name)
            if block.shape != (self.n, width):
                raise ModelError(f"{name} has shape {block.shape}; the model reads ({self.n}, {width})")
            if block.dtype != np.int64 and np.isinf(block).any():
                row = int(np.flatnonzero(np.isinf(block).any(axis=1))[0])
                raise ModelError(f"{name} of patient {self.patients[row]} holds an infinite value; correct it or leave it empty")
        if self.membership.shape != (len(vocabulary.sets), len(vocabulary.genes)):
            raise ModelError(f"gene-set membership has shape {self.membership.shape}; the model reads {(len(vocabulary.sets), len(vocabulary.genes))}")
        for j, category in enumerate(vocabulary.categories):
            column = self.categories[:, j]
            if column.size and (column.min() < -1 or column.max() >= len(category.levels)):
                raise ModelError(f"a level number of {category.name} is outside -1 to {len(category.levels) - 1}")

    def seen(self, vocabulary: Vocabulary) -> Bools:
        """(n, modalities) which kinds of measurement a patient has, in the order of MODALITIES."""
        has = np.zeros((self.n, len(MODALITIES)), dtype=bool)
        position = {name: number for number, name in enumerate(MODALITIES)}
        has[:, position["expression"]] = np.isfinite(self.expression).any(axis=1)
        has[:, position["pathology"]] = np.isfinite(self.slide).any(axis=1) | np.isfinite(self.tiles).any(axis=1)
        has[:, position["genome"]] = np.isfinite(self.mutated).any(axis=1) | np.isfinite(self.copied).any(axis=1)
        for j, number in enumerate(vocabulary.numbers):
            has[:, position[number.modality]] |= np.isfinite(self.numbers[:, j])
        for j, category in enumerate(vocabulary.categories):
            has[:, position[category.modality]] |= self.categories[:, j] >= 0
        return has


BLOCKS = ("expression", "numbers", "categories", "mutated", "copied", "slide", "tiles")


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """What happened to each patient; n patients, unknown is nan or -1.

    Attributes
    ----------
    response : (n,) 1 = response, 0 = none. os_months, os_event, pfs_months, pfs_event : (n,). subtype : (n,) 0-5 for C1-C6.
    treated : (n,) received a checkpoint inhibitor.
    """

    response: Array32
    os_months: Array32
    os_event: Array32
    pfs_months: Array32
    pfs_event: Array32
    subtype: Ints
    treated: Bools

    def take(self, rows: npt.NDArray[np.integer] | npt.NDArray[np.bool_]) -> Labels:
        """The chosen patients."""
        return Labels(**{f.name: getattr(self, f.name)[rows] for f in fields(self)})

    def hidden(self) -> Labels:
        """The same patients with every outcome unknown: what pre-training is given."""
        blank = {f.name: np.full_like(getattr(self, f.name), np.nan) for f in fields(self) if f.name not in {"subtype", "treated"}}
        return Labels(**blank, subtype=np.full_like(self.subtype, -1), treated=self.treated)

"""Joint ridge: one ridge over several kinds of measurement, each with the penalty that suited it alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from models.baselines.late_fusion import LEAST_TO_WEIGH, Member
from models.card import Card, ModelError
from models.outcome import Outcome
from models.ridge import Bools, Floats, Linear, rotate
from models.tuning import MOST_AXES

CARD = Card(
    name="joint_ridge",
    label="Joint ridge, a penalty for each kind of measurement",
    kind="probability",
    inputs=("a block of columns for each kind of measurement",),
    unit="log-odds of response, or log hazard",
    protocol="out_of_fold",
    reference="van de Wiel et al., Stat Med 2016 (group-wise ridge)",
    doi="10.1002/sim.6732",
    licence="own code",
    intended_use="The plainest model of all measurements together: what cross-modal attention has to beat.",
    limits="Effects add up. A kind of measurement that a patient lacks counts as average.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Joint:
    """A ridge over blocks: `back` turns scaled columns of a block into the columns that `linear` reads."""

    members: Mapping[str, Member]
    back: Mapping[str, Floats]
    linear: Linear

    def score(self, blocks: Mapping[str, Floats]) -> Floats:
        """(n,) log-odds or log hazards; blocks by the names of the training, nan = missing."""
        parts = [m.tuned.scale.apply(blocks[name]) @ self.back[name] for name, m in self.members.items()]
        return self.linear.score(np.hstack(parts))


def fuse(members: Mapping[str, Member], blocks: Mapping[str, Floats], outcome: Outcome) -> Joint:
    """One ridge on blocks whose members were fitted to the same patients.

    Parameters
    ----------
    members : see `late_fusion.member`; they give the scale and the penalty of each block. blocks : (n, p) each.

    Raises
    ------
    ModelError
        No block has a usable column.
    """
    used = {name: m for name, m in members.items() if m.tuned.scale.used.size}
    if not used:
        raise ModelError("a joint ridge has no block with a column that varies")
    known = np.column_stack([np.isfinite(blocks[name]).any(axis=1) for name in used])
    rows: Bools = np.asarray(known.all(axis=1), dtype=bool)
    if rows.sum() < LEAST_TO_WEIGH or not 0 < outcome.happened[rows].sum() < rows.sum():
        rows = np.asarray(known.any(axis=1), dtype=bool)
    columns, penalties, back = [], [], {}
    for name, member in used.items():
        z = member.tuned.scale.apply(blocks[name][rows])
        turned = rotate(z, np.ones(z.shape[1]), most=MOST_AXES)
        columns.append(turned.z / np.sqrt(z.shape[1]))
        back[name] = turned.back / np.sqrt(z.shape[1])
        penalties.append(np.full(turned.z.shape[1], member.tuned.penalty))
    linear = outcome.take(rows).ridge(np.hstack(columns), np.concatenate(penalties))
    return Joint(members=used, back=back, linear=linear)

"""Speakers: which trained model speaks about which cohort: one that never saw it, where there is one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import BadModel
from data.sources import OVERLAPPING
from models.bundle import Bundle, listed
from models.card import ModelError

if TYPE_CHECKING:
    from core.pipeline.inputs import Source

ASSETS = Path(__file__).resolve().parents[1] / "models" / "assets"
"""Models that come with the software."""
COMPARISON = ASSETS / "evaluation.json"
"""What `benchmarks/model.py --shipped --json` wrote about them beside simpler models."""
KIND = "multimodal"


@dataclass(frozen=True, slots=True, kw_only=True)
class Speaker:
    """The model that speaks about a cohort, and by which protocol its words may be judged.

    Attributes
    ----------
    protocol : 'external' (a model for which nothing was held back, and that never saw the cohort), 'leave_one_cohort_out'
        (one trained without it), or 'in_sample' (it trained every model that there is).
    """

    bundle: Bundle
    protocol: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Speakers:
    """The models at hand: the main one, and those trained without a cohort, newest first."""

    main: Bundle
    held_out: tuple[Bundle, ...] = ()

    def of(self, cohort: str) -> Speaker:
        """Who speaks about a cohort ('study/cohort')."""
        if unseen(self.main, cohort):
            return Speaker(bundle=self.main, protocol="external")
        for bundle in self.held_out:
            if unseen(bundle, cohort):
                return Speaker(bundle=bundle, protocol="leave_one_cohort_out")
        return Speaker(bundle=self.main, protocol="in_sample")


def speakers(folders: Sequence[Path]) -> Speakers | None:
    """The models of the first folder that holds any; None where none does.

    The main one is the newest that was trained without leaving a cohort out on purpose; beside it count models of its
    own training only (the same data and sizes).

    Raises
    ------
    BadModel
        A model in the folder is damaged or of a newer format.
    """
    for folder in folders:
        try:
            found = [bundle for bundle in listed([folder]) if bundle.document.get("kind", KIND) == KIND]
        except ModelError as error:
            raise BadModel(str(error)) from error
        except OSError as error:
            raise BadModel(f"the folder of models {folder} cannot be read ({error.strerror}); make it readable") from error
        if not found:
            continue
        newest = list(reversed(found))
        main = next((bundle for bundle in newest if not bundle.without), newest[0])
        family = main.document.get("family")
        return Speakers(
            main=main, held_out=tuple(b for b in newest if b is not main and b.without and b.document.get("family") == family)
        )
    return None


def identity(folders: Sequence[Path]) -> list[str]:
    """Names of the models that a build would use; a damaged folder is named as such, so that mending it changes the build."""
    try:
        found = speakers(folders)
    except BadModel as error:
        return [str(error)]
    return [] if found is None else [bundle.name for bundle in (found.main, *found.held_out)]


def comparison(path: Path = COMPARISON) -> str:
    """The stored comparison of models as text, "" where there is none: another one changes the build."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def unseen(bundle: Bundle, cohort: str) -> bool:
    """Whether a model read no patient of a cohort, nor of a study that is known to share patients with it."""
    if cohort in bundle.cohorts:
        return False
    study = cohort.partition("/")[0]
    read = {name.partition("/")[0] for name in bundle.cohorts}
    return not any(study in pair and (pair - {study}) & read for pair in OVERLAPPING)


def apart(source: Source, studies: Sequence[str]) -> list[str]:
    """The studies without those that share patients with another one of more known responses: nobody trains twice."""
    told = dict(source.sql("SELECT study, count(response) FROM patient GROUP BY study").iter_rows())
    barred = {min(pair, key=lambda study: (told.get(study, 0), study)) for pair in OVERLAPPING if pair <= set(studies)}
    return [study for study in studies if study not in barred]


def with_shared(studies: set[str]) -> set[str]:
    """Studies, and those that are known to share patients with them."""
    return studies.union(*(pair for pair in OVERLAPPING if pair & studies))


def words_of(cohorts: Iterable[str], everyone: Mapping[str, frozenset[str]]) -> str:
    """Cohorts in words, as table `prediction` names them: 'imvigor210, loris MSK1, tcga'.

    Parameters
    ----------
    everyone : cohorts ('study/cohort') of each study; a study all of whose cohorts are named goes by its own name.
    """
    named = set(cohorts)
    said: list[str] = []
    for cohort in sorted(named):
        study, _, part = cohort.partition("/")
        whole = everyone.get(study, frozenset())
        said.append(study if study == part or (whole and whole <= named) else f"{study} {part}")
    return ", ".join(dict.fromkeys(said))

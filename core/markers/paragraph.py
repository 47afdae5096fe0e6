"""Paragraph: a prediction in plain language, every number taken from a stored result and listed with where it stands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import polars as pl

from core.cohort.provenance import titles
from core.cohort.query import CohortQuery
from core.errors import NotMeasured
from core.figures import words
from core.markers import attribution
from core.markers.counterfactual import Counterfactual, chance, counterfactual
from core.markers.faithfulness import faithfulness
from core.markers.modality_share import LABELS, modality, modality_share, seen_of, unknown
from data.schema import PATIENT, PROTOCOLS
from data.store import Store
from models import card
from models.vocabulary import MODALITIES

STRONGEST = 3
MOST_MISSING = 4
ALMOST_ALL = 0.995


@dataclass(frozen=True, slots=True, kw_only=True)
class Paragraph:
    """Plain text, and its numbers.

    Attributes
    ----------
    facts : written (as in the text), value, source (table and column, and whose).
    """

    text: str
    facts: pl.DataFrame


@dataclass(slots=True)
class Writer:
    """Writes numbers and remembers where each came from."""

    rows: list[dict[str, object]] = field(default_factory=list)

    def say(self, value: float | None, write: Callable[[float], str], *, source: str) -> str:
        """A number in words, noted with its source."""
        if value is None:
            return words.UNDEFINED
        written = write(value)
        self.rows.append({"written": written, "value": float(value), "source": source})
        return written

    def count(self, value: int, noun: str = "patient", *, source: str) -> str:
        """A count with its noun, noted with its source."""
        return self.say(value, lambda v: words.count(int(v), noun), source=source)

    def facts(self) -> pl.DataFrame:
        """Every number said so far."""
        return pl.DataFrame(self.rows, schema={"written": pl.String, "value": pl.Float64, "source": pl.String})


def of_cohort(store: Store, query: CohortQuery, *, predictor: str) -> Paragraph:
    """What moves a predictor over a cohort, how good and how steady that is, and what it did not see.

    Raises
    ------
    UnknownName, NotMeasured, TooFewPatients
        As `core.markers.attribution.summary`.
    """
    writer = Writer()
    found = attribution.summary(store, query, predictor)
    rows = attribution.rows(store, query, predictor)
    names = titles(store)
    where = words.listing([names.get(study, study) for study in query.studies])
    how = "; ".join(PROTOCOLS[p] for p in found.protocols)
    parts = [
        f"In {where}{' (filtered)' if query.filters else ''}, {found.predictor_label} scores {writer.count(found.n, source='attribution: patients')} out of sample "
        f"({how})."
    ]
    if found.n_missing:
        unscored = found.n_missing - found.n_in_sample
        told = [f"{writer.count(unscored, source='patients without an out-of-sample score')} of the cohort {'has' if unscored == 1 else 'have'} no score"] if unscored else []
        told += [f"{writer.count(found.n_in_sample, source='patients who trained the model')} trained it and are left out"] if found.n_in_sample else []
        parts.append(f"{words.listing(told)}.")
    top = [
        f"{_inside(feature)} ({writer.say(mean, lambda v: f'{v:.2f}', source=f'attribution.shap of {feature}: mean absolute')})"
        for feature, mean in found.features.head(STRONGEST).select("feature", "mean_abs_shap").iter_rows()
    ]
    parts.append(f"Its log-odds are moved most by {words.listing(top)}, mean |SHAP| in brackets.")
    shares = modality_share(store, query, predictor=predictor)
    said = [
        f"{r['label'].lower()} {writer.say(r['share'], words.percent, source='attribution.shap: share of ' + r['modality'])} "
        f"({writer.say(r['ci_low'], words.percent, source='bootstrap of the same')} to {writer.say(r['ci_high'], words.percent, source='bootstrap of the same')})"
        for r in shares.table.sort("share", descending=True).iter_rows(named=True)
    ]
    parts.append(f"By kind of measurement, of all that moves it: {words.listing(said)} (95% CI).")
    writer.say(95, lambda v: f"{v:.0f}%", source="level of every interval")
    judged = found.features.drop_nulls("beats_null")
    if judged.height:
        beating = int(judged["beats_null"].sum())
        parts.append(
            f"{writer.say(beating, words.number, source='attribution_summary.beats_null: true')} of {writer.count(judged.height, 'feature', source='attribution_summary: features')} "
            "are stronger than in models refitted to shuffled responses; the others should not be read."
        )  # fmt: skip
    parts += _held(store, query, predictor, writer=writer)
    parts += _judged(store, query, predictor, writer=writer, protocols=found.protocols)
    parts += _unseen(store, rows, writer=writer, absent=shares.absent)
    parts.append("These are associations in the model, not causes, and no advice on treatment.")
    return Paragraph(text=" ".join(parts), facts=writer.facts())


def of_patient(store: Store, *, predictor: str, patient: str) -> Paragraph:
    """One patient's prediction, what moved it, what would flip it, and what the model did not see.

    Raises
    ------
    UnknownName, NotMeasured
        As `core.markers.attribution.waterfall`.
    """
    writer = Writer()
    found = attribution.waterfall(store, patient, predictor, top=STRONGEST)
    rows = store.sql(
        "SELECT * FROM attribution WHERE patient_id = $id AND predictor = $p AND protocol = $protocol",
        {"id": patient, "p": predictor, "protocol": found.protocol},
    )
    label = card(predictor).label
    parts = [
        f"Patient {patient.partition(':')[2]}: {label} predicts a chance of response of "
        f"{writer.say(chance(found.output), words.percent, source='attribution.output, as a probability')} "
        f"({PROTOCOLS.get(found.protocol, found.protocol)}); with typical values it would be "
        f"{writer.say(chance(found.base), words.percent, source='attribution.base, as a probability')}."
    ]
    up = [_moved(r, writer) for r in found.steps.iter_rows(named=True) if r["feature"] and r["shap"] > 0]
    down = [_moved(r, writer) for r in found.steps.iter_rows(named=True) if r["feature"] and r["shap"] < 0]
    if up:
        parts.append(f"Of the strongest features, {words.listing(up)} raise{'s' if len(up) == 1 else ''} it (log-odds).")
    if down:
        parts.append(f"{'And ' if up else 'Of the strongest features, '}{words.listing(down)} lower{'s' if len(down) == 1 else ''} it.")
    try:
        parts.append(sentence(counterfactual(store, patient, predictor), writer=writer))
    except NotMeasured:
        parts.append("What would flip the prediction was not computed.")
    seen = seen_of(store, rows).row(0, named=True)
    own = [kind for kind in MODALITIES if _of(rows, kind) and not seen[kind]]
    gone = unknown(store, rows).filter(pl.col("missing") > 0)["feature"].to_list()
    if own:
        parts.append(f"It saw no {words.listing([LABELS[k].lower() for k in own])} of this patient.")
    if gone:
        listed = [_inside(f) for f in gone[:MOST_MISSING]]
        rest = f" and {writer.say(len(gone) - MOST_MISSING, words.number, source='attribution: unknown features beyond those named')} more" if len(gone) > MOST_MISSING else ""
        parts.append(f"Not known of this patient: {', '.join(listed) if rest else words.listing(listed)}{rest}.")
    elif not own:
        parts.append("Every feature that it uses is known of this patient.")
    parts.append("This describes the model; it is no advice on treatment.")
    return Paragraph(text=" ".join(parts), facts=writer.facts())


def sentence(found: Counterfactual, *, writer: Writer | None = None) -> str:
    """What would flip a prediction, in one sentence."""
    book = writer if writer is not None else Writer()
    side = "up to" if found.upwards else "below"
    at = book.say(chance(found.threshold), words.percent, source="counterfactual.threshold, as a probability")
    if not found.flips:
        reach = ""
        if found.steps.height:
            reach = f"; the furthest is {book.say(chance(found.reached), words.percent, source='counterfactual.reached, as a probability')}"
        return f"No plausible change of up to three measured features takes the prediction {side} the cohort's median of {at}{reach}."
    steps = [f"{_inside(str(r['feature']))} from {_step(r, book)}" for r in found.steps.iter_rows(named=True)]
    size = book.say(found.size, words.number, source="counterfactual.change_sd: sum of absolute changes")
    far = "anybody" if found.place_after > ALMOST_ALL else f"{book.say(found.place_after, words.percent, source='counterfactual.place_after')} of the cohort"
    stands = "be like nobody in the cohort" if found.off_manifold else "not stand out"
    like = f"Such a patient would {stands} (farther from the nearest patients than {far})."
    return f"The smallest change that takes it {side} the cohort's median of {at}: {words.listing(steps)}, {size} SD in all. {like}"


def _step(row: dict[str, object], book: Writer) -> str:
    written = str(row["moved"])
    for name in ("value_from", "value_to"):
        value = row[name]
        if isinstance(value, (int, float)):
            book.say(float(value), words.number, source=f"counterfactual.{name} of {row['feature']}")
    return written


def _moved(row: dict[str, object], writer: Writer) -> str:
    shap = writer.say(float(str(row["shap"])), words.signed, source=f"attribution.shap of {row['feature']}")
    shown = str(row["shown"])
    if shown:
        writer.rows.append({"written": shown, "value": None, "source": f"patient.{row['feature']} or attribution.value"})
    return f"{_inside(str(row['feature']))}{f' of {shown}' if shown else ''} ({shap})"


def _inside(feature: str) -> str:
    """A feature inside a sentence."""
    label = attribution.feature_label(feature)
    return words.column(feature) if feature in PATIENT.dtypes else label


def _of(rows: pl.DataFrame, kind: str) -> list[str]:
    return [f for f in rows["feature"].unique(maintain_order=True) if modality(f) == kind]


def _held(store: Store, query: CohortQuery, predictor: str, *, writer: Writer) -> list[str]:
    try:
        found = faithfulness(store, query, predictor=predictor)
    except NotMeasured:
        return []
    source = f"attribution_measure of {found.cohort}"
    made = [
        f"On {found.cohort} ({writer.count(found.n, source=source + ': n')}), taking features away in the order of |SHAP| moves the output "
        f"{writer.say(found.deletion.value, words.ratio, source=source + ': deletion_ratio')} times as much as in a random order "
        f"({writer.say(found.deletion.low, words.ratio, source=source)} to {writer.say(found.deletion.high, words.ratio, source=source)})."
    ]
    if found.overlap is not None:
        over = "refits to bootstrap samples" if found.tau is not None and found.tau.detail == "refits" else "bootstrap samples of the patients"
        made.append(
            f"Of the {writer.say(int(found.overlap.detail), words.number, source=source + ': strongest features compared')} strongest features, "
            f"{writer.say(found.overlap.value, words.percent, source=source + ': top_overlap')} stay so over "
            f"{writer.say(found.overlap.n, words.number, source=source + ': draws')} {over} "
            f"({writer.say(found.overlap.low, words.percent, source=source)} to {writer.say(found.overlap.high, words.percent, source=source)})."
        )  # fmt: skip
    return made


def _judged(store: Store, query: CohortQuery, predictor: str, *, writer: Writer, protocols: tuple[str, ...]) -> list[str]:
    rows = store.sql(
        "SELECT cohort, protocol, n, auc, ci_low, ci_high FROM performance WHERE predictor = $p AND study = ANY($s) AND auc IS NOT NULL ORDER BY n DESC, cohort",
        {"p": predictor, "s": list(query.studies)},
    ).filter(pl.col("protocol").is_in(list(protocols)))
    if rows.is_empty():
        return ["How well it separates responders here was not measured."]
    said = [
        f"{r['cohort']} {writer.say(r['auc'], words.ratio, source='performance.auc of ' + r['cohort'])} "
        f"({writer.say(r['ci_low'], words.ratio, source='performance.ci_low')} to {writer.say(r['ci_high'], words.ratio, source='performance.ci_high')}, "
        f"n = {writer.say(r['n'], words.number, source='performance.n')})"
        for r in rows.head(STRONGEST).iter_rows(named=True)
    ]
    more = f", the largest of {writer.say(rows.height, words.number, source='performance: cohorts')} cohorts" if rows.height > STRONGEST else ""
    return [f"Out of sample its AUC for response is: {words.listing(said)}{more}."]


def _unseen(store: Store, rows: pl.DataFrame, *, writer: Writer, absent: tuple[str, ...]) -> list[str]:
    made = [f"It did not look at {words.listing([a.lower() for a in absent])} at all."] if absent else []
    gaps = unknown(store, rows)
    n = rows["patient_id"].n_unique()
    kinds = seen_of(store, rows)
    for kind in MODALITIES:
        lacking = n - int(kinds[kind].sum())
        if lacking and LABELS[kind] not in absent:
            made.append(f"{writer.count(lacking, source=f'attribution: patients without {kind}')} {'has' if lacking == 1 else 'have'} no {LABELS[kind].lower()} measurement that it uses.")
    partly = gaps.filter((pl.col("missing") > 0) & (pl.col("missing") < n)).sort("missing", "feature", descending=[True, False])
    if partly.height:
        said = [
            f"{_inside(f)} ({writer.say(m, words.number, source=f'patients without {f}')})"
            for f, m in partly.head(MOST_MISSING).select("feature", "missing").iter_rows()
        ]
        made.append(f"Not known of some patients, counted in brackets: {words.listing(said)}.")
    return made

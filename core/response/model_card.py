"""Model card: what a predictor is, what it was trained on and never saw, and how it does out-of-sample on every cohort.

Mitchell 2019, doi 10.1145/3287560.3287596.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace

import polars as pl

from core.cohort.provenance import names, provenance
from core.cohort.query import CohortQuery
from core.errors import NotMeasured, UnknownName
from core.figures import words
from core.figures.chart import Chart
from core.figures.transport import transport
from core.response.leaderboard import PROTOCOL_LABELS, leaderboard
from core.response.recommended import TIERS, tier
from data.schema import PATIENT, PROTOCOLS, TABLES
from data.store import Store
from models import EVALUATED, MODULES, Card, card
from models.vocabulary import MODALITIES

REFERENCE = "10.1145/3287560.3287596"
EVERYWHERE = "anything measured after the first dose, the drug, and the outcome of a patient whom it scores out-of-sample"
"""What no predictor of the app is given."""
_KINDS = {"clinical": "clinical measurements", "genome": "the genome", "expression": "expression", "pathology": "pathology"}
_GENOME = {"tmb_per_mb", "mutation_count", "fcna", "hla_loh", "hed", "msi_high"}
ANEW = "Not kept: it is fitted anew in every fold of a comparison."
TRAINED = "multimodal"
"""The predictor whose cards are rows of table `model`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCard:
    """One predictor on one page.

    Attributes
    ----------
    sentence : the answer. facts : topic, what. chart : AUC on every cohort, or None where it was judged nowhere.
    calibration : one row a cohort of a probability: study, cohort, protocol, n, Brier score and that of the prevalence, slope
        and intercept; empty for a marker.
    """

    sentence: str
    facts: pl.DataFrame
    chart: Chart | None
    calibration: pl.DataFrame


def listed(store: Store) -> dict[str, str]:
    """Every predictor by name, as listed in `models`, and the simple models of the comparisons; those that scored somebody first."""
    scored = set(store.sql("SELECT DISTINCT predictor FROM prediction")["predictor"])
    return {name: card(name).label for name in sorted((*MODULES, *EVALUATED), key=lambda name: name not in scored)}


def model_card(store: Store, *, predictor: str) -> ModelCard:
    """The card of one predictor, its numbers read from the database.

    Raises
    ------
    UnknownName
        `models` lists no such predictor.

    References
    ----------
    Mitchell 2019, doi 10.1145/3287560.3287596.
    """
    if predictor not in {*MODULES, *EVALUATED}:
        raise UnknownName(f"there is no predictor '{predictor}'; there are {', '.join((*MODULES, *EVALUATED))}")
    about = card(predictor)
    try:
        rows = leaderboard(store, predictors=[predictor]) if predictor in MODULES else pl.DataFrame()
    except NotMeasured:
        rows = pl.DataFrame()
    known = names(store.studies())
    facts = [*_declared(about), *_training(store, about, known), *_trained(store, predictor, known)]
    return ModelCard(
        sentence=_sentence(about, rows), facts=pl.DataFrame(facts, schema={"topic": pl.String, "what": pl.String}, orient="row"),
        chart=_chart(store, about, rows, known=known) if not rows.is_empty() else None, calibration=_calibration(about, rows, known),
    )  # fmt: skip


def _declared(about: Card) -> list[tuple[str, str]]:
    """What the predictor declares about itself."""
    kind = "a measured marker: only its order means something" if about.kind == "marker" else "a probability of response"
    cut = about.published_cut
    return [
        ("What it is", f"{TIERS[tier(about.name)].capitalize()}; {kind}. Unit: {about.unit}."),
        ("Intended use", about.intended_use),
        ("Limits", about.limits),
        ("Inputs", _listing([_input(name) for name in about.inputs])),
        ("Never sees", _listing([f"{_unseen(about)}{EVERYWHERE}"])),
        ("Published cut", f"{words.number(cut.value)} {about.unit}: {cut.meaning} ({cut.source})" if cut else "None is used."),
        ("Protocol", f"{PROTOCOLS[about.protocol].capitalize()}."),
        ("Reference", about.reference + (f", https://doi.org/{about.doi}" if about.doi else "")),
        ("Licence", f"{about.licence[:1].upper()}{about.licence[1:]}."),
    ]


def _input(name: str) -> str:
    if name.startswith("signature:"):
        return f"signature {name.removeprefix('signature:')}"
    return words.column(name) if name in PATIENT.dtypes else name.replace("_", " ")


def _listing(items: list[str]) -> str:
    said = words.listing(items)
    return f"{said[:1].upper()}{said[1:]}."


def _unseen(about: Card) -> str:
    """Kinds of measurement that a single marker or a formula does not read."""
    if any(name not in PATIENT.dtypes and not name.startswith("signature:") for name in about.inputs):
        return ""
    read = {"expression"} if any(n.startswith("signature:") for n in about.inputs) else set()
    read |= {"genome"} if _GENOME & set(about.inputs) else set()
    read |= {"clinical"} if any(n in PATIENT.dtypes and n not in _GENOME for n in about.inputs) else set()
    other = [name for name in MODALITIES if name not in read]
    return f"{words.listing([_KINDS[name] for name in other])}; " if other else ""


def _training(store: Store, about: Card, known: Mapping[str, str]) -> list[tuple[str, str]]:
    """Which patients of this database trained it, and which are scored by a model that never saw them."""
    found = store.sql(
        "SELECT study, cohort, protocol, trained_on, count(*) AS n FROM prediction WHERE predictor = $p GROUP BY ALL ORDER BY study, cohort, protocol, trained_on",
        {"p": about.name},
    )
    if found.is_empty():
        return [("Scores here", ANEW if about.name in EVALUATED else "Nobody in this database is scored by it.")]
    told = []
    for (protocol,), part in found.group_by("protocol", maintain_order=True):
        n, cohorts = int(part["n"].sum()), part.select("study", "cohort").n_unique()
        origins = [o for o in part["trained_on"].fill_null("").unique(maintain_order=True) if o]
        on = f", trained on {_named(origins[0], known)}" if len(origins) == 1 else ", trained on the other cohorts, each left out in turn" if origins else ""
        told.append(f"{PROTOCOL_LABELS.get(str(protocol), str(protocol)).capitalize()}: {n:,} patients of {words.count(cohorts, 'cohort')}{on}.")
    return [("Scores here", " ".join(told))]


def _named(origin: str, known: Mapping[str, str]) -> str:
    study, _, cohort = origin.partition(" ")
    return f"{cohort} ({known[study]})" if study in known and cohort and "," not in cohort else known.get(origin, origin)


def _trained(store: Store, predictor: str, known: Mapping[str, str]) -> list[tuple[str, str]]:
    """What the stored card of the trained model says; nothing for other predictors, or before one was trained."""
    if predictor != TRAINED or "model" not in TABLES:
        return []
    if not store.sql("SELECT count(*) AS n FROM duckdb_tables() WHERE table_name = 'model'")["n"][0]:
        return []
    rows = store.sql("SELECT * FROM model ORDER BY main DESC, model")
    if rows.is_empty():
        return []
    main = rows.row(0, named=True)
    facts = [
        ("Trained on", f"{words.count(int(main['patients'] or 0), 'patient')}: {_cohorts(main['trained_on'], known)}."),
        ("Never saw", f"{_cohorts(main['without'], known)}." if main["without"] else "This model left no cohort of its training data out; the ones below did."),
        ("Its own limits", str(main["limits"] or "None stated.")),
        ("Weights", f"{main['model']}: {main['parameters'] or 0:,} parameters, {words.count(int(main['seeds'] or 1), 'member')}, {(main['bytes'] or 0) / 1e6:.1f} MB, made {main['created']}; SHA-256 {main['sha256']}."),
        ("Data hash", str(main["data_hash"] or "–")),
    ]  # fmt: skip
    held = rows.filter(~pl.col("main"))
    if held.height:
        left = [_cohorts(w, known) for w in held["without"].to_list()]
        facts.append(("Models that left a cohort out", f"{words.count(held.height, 'model')}; each scores the cohort that it never saw: {words.listing(left)}."))
    numbers = _flat(main["metrics"])
    if numbers:
        facts.append(("Metrics of the training", f"{numbers}. Not a measure of performance on new patients; that is the figure above."))
    return facts


def _cohorts(entries: object, known: Mapping[str, str]) -> str:
    """Cohorts "study/cohort" in words."""
    said = []
    for entry in entries if isinstance(entries, (list, tuple, pl.Series)) else []:
        study, _, cohort = str(entry).partition("/")
        name = known.get(study, study)
        said.append(name if cohort in {"", study, name} else f"{name}, {cohort}")
    if len(said) > 12:
        return f"{'; '.join(said[:12])} and {len(said) - 12} more"
    return "; ".join(said) or "none"


def _flat(text: object) -> str:
    """Numbers of a JSON document, by name: "best epoch 12; loss 0.41"."""
    try:
        content = json.loads(str(text or "{}"))
    except ValueError:
        return ""
    found: list[str] = []

    def walk(node: object, path: str) -> None:
        if isinstance(node, dict):
            for key, inner in node.items():
                walk(inner, f"{path} {str(key).replace('_', ' ')}".strip())
        elif isinstance(node, (int, float)) and not isinstance(node, bool):
            found.append(f"{path} {words.number(float(node))}")

    walk(content, "")
    return "; ".join(found[:12])


def _sentence(about: Card, rows: pl.DataFrame) -> str:
    if rows.is_empty():
        why = "its scores are not kept, so no cohort judges it here" if about.name in EVALUATED else "no cohort of this database can judge it"
        return f"{_called(about)}: {why}."
    known = rows.filter(pl.col("auc").is_not_null())
    above = known.filter(pl.col("ci_low") > 0.5).height
    people = known.group_by("study", "cohort").agg(pl.col("n").max())
    least, most = float(str(known["auc"].min())), float(str(known["auc"].max()))
    return (
        f"{_called(about)}: out-of-sample AUC {words.ratio(least)} to {words.ratio(most)} over {words.count(people.height, 'cohort')}, shown above chance in "
        f"{above} of {words.count(known.height, 'result')}, n = {int(people['n'].sum()):,}."
    )


def _called(about: Card) -> str:
    """A predictor with its place on the scale of complexity, unless its name says it."""
    kind = TIERS[tier(about.name)]
    return about.label if kind in about.label.lower() else f"{about.label} ({kind})"


def _chart(store: Store, about: Card, rows: pl.DataFrame, *, known: Mapping[str, str]) -> Chart:
    alone = pl.col("cohort").n_unique().over("study") == 1
    study = pl.col("study").replace(dict(known))
    table = rows.select(
        pl.col("protocol_label").alias("group"), pl.when(alone).then(study).otherwise(pl.format("{}, {}", study, "cohort")).alias("label"),
        pl.col("auc").alias("estimate"), "ci_low", "ci_high", "n", pl.format("{} resp.", "responders").alias("detail"), "protocol",
    ).sort("protocol", maintain_order=True)  # fmt: skip
    studies = tuple(rows["study"].unique(maintain_order=True))
    people = rows.group_by("study", "cohort").agg(pl.col("n").max())
    source = provenance(store, CohortQuery(studies), n=int(people["n"].sum()))
    if len(studies) > 3:
        source = replace(source, cohort=words.count(len(studies), "study", plural="studies"))
    chart = transport(
        table, [None] * table["group"].n_unique(), provenance=source, title=f"{about.label}: AUC for response on every cohort",
        caption="AUC for response (CR or PR) with DeLong 95% CI, out-of-sample only; squares grow with n; dashed line: chance, 0.5. Whole cohorts, no filter.",
    )  # fmt: skip
    return replace(chart, slug=f"card-{about.name}".replace("_", "-"))


def _calibration(about: Card, rows: pl.DataFrame, known: Mapping[str, str]) -> pl.DataFrame:
    if rows.is_empty() or about.kind != "probability":
        return pl.DataFrame()
    return rows.select(
        pl.col("study").replace(dict(known)), "cohort", pl.col("protocol_label").alias("protocol"), "n", "brier", "brier_null", "calibration_slope",
        "calibration_intercept",
    )  # fmt: skip

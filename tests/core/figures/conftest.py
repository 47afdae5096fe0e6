"""One chart of every kind, from simulated patients."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import polars as pl
import pytest

from core import figures
from core.figures import Chart, Provenance
from core.finding import Finding
from core.markers.explained import Dependence, Summary, Waterfall
from core.response import calibration, forest_table, response_rate, roc
from core.survival import hazard_ratio, kaplan_meier, logrank, median_follow_up, split
from core.tme.composition import Composition
from core.tme.map import TmeMap
from tests.core.figures.attribution_charts import ATTRIBUTION
from tests.core.figures.cutoff_charts import KINDS as CUTOFF
from tests.core.figures.map_charts import KINDS as MAP
from tests.core.figures.performance_charts import KINDS as PERFORMANCE
from tests.core.figures.scan_charts import KINDS as SCAN
from tests.core.figures.slide_charts import SLIDES
from tests.core.figures.survival_charts import KINDS as SURVIVAL

N = 240
TYPES = ("1 · inflamed", "2 · excluded", "3 · desert")
PROVENANCE = Provenance(
    cohort="Trial A (PD-L1 is known)",
    n=N,
    n_missing=12,
    studies=("Somebody 2020",),
    database="abc123",
    software="0.1.0",
)


@cache
def patients() -> pl.DataFrame:
    rng = np.random.default_rng(0)
    kind = rng.integers(0, 3, N)
    time = rng.exponential(14, N)
    return pl.DataFrame(
        {
            "patient_id": [f"trial:{i:03d}" for i in range(N)],
            "study": ["trial"] * N,
            "cohort": ["trial"] * N,
            "x": kind * 3 + rng.normal(size=N),
            "y": (kind == 1) * 4 + rng.normal(size=N),
            "cluster": kind,
            "type": [TYPES[k] for k in kind],
            "recist": rng.choice(["CR", "PR", "SD", "PD", None], N).tolist(),
            "response": [None if u < 0.1 else bool(u > 0.7) for u in rng.random(N)],
            "os_months": np.minimum(time, 30),
            "os_event": time < 30,
            "tmb_per_mb": [None if u < 0.2 else float(np.exp(u * 4)) for u in rng.random(N)],
            "phenotype": rng.choice(["desert", "excluded", "inflamed", None], N).tolist(),
            "score": rng.normal(size=N),
            "probability": rng.uniform(0.05, 0.8, N),
        }
    )


def tme_map(colour: str, frame: pl.DataFrame, *, unit: str = "") -> TmeMap:
    return TmeMap(
        frame=frame, colour=colour, kind="number" if frame["value"].dtype.is_float() else "category", label="TME type", unit=unit,
        levels=TYPES, studies=tuple(frame["study"].unique()), n=frame.height, n_missing=3,
        n_uncoloured=frame["value"].null_count(),
    )  # fmt: skip


def summary() -> Summary:
    rng = np.random.default_rng(1)
    names = ["Tumour mutational burden", "Albumin", "Age"]
    features = pl.DataFrame(
        {
            "feature": ["tmb_per_mb", "albumin_g_per_dl", "age_years"], "label": names, "unit": ["mutations/Mb", "g/dL", "years"],
            "group": ["a", "b", "c"], "mean_abs_shap": [0.5, 0.2, 0.05], "ci_low": [0.4, 0.1, None], "ci_high": [0.6, 0.3, None],
            "null_95": [0.1, 0.1, None], "beats_null": [True, True, False], "rank": [1, 2, 3],
        }
    )  # fmt: skip
    ids = patients()["patient_id"]
    parts = [
        pl.DataFrame(
            {
                "patient_id": ids, "study": "trial", "cohort": "trial", "feature": feature, "label": label,
                "value": rng.normal(size=N), "shap": rng.normal(size=N), "place": [None, *rng.random(N - 1).tolist()],
            }
        )
        for feature, label in features.select("feature", "label").iter_rows()
    ]  # fmt: skip
    return Summary(
        features=features, points=pl.concat(parts), residual=1e-15, n=N, n_missing=5, predictor="elastic_net",
        predictor_label="Elastic net", protocols=("out_of_fold",),
    )  # fmt: skip


def _km(provenance: Provenance) -> Chart:
    rows = split(patients(), "tmb_per_mb", method="cut", cut=10, label="TMB").onto(patients())
    return figures.km(
        kaplan_meier(rows, by="group"), logrank(rows, by="group"), hazard_ratio(rows, by="group"), provenance=provenance,
        follow_up=median_follow_up(rows),
    )  # fmt: skip


def _forest(provenance: Provenance) -> Chart:
    data = patients()
    rows = [
        (study, label, roc(data, score=column).auc, "published")
        for study in ("Trial A", "Trial B")
        for label, column in (("TMB", "tmb_per_mb"), ("LORIS", "score"))
    ]
    empty = roc(data.with_columns(response=pl.lit(value=False)), score="score").auc
    return figures.forest(forest_table([*rows, ("Trial C", "LORIS", empty, "published")]), provenance=provenance)


def _composition(provenance: Provenance) -> Chart:
    table = patients().drop_nulls("phenotype").group_by("type", pl.col("phenotype").alias("group")).len("n")
    test = Finding(name="Pearson's chi-squared test", statistic=4.0, p_value=0.0234, effect=0.2, ci95=None, n=N)
    return figures.composition(
        Composition(table=table, types=TYPES, groups=("inflamed", "desert", "excluded"), by="phenotype", label="Immune phenotype",
                    test=test, rates=table, n=int(table["n"].sum()), n_missing=10),
        provenance=provenance,
    )  # fmt: skip


def _dependence(provenance: Provenance) -> Chart:
    points = patients().select(
        "patient_id", "study", pl.col("score").alias("value"), (pl.col("score") * 0.5).alias("shap"),
        pl.col("tmb_per_mb").alias("partner_value"),
    )  # fmt: skip
    return figures.dependence(
        Dependence(feature="score", label="T-cell-inflamed GEP", unit="", partner="tmb_per_mb", partner_label="Tumour mutational burden",
                   points=points, n=N, n_missing=4),
        provenance=provenance,
    )  # fmt: skip


def _waterfall(provenance: Provenance) -> Chart:
    shap = [0.6, -0.4, 0.1]
    ends = np.cumsum([-1.0, *shap])
    steps = pl.DataFrame(
        {"feature": ["tmb_per_mb", "age_years", ""], "label": ["Tumour mutational burden", "Age", "7 other features"],
         "shown": ["24 mutations/Mb", "71 years", ""], "shap": shap, "start": ends[:-1], "end": ends[1:]}
    )  # fmt: skip
    return figures.waterfall(
        Waterfall(patient_id="trial:007", predictor="elastic_net", predictor_label="Elastic net", protocol="out_of_fold", base=-1.0,
                  output=float(ends[-1]), residual=0.0, steps=steps),
        provenance=provenance,
    )  # fmt: skip


def _quality(provenance: Provenance) -> Chart:
    status = ("pass", "fail", "not applicable")
    rows = [
        (s, f"c{i}", f"Check number {i}", status[(i + len(s)) % 3], i, "detail")
        for i in range(9)
        for s in ("a", "bb", "ccc")
    ]
    checks = pl.DataFrame(rows, schema=["study", "check", "title", "status", "n", "detail"], orient="row")
    return figures.quality(checks, provenance=provenance)


def _missingness(provenance: Provenance) -> Chart:
    rows = [
        (s, c, c.title(), (i * j % 5) / 4)
        for i, s in enumerate(("one", "two"))
        for j, c in enumerate(("age", "sex", "stage"))
    ]
    return figures.missingness(
        pl.DataFrame(rows, schema=["study", "column", "label", "missing"], orient="row"), provenance=provenance
    )


FLOW = pl.DataFrame(
    {
        "step": ["All patients", "Evaluable for response"],
        "n": [240, 210],
        "left_out": [0, 30],
        "reason": ["", "no RECIST"],
    }
)

KINDS: dict[str, Callable[[Provenance], Chart]] = {
    "km": _km,
    "roc": lambda p: figures.roc([roc(patients(), score="score", label="LORIS"), roc(patients(), score="tmb_per_mb", label="TMB")], provenance=p),
    "forest": _forest,
    "calibration": lambda p: figures.calibration(calibration(patients(), probability="probability"), provenance=p, label="LORIS"),
    "response_rate": lambda p: figures.response_rate(response_rate(patients(), by="phenotype"), provenance=p),
    "embedding": lambda p: figures.embedding(tme_map("cluster", patients().with_columns(value="type")), provenance=p, direct=True),
    "composition": _composition,
    "distribution": lambda p: figures.distribution(patients(), ("tmb_per_mb", "recist", "response", "os_months"), provenance=p),
    "flow": lambda p: figures.flow(FLOW, provenance=p),
    "missingness": _missingness,
    "beeswarm": lambda p: figures.beeswarm(summary(), provenance=p),
    "importance": lambda p: figures.importance(summary(), provenance=p),
    "dependence": _dependence,
    "waterfall": _waterfall,
    "quality": _quality,
    **PERFORMANCE,
    **SURVIVAL,
    **SCAN,
    **MAP,
    **CUTOFF,
    **ATTRIBUTION,
    **SLIDES,
}  # fmt: skip


@pytest.fixture(params=list(KINDS))
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def provenance() -> Provenance:
    return PROVENANCE


@pytest.fixture
def draw() -> Callable[[str, Provenance], Chart]:
    """Draws a kind of figure: draw('km', provenance)."""
    return lambda name, where: KINDS[name](where)


@pytest.fixture
def make_map() -> Callable[..., TmeMap]:
    return tme_map


@pytest.fixture
def people() -> pl.DataFrame:
    return patients()

"""A clean study, on which no check fails, and the tools to plant one fault in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl
import pytest

from data.checks import CHECKS
from data.checks.check import Result, Subject
from data.checks.genes import KEY_SETS
from data.schema import CELL_FRACTION, MUTATION, PATIENT, SAMPLE
from data.sources.source import Expression

N, SAMPLES, GENES = 120, 40, 10_500


def patients() -> pl.DataFrame:
    rng = np.random.default_rng(1)
    response = np.arange(N) % 3 == 0
    recist = np.where(response, np.where(np.arange(N) % 2, "CR", "PR"), np.where(np.arange(N) % 4 < 2, "SD", "PD"))
    pfs = np.where(response, 8, 3) * rng.exponential(1.0, N) + 1.1
    pfs_event = np.where(recist == "PD", True, rng.random(N) < np.where(response, 0.4, 0.9))
    os = pfs + np.where(pfs_event, rng.exponential(10, N) + 0.5, 0.0)
    os_event = np.where(pfs_event, rng.random(N) < 0.6, False)
    tmb = np.round(rng.lognormal(1.8, 0.9, N), 2)
    return PATIENT.conform(
        pl.DataFrame(
            {
                "patient_id": [f"clean:P{i:03d}" for i in range(N)],
                "study": "clean",
                "cohort": "main",
                "source_id": [f"P{i:03d}" for i in range(N)],
                "age_years": np.round(rng.uniform(35, 85, N), 1),
                "sex": np.where(np.arange(N) % 2, "male", "female"),
                "cancer_type": "Melanoma",
                "stage": rng.choice(["III", "IV"], N),
                "treatment_year": rng.integers(2013, 2018, N).astype(float),
                "drug_class": "PD-1/PD-L1",
                "tmb_per_mb": tmb,
                "mutation_count": np.round(tmb * 32 + 5),
                "pdl1_tps_percent": np.round(rng.uniform(0, 100, N)),
                "albumin_g_per_dl": np.round(rng.normal(3.9, 0.4, N), 1),
                "haemoglobin_g_per_dl": np.round(rng.normal(12.5, 1.5, N), 1),
                "platelets_per_nl": np.round(rng.normal(250, 60, N)),
                "nlr": np.round(rng.lognormal(1.2, 0.5, N), 2),
                "fcna": rng.uniform(0, 0.8, N),
                "purity": rng.uniform(0.2, 0.95, N),
                "leukocyte_fraction": rng.uniform(0, 0.6, N),
                "bmi": rng.normal(26, 3, N),
                "pack_years": rng.uniform(0, 60, N),
                "ploidy": rng.uniform(1.8, 4, N),
                "hed": rng.uniform(0, 15, N),
                "recist": recist,
                "tumour_change_percent": np.select([recist == "CR", recist == "PR", recist == "SD"], [-100, -50, -5], 40) + 0.0,
                "entry_months": 0.1 * pfs,
                "response": response,
                "response_definition": "RECIST CR or PR against SD or PD",
                "os_months": os,
                "os_event": os_event,
                "pfs_months": pfs,
                "pfs_event": pfs_event,
                "dss_months": os,
                "dss_event": os_event,
            }
        )
    )


def matrix() -> Expression:
    rng = np.random.default_rng(2)
    named = dict.fromkeys([gene for genes in KEY_SETS.values() for gene in genes])
    named |= dict.fromkeys(["XIST", "RPS4Y1", "DDX3Y", "KDM5D"])
    genes = [*named, *(f"GENE{i}" for i in range(GENES - len(named)))]
    linear = rng.lognormal(rng.normal(1, 2, (GENES, 1)), 0.6, (GENES, SAMPLES))
    female = np.arange(SAMPLES) % 2 == 0
    for gene, on in (("XIST", female), ("RPS4Y1", ~female), ("DDX3Y", ~female), ("KDM5D", ~female)):
        linear[genes.index(gene)] = np.where(on, 60, 0.1) * rng.lognormal(0, 0.3, SAMPLES)
    linear *= 1e6 / linear.sum(axis=0)
    return Expression(
        assay="rna", unit="log2 TPM", genes=genes, samples=[f"S{i:03d}" for i in range(SAMPLES)],
        patients=[f"clean:P{i:03d}" for i in range(SAMPLES)], values=np.log2(linear + 0.001).astype(np.float32),
    )  # fmt: skip


def tables() -> dict[str, pl.DataFrame]:
    who = patients()
    counts = who["mutation_count"].head(SAMPLES).cast(pl.Int64).to_list()
    rows = [
        {"patient_id": f"clean:P{p:03d}", "study": "clean", "gene": f"GENE{i}", "chromosome": "1", "position": 1000 + 7 * i,
         "reference_allele": "A", "alternate_allele": "T", "vaf": 0.3}
        for p, count in enumerate(counts) for i in range(count)
    ]  # fmt: skip
    cells = [
        {"patient_id": f"clean:P{p:03d}", "study": "clean", "method": "quanTIseq", "cell_type": kind, "fraction": share}
        for p in range(SAMPLES) for kind, share in (("T cells CD8", 0.1 + p / 1000), ("other", 0.8))
    ]  # fmt: skip
    sample = {"sample_id": [f"S{i:03d}" for i in range(SAMPLES)], "study": "clean", "kind": "rna",
              "patient_id": [f"clean:P{i:03d}" for i in range(SAMPLES)]}  # fmt: skip
    return {
        "patient": who,
        "sample": SAMPLE.conform(pl.DataFrame(sample)),
        "mutation": MUTATION.conform(pl.DataFrame(rows)),
        "cell_fraction": CELL_FRACTION.conform(pl.DataFrame(cells)),
    }


@dataclass(frozen=True, slots=True)
class Study:
    """The clean study; every method gives a copy with a fault."""

    subject: Subject

    def judge(self, check: str) -> Result:
        return CHECKS[check].judge(self.subject)

    def table(self, name: str, frame: pl.DataFrame) -> Study:
        return Study(replace(self.subject, tables={**self.subject.tables, name: frame}))

    def patients(self, *changes: pl.Expr, **named: Any) -> Study:
        return self.table("patient", self.subject.patients.with_columns(*changes, **named))

    def first(self, n: int, **values: Any) -> Study:
        """Set columns of the first n patients."""
        index = pl.int_range(pl.len())
        made = {name: pl.when(index < n).then(pl.lit(value)).otherwise(pl.col(name)) for name, value in values.items()}
        return self.patients(**made)

    def matrix(self, **changes: Any) -> Study:
        return Study(replace(self.subject, expression=[replace(self.subject.expression[0], **changes)]))

    def values(self, change: Callable[[np.ndarray[Any, Any]], np.ndarray[Any, Any]]) -> Study:
        return self.matrix(values=change(self.subject.expression[0].values.copy()))

    def without(self, *columns: str) -> Study:
        return self.patients(*(pl.lit(None, dtype=PATIENT.dtypes[name]).alias(name) for name in columns))


@pytest.fixture(scope="session")
def clean() -> Study:
    return Study(Subject(study="clean", tables=tables(), expression=[matrix()]))


@pytest.fixture(scope="session")
def empty() -> Study:
    return Study(Subject(study="clean", tables={}))


Faults = Mapping[str, Callable[[Study], Study]]


@pytest.fixture(scope="session")
def shows(clean: Study, empty: Study) -> Callable[[str, Callable[[Any], Any]], Result]:
    """Judge a check on the clean study, on an empty one and on one with a planted fault; return the last."""

    def judged(check: str, fault: Callable[[Any], Any]) -> Result:
        assert clean.judge(check).status == "pass", clean.judge(check).detail
        assert clean.judge(check).n == 0
        assert empty.judge(check).status == "not applicable"
        found = fault(clean).judge(check)
        assert found.status == "fail", found.detail
        assert 0 < len(found.rows) <= found.n
        assert found.detail
        return found

    return judged

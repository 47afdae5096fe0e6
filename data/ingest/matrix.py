"""The expression matrix of a cohort folder, from csv, tsv, parquet, h5ad or rda -> one `Expression`.

A row of the count here is a sample: it is accepted when exactly one accepted patient has it and its values are sane.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from data.errors import IngestError, SourceCorrupt
from data.ingest.clinical import Refusal
from data.ingest.folder import MEGABYTE, at_most
from data.ingest.h5ad import AnnData, probe
from data.ingest.matrix_text import TextMatrix
from data.ingest.study_file import ExpressionFile
from data.ingest.tabular import TEXT_ENDINGS, ending
from data.schema import SAMPLE
from data.sources.rda import read_expression_set, read_summarized_experiment, unique_symbols
from data.sources.source import Expression

Matrix = npt.NDArray[np.float32]
MATRIX_BYTES = 4096 * MEGABYTE
RDA_BYTES = 512 * MEGABYTE
POSITIVE = ("TPM", "FPKM", "CPM", "counts")
LOGGED_MAX = 40.0
RAW_LEAST = 30.0
_ENSEMBL = re.compile(r"ENS[A-Z]*G\d{6,}(\.\d+)?")
_MANGLED = re.compile(r"\d{1,2}-(?:MAR|SEP|DEC|OCT|FEB|APR|NOV)|(?:MAR|SEP|DEC)-\d{1,2}")


@dataclass(frozen=True, slots=True, kw_only=True)
class MatrixRows:
    """What became of a matrix: its samples are the rows that are counted."""

    expression: Expression
    samples: pl.DataFrame
    refused: tuple[Refusal, ...]
    rows_in: int
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Opened:
    """Names of all samples, and a function that fetches the genes and values of some of them.

    `fetch(places)` gives genes (g,), values (g, len(places)) and the reasons why single ones are unusable.
    `people` is what the file says of its samples, to be looked through for identifiers.
    """

    samples: Sequence[str]
    fetch: Callable[[Sequence[int]], tuple[list[str], Matrix, Mapping[int, str]]]
    people: pl.DataFrame


class ExpressionMatrix:
    """An expression file, opened: `people` first (identifiers), `read` then."""

    def __init__(self, spec: ExpressionFile, *, known: Mapping[str, tuple[str, ...]]) -> None:
        kind = ending(spec.path)
        limit = RDA_BYTES if kind in {".rda", ".rdata"} else MATRIX_BYTES
        at_most(spec.path, limit, what="an expression matrix")
        self.spec, self.known = spec, known
        self._notes: list[str] = []
        if kind == ".h5ad":
            self._opened = _from_h5ad(spec)
        elif kind in {".rda", ".rdata"}:
            self._opened = _from_rda(spec, self._notes)
        elif kind in TEXT_ENDINGS or kind == ".parquet":
            text = TextMatrix(spec, known=frozenset(known))
            self._opened = _Opened(samples=text.samples, fetch=text.fetch, people=pl.DataFrame())
        else:
            raise IngestError(
                f"{spec.path.name}: the ending {kind or '(none)'!r} is unknown; give csv, tsv, parquet, h5ad or rda"
            )

    @property
    def people(self) -> pl.DataFrame:
        """Sample ids and what else the file says of its samples, as text."""
        ids = pl.Series("sample ids", list(self._opened.samples), dtype=pl.String)
        return (
            self._opened.people.select(pl.all().exclude("sample ids")).with_columns(ids)
            if self._opened.people.height == ids.len() and ids.len()
            else pl.DataFrame([ids])
        )

    def read(self, study: str) -> MatrixRows:
        """Match samples to patients, fetch and check their values.

        Raises
        ------
        IngestError
            No sample matches, the genes are no symbols, or the values cannot be in the unit that is said.
        """
        spec, file = self.spec, self.spec.path.name
        refused: list[Refusal] = []
        places: list[int] = []
        times = Counter(self._opened.samples)
        for place, sample in enumerate(self._opened.samples):
            reason = self._unmatched(sample, times[sample])
            if reason:
                refused.append((file, place + 1, sample[:100], reason))
            else:
                places.append(place)
        if not places:
            example = f" (the first: {refused[0][3]})" if refused else ""
            raise IngestError(
                f"none of the {len(self._opened.samples)} samples of {file} belongs to an accepted patient{example}; "
                "sample ids must equal the ids of [clinical], or name the clinical column that holds them as sample_column"
            )
        genes, values, broken = self._opened.fetch(places)
        genes, values = self._symbols(genes, values)
        self._unit_fits(values)
        keep = []
        for column, place in enumerate(places):
            reason = broken.get(place) or _impossible(values[:, column], spec.unit)
            if reason:
                refused.append((file, place + 1, self._opened.samples[place][:100], reason))
            else:
                keep.append(column)
        if not keep:
            raise IngestError(f"not one sample of {file} can be taken in; the first: {refused[0][3]}")
        values = np.ascontiguousarray(values[:, keep])
        if spec.unit != spec.stored_unit:
            np.log2(values + 1.0, out=values)
            self._notes.append(f"{spec.unit} of {file} is stored as log2({spec.unit} + 1).")
        samples = [self._opened.samples[places[column]] for column in keep]
        owners = [self.known[sample][0] for sample in samples]
        ids = [f"{study}:{sample}" for sample in samples]
        expression = Expression(
            assay=spec.assay, unit=spec.stored_unit, genes=genes, samples=ids, patients=owners, values=values
        )
        frame = pl.DataFrame({"sample_id": ids, "patient_id": owners}).with_columns(
            pl.lit(study).alias("study"), pl.lit("rna").alias("kind")
        )
        return MatrixRows(
            expression=expression,
            samples=SAMPLE.conform(frame),
            refused=tuple(sorted(refused, key=lambda one: one[1])),
            rows_in=len(self._opened.samples),
            notes=tuple(self._notes),
        )

    def _unmatched(self, sample: str, times: int) -> str | None:
        if not sample.strip():
            return "no sample id"
        if times > 1:
            return f"the sample id stands {times} times in the matrix"
        owners = self.known.get(sample, ())
        if not owners:
            return "no accepted patient has this sample id"
        return None if len(owners) == 1 else f"{len(owners)} patients name this sample"

    def _symbols(self, genes: Sequence[str], values: Matrix) -> tuple[list[str], Matrix]:
        file = self.spec.path.name
        upper = [gene.strip().strip('"').upper() for gene in genes]
        for words, odd in (
            ("Ensembl ids", sum(_ENSEMBL.fullmatch(gene) is not None for gene in upper)),
            ("bare numbers", sum(gene.isdigit() for gene in upper)),
        ):
            if upper and odd > 0.5 * len(upper):
                raise IngestError(
                    f"the genes of {file} are {words} ({upper[0]!r}); give HGNC symbols, or the column that holds them as gene_column"
                )
        mangled = [gene for gene in upper if _MANGLED.fullmatch(gene)]
        if mangled:
            self._notes.append(
                f"{len(mangled)} genes of {file} were turned into dates by a spreadsheet (such as {mangled[0]}): they are left out."
            )
            upper = ["" if _MANGLED.fullmatch(gene) else gene for gene in upper]
        kept, matrix = unique_symbols(upper, values, notes=self._notes)
        if not kept:
            raise IngestError(f"{file} has no genes; its first column must hold gene symbols, or say gene_column")
        return kept, matrix

    def _unit_fits(self, values: Matrix) -> None:
        spec, finite = self.spec, np.isfinite(values)
        if not finite.any():
            raise IngestError(f"{spec.path.name} holds no finite value; export it again")
        top, low = float(values.max(where=finite, initial=-np.inf)), float(values.min(where=finite, initial=np.inf))
        said = f'unit = "{spec.unit}" of {spec.path.name} cannot be: its values run from {low:g} to {top:g}'
        if "log2" in spec.unit and (top > LOGGED_MAX or low < -LOGGED_MAX):
            raise IngestError(f'{said}, too wide for a logarithm; say "TPM", "FPKM", "CPM" or "counts"')
        if spec.unit == "z-score" and max(top, -low) > 200:
            raise IngestError(f"{said}; say the unit that the values have")
        if spec.unit in POSITIVE and (top < RAW_LEAST and values.shape[0] >= 1000):
            raise IngestError(f'{said}, which looks like logarithms; say "log2 TPM" or "log2 CPM"')
        if spec.unit in POSITIVE and (values < 0).any(axis=0).mean() > 0.5:
            raise IngestError(f"{said}, and {spec.unit} is never below 0; say the unit that the values have")


def _impossible(column: Matrix, unit: str) -> str | None:
    if np.isinf(column).any():
        return "holds infinite values"
    if np.isnan(column).all():
        return "every value is missing"
    if unit in POSITIVE and (column < 0).any():
        return f"holds {unit} below 0 ({float(np.nanmin(column)):g})"
    return None


def _from_h5ad(spec: ExpressionFile) -> _Opened:
    if spec.orientation not in (None, "samples_by_genes"):
        raise IngestError(f"{spec.path.name}: an .h5ad holds samples by genes; leave orientation out of [expression]")
    probe(spec.path)
    with AnnData(spec.path) as opened:
        samples, people = opened.names("obs"), opened.table("obs")

    def fetch(places: Sequence[int]) -> tuple[list[str], Matrix, Mapping[int, str]]:
        with AnnData(spec.path) as again:
            return again.names("var", column=spec.gene_column), again.values(places), {}

    return _Opened(samples=samples, fetch=fetch, people=people)


def _from_rda(spec: ExpressionFile, notes: list[str]) -> _Opened:
    _unpacks(spec.path)
    try:
        clinical, genes, samples, values = read_summarized_experiment(spec.path, notes=notes)
    except SourceCorrupt as first:
        try:
            clinical, genes, samples, values = read_expression_set(spec.path, notes=notes)
        except SourceCorrupt as second:
            reason = second if "SummarizedExperiments" in str(first) else first
            raise IngestError(f"{reason}; save one SummarizedExperiment or one matrix with save()") from None

    def fetch(places: Sequence[int]) -> tuple[list[str], Matrix, Mapping[int, str]]:
        return genes, values[:, list(places)], {}

    people = clinical.select(pl.all().cast(pl.String, strict=False)) if clinical.width else pl.DataFrame()
    return _Opened(samples=samples, fetch=fetch, people=people)


def _unpacks(path: Path) -> None:
    """Refuse an .rda that is no R data file, or that unpacks to more than the limit of a matrix."""
    import bz2
    import gzip
    import lzma

    with path.open("rb") as stream:
        head = stream.read(6)
    openers: dict[bytes, Callable[[Path], gzip.GzipFile | bz2.BZ2File | lzma.LZMAFile]] = {
        b"\x1f\x8b": gzip.GzipFile,
        b"BZ": bz2.BZ2File,
        b"\xfd7": lzma.LZMAFile,
    }
    opener = openers.get(head[:2])
    if opener is None:
        if not head.startswith((b"RDX", b"RDA")):
            raise IngestError(f"{path.name} is no R data file; save it again with save()")
        return
    total = 0
    try:
        with opener(path) as packed:
            begin = block = packed.read(MEGABYTE)
            while block:
                total += len(block)
                if total > MATRIX_BYTES // 2:
                    raise IngestError(
                        f"{path.name} unpacks to more than {MATRIX_BYTES // 2 // MEGABYTE:,} MB; shorten it"
                    )
                block = packed.read(MEGABYTE)
    except (OSError, EOFError, lzma.LZMAError) as error:
        raise IngestError(f"{path.name} is truncated or damaged; save it again with save()") from error
    if not begin.startswith((b"RDX", b"RDA")):
        raise IngestError(f"{path.name} is no R data file; save it again with save()")

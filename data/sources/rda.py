"""R data files (.rda) read without R.

A SummarizedExperiment holds one matrix of genes by samples, a clinical row a sample (colData) and a row a gene
(rowData); an ExpressionSet holds the matrix and its phenotypes. Here they become a polars frame, two lists of names
and a float32 matrix, with every kind of R's missing value as null.
"""

from __future__ import annotations

import lzma
import warnings
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from data.errors import SourceCorrupt

MISSING = frozenset({"", "NA", "<NA>", "NaN"})
SYMBOL_COLUMNS = ("gene_name", "gene_symbol", "symbol", "SYMBOL", "hgnc_symbol")

UNREADABLE = (
    ValueError, TypeError, LookupError, AttributeError, AssertionError, NotImplementedError, RecursionError, MemoryError,
    OSError, EOFError, zlib.error, lzma.LZMAError,
)  # fmt: skip
"""What the parser raises on bytes that are no R data file, or a damaged one."""

Matrix = npt.NDArray[np.float32]


def read_summarized_experiment(
    path: Path, *, notes: list[str] | None = None
) -> tuple[pl.DataFrame, list[str], list[str], Matrix]:
    """Read the one SummarizedExperiment of an .rda file.

    Parameters
    ----------
    path : the .rda file.
    notes : a sentence is appended for whatever was left out (genes without a symbol or with a repeated one).

    Returns
    -------
    clinical : one row a sample, in the order of `samples`, columns as in colData; R's NA, NaN, "" and "NA" are null.
    genes : (g,) symbols, upper case, unique.
    samples : (s,) sample ids.
    values : (g, s) float32, in the unit of the file; nan = not measured.

    Raises
    ------
    SourceCorrupt
        The file is no R data file, holds no SummarizedExperiment, or its parts do not fit each other.
    """
    found = [value for value in _objects(path).values() if hasattr(value, "colData") and hasattr(value, "assays")]
    if len(found) != 1:
        raise SourceCorrupt(f"{path.name} holds {len(found)} SummarizedExperiments; exactly one is expected")
    experiment = found[0]
    try:
        col_data, row_data = experiment.colData, experiment.elementMetadata
        assays = list(experiment.assays.data.listData.values())
        columns = {str(name): value for name, value in col_data.listData.items()}
        samples = [str(name) for name in np.asarray(col_data.rownames)]
    except AttributeError as error:
        raise SourceCorrupt(f"{path.name} is not laid out as a SummarizedExperiment: {error}") from error
    if len(assays) != 1:
        raise SourceCorrupt(f"{path.name} holds {len(assays)} assays; exactly one is expected")
    values, row_names, column_names = _matrix(assays[0], path)
    if column_names and column_names != samples:
        raise SourceCorrupt(f"{path.name}: the columns of the matrix are not the rows of colData")
    clinical = _frame(columns, len(samples), path)
    symbols = _symbols(row_data, row_names or _strings(getattr(experiment, "NAMES", ())))
    if values.shape != (len(symbols), len(samples)):
        raise SourceCorrupt(
            f"{path.name}: the matrix is {values.shape[0]} x {values.shape[1]}, "
            f"but there are {len(symbols)} genes and {len(samples)} samples"
        )
    genes, values = unique_symbols(symbols, values, notes=notes)
    return clinical, genes, samples, values


def read_expression_set(
    path: Path, *, notes: list[str] | None = None
) -> tuple[pl.DataFrame, list[str], list[str], Matrix]:
    """Read the one ExpressionSet, matrix or numeric data frame (genes by samples) of an .rda file.

    Returns the same four as `read_summarized_experiment`; `clinical` has no columns where the file holds the
    matrix alone.

    Raises
    ------
    SourceCorrupt
        The file is no R data file, or holds no single matrix with gene and sample names.
    """
    objects = list(_objects(path).values())
    if len(objects) != 1:
        raise SourceCorrupt(f"{path.name} holds {len(objects)} objects; exactly one is expected")
    holder, columns = objects[0], {}
    if hasattr(holder, "assayData"):
        try:
            columns = {str(name): holder.phenoData.data[name].to_numpy() for name in holder.phenoData.data.columns}
            holder = holder.assayData["exprs"]
        except (AttributeError, KeyError, TypeError) as error:
            raise SourceCorrupt(f"{path.name} is not laid out as an ExpressionSet: {error!r}") from error
    values, symbols, samples = _matrix(holder, path)
    if not symbols or not samples:
        raise SourceCorrupt(f"{path.name}: the matrix has no gene or no sample names")
    clinical = _frame(columns, len(samples), path)
    genes, values = unique_symbols([symbol.upper() for symbol in symbols], values, notes=notes)
    return clinical, genes, samples, values


def read_data_frame(path: Path) -> pl.DataFrame:
    """Read the one R data frame of an .rda file; every kind of missing value is null, row names are dropped."""
    objects = list(_objects(path).values())
    if len(objects) != 1 or not hasattr(objects[0], "columns"):
        raise SourceCorrupt(f"{path.name} holds {len(objects)} objects; exactly one data frame is expected")
    frame = objects[0]
    return _frame({str(name): frame[name].array for name in frame.columns}, len(frame), path)


def unique_symbols(
    symbols: Sequence[str], values: Matrix, *, notes: list[str] | None = None
) -> tuple[list[str], Matrix]:
    """Keep one row a gene symbol: rows without a symbol go, of repeated symbols the highest mean stays.

    Parameters
    ----------
    symbols : (g,) upper-case symbols, "" where there is none. values : (g, s).

    Returns
    -------
    genes : (h,) in the order of their first appearance. values : (h, s).
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # the mean of a row that is all nan is nan
        means = np.nan_to_num(np.nanmean(values.astype(np.float64), axis=1), nan=-np.inf) if values.size else []
    best: dict[str, int] = {}
    unnamed = 0
    for row, symbol in enumerate(symbols):
        if symbol in MISSING:
            unnamed += 1
        elif symbol not in best or means[row] > means[best[symbol]]:
            best[symbol] = row
    repeated = len(symbols) - unnamed - len(best)
    if notes is not None and unnamed:
        notes.append(f"{unnamed} rows of the expression matrix carry no gene symbol and are left out.")
    if notes is not None and repeated:
        notes.append(f"{repeated} rows repeat a gene symbol; of each, the row with the highest mean is kept.")
    return list(best), np.ascontiguousarray(values[list(best.values())], dtype=np.float32)


def _objects(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise SourceCorrupt(f"{path.name} is not there; fetch the study's files again")
    import rdata  # type: ignore[import-untyped, unused-ignore]

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # classes that it has no constructor for come as plain namespaces
            read: dict[str, Any] = rdata.read_rda(path)
    except UNREADABLE as error:
        raise SourceCorrupt(f"{path.name} cannot be read as an R data file: {error!r}") from error
    return read


def _matrix(holder: Any, path: Path) -> tuple[Matrix, list[str], list[str]]:
    """A data frame, labelled array or plain array -> float32 values with row and column names ([] where it has none)."""
    rows: list[str] = []
    columns: list[str] = []
    if hasattr(holder, "columns"):
        rows, columns = _strings(holder.index), _strings(holder.columns)
    elif hasattr(holder, "coords"):
        names = [_strings(holder.coords[dim]) if dim in holder.coords else [] for dim in holder.dims]
        rows, columns = names if len(names) == 2 else ([], [])
    try:
        values = np.asarray(holder, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise SourceCorrupt(f"{path.name}: the expression matrix holds values that are not numbers") from error
    if values.ndim != 2:
        raise SourceCorrupt(f"{path.name}: the expression matrix has {values.ndim} dimensions instead of 2")
    with np.errstate(invalid="ignore"):  # R's NA is a signalling nan
        return values.astype(np.float32), rows, columns


def _symbols(row_data: Any, names: list[str]) -> list[str]:
    """Upper-case gene symbols from rowData where it has them, else the row names."""
    columns: Mapping[Any, Any] = getattr(row_data, "listData", {})
    for name in SYMBOL_COLUMNS:
        if name in columns:
            return [symbol.upper() for symbol in _strings(columns[name])]
    return [symbol.upper() for symbol in names]


def _strings(values: Any) -> list[str]:
    return ["" if value is None or value is np.ma.masked else str(value) for value in np.asarray(values, dtype=object)]


def _frame(columns: Mapping[str, Any], height: int, path: Path) -> pl.DataFrame:
    series = [_series(name, value) for name, value in columns.items()]
    for one in series:
        if one.len() != height:
            raise SourceCorrupt(f"{path.name}: column '{one.name}' has {one.len()} values for {height} rows")
    return pl.DataFrame(series)


def _series(name: str, value: Any) -> pl.Series:
    """One R vector -> one polars series: text, integers, numbers or flags; wholly missing -> dtype Null."""
    if isinstance(value, np.ma.MaskedArray):
        items = [None if masked else item for item, masked in zip(value.data.tolist(), _mask(value), strict=True)]
    else:  # a factor arrives as a pandas Categorical
        items = np.asarray(value, dtype=object).tolist()
    cleaned = [None if _is_missing(item) else item for item in items]
    kinds = {type(item) for item in cleaned if item is not None}
    if not kinds:
        return pl.Series(name, cleaned, dtype=pl.Null)
    if kinds <= {bool}:
        return pl.Series(name, cleaned, dtype=pl.Boolean)
    if kinds <= {int}:
        return pl.Series(name, cleaned, dtype=pl.Int64)
    if kinds <= {int, float}:
        return pl.Series(name, cleaned, dtype=pl.Float64)
    return pl.Series(name, [None if item is None else str(item) for item in cleaned], dtype=pl.String)


def _mask(value: Any) -> list[bool]:
    return np.ma.getmaskarray(value).tolist()  # type: ignore[no-any-return]


def _is_missing(item: object) -> bool:
    if item is None or item is np.ma.masked:
        return True
    if isinstance(item, str):
        return item.strip() in MISSING
    return (isinstance(item, float) and item != item) or type(item).__name__ in {"NAType", "NaTType"}

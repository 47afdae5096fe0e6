"""Kept: what a model said of each patient, addressed by the model's hash, its code, and the patient's own input.

    CACHE/embeddings/MODEL-CODE/<hash of the keys>.parquet

A file is written whole as soon as its part is computed, so a killed run goes on where it was; a patient whose input did
not change is never computed twice, in whatever study or order it comes.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import polars as pl

from core.errors import BadModel
from core.pipeline.jobs import Vectors

MOST_FILES = 16

SCHEMA: dict[str, pl.DataType] = {
    "input_hash": pl.String(),
    "vector": pl.List(pl.Float32()),
    "log_odds": pl.Float64(),
    "os_risk": pl.Float64(),
    "pfs_risk": pl.Float64(),
    "subtype": pl.List(pl.Float32()),
    "seen": pl.List(pl.Boolean()),
}


class Kept:
    """Rows of one model. Without a folder they live as long as this object.

    Parameters
    ----------
    folder : the cache folder, or None. model : the bundle's name and the hash of the code that reads it.
    """

    def __init__(self, folder: Path | None, model: str, *, say: Callable[[str], None] | None = None) -> None:
        self.folder = folder / "embeddings" / model if folder is not None else None
        self._say = say
        self._rows = self._read()

    def find(self, keys: Sequence[str]) -> pl.DataFrame:
        """The rows of those keys that are known; no order."""
        return self._rows.filter(pl.col("input_hash").is_in(list(dict.fromkeys(keys))))

    def keep(self, keys: Sequence[str], found: Vectors) -> None:
        """Add one finished part.

        Raises
        ------
        BadModel
            The model gave a number that is not finite, or the folder cannot be written; what was kept before stays.
        """
        for name in ("vector", "log_odds"):
            if not np.isfinite(getattr(found, name)).all():
                raise BadModel("the model gives a number that is not finite for a patient; its weights are of no use: train it again")
        frame = frame_of(keys, found)
        fresh = frame.filter(~pl.col("input_hash").is_in(self._rows["input_hash"].implode())).unique("input_hash", maintain_order=True)
        if fresh.is_empty():
            return
        self._rows = pl.concat([self._rows, fresh])
        if self.folder is not None:
            self._write(fresh)

    def tidy(self) -> None:
        """Join many small files into one."""
        if self.folder is None:
            return
        files = sorted(self.folder.glob("*.parquet"))
        if len(files) > MOST_FILES:
            whole = self._write(self._rows)
            for path in files:
                if path != whole:
                    path.unlink(missing_ok=True)

    def _read(self) -> pl.DataFrame:
        found = [pl.DataFrame(schema=SCHEMA)]
        for path in sorted(self.folder.glob("*.parquet")) if self.folder is not None else ():
            try:
                frame = pl.read_parquet(path)
            except FileNotFoundError:  # joined into another file meanwhile
                continue
            except (OSError, pl.exceptions.PolarsError):
                frame = None
            if frame is None or dict(frame.schema) != SCHEMA:
                if self._say is not None:
                    self._say(f"the kept embeddings {path.name} are damaged and are computed again")
                path.unlink(missing_ok=True)
                continue
            found.append(frame)
        return pl.concat(found).unique("input_hash", maintain_order=True)

    def _write(self, rows: pl.DataFrame) -> Path:
        if self.folder is None:
            return Path()
        name = hashlib.blake2b("".join(sorted(rows["input_hash"])).encode(), digest_size=12).hexdigest()
        target = self.folder / f"{name}.parquet"
        draft = self.folder / f".{name}.{os.getpid()}"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            rows.write_parquet(draft, compression="zstd", compression_level=1)
            with draft.open("rb") as handle:
                os.fsync(handle.fileno())
            draft.replace(target)
        except (OSError, pl.exceptions.PolarsError) as error:
            raise BadModel(
                f"embeddings cannot be kept in {self.folder} ({error}); free space or make the folder writable, and run the same command "
                "again: what was kept before is not computed twice"
            ) from error
        finally:
            with contextlib.suppress(OSError):
                draft.unlink(missing_ok=True)
        return target


def frame_of(keys: Sequence[str], found: Vectors) -> pl.DataFrame:
    """Rows of SCHEMA."""
    return pl.DataFrame(
        {
            "input_hash": list(keys),
            "vector": pl.Series(found.vector.tolist(), dtype=pl.List(pl.Float32)),
            "log_odds": found.log_odds,
            "os_risk": found.os_risk,
            "pfs_risk": found.pfs_risk,
            "subtype": pl.Series(found.subtype.tolist(), dtype=pl.List(pl.Float32)),
            "seen": pl.Series(found.seen.tolist(), dtype=pl.List(pl.Boolean)),
        },
        schema=SCHEMA,
    )

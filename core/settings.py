"""Settings: read once from the environment, then passed down."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from core.errors import BadSetting


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Where things live and what the process may use.

    Attributes
    ----------
    data_dir : folder for the database, downloads, caches and models (TMESCOPE_DATA, default ``var``).
    mirror : folder that holds the study files at the path of their URL (TMESCOPE_MIRROR), or None to download.
    offline : never open a network connection (TMESCOPE_OFFLINE=1).
    workers : processes for the build (TMESCOPE_WORKERS, default 2).
    models : folder of trained models, or None for `data_dir`/models (TMESCOPE_MODELS).
    ledger : folder of the ledger of cut-offs, or None for `data_dir`/ledger (TMESCOPE_LEDGER); a team may share one.
    query_seconds : time limit of one database query (TMESCOPE_QUERY_SECONDS, default 20).
    """

    data_dir: Path = Path("var")
    mirror: Path | None = None
    ledger: Path | None = None
    models: Path | None = None
    offline: bool = False
    workers: int = 2
    query_seconds: float = 20.0

    @classmethod
    def from_env(cls) -> Settings:
        """Read the environment.

        Raises
        ------
        BadSetting
            A variable that must be a positive number is none.
        """
        env = os.environ
        mirror = env.get("TMESCOPE_MIRROR", "").strip()
        ledger = env.get("TMESCOPE_LEDGER", "").strip()
        models = env.get("TMESCOPE_MODELS", "").strip()
        return cls(
            data_dir=Path(env.get("TMESCOPE_DATA", "").strip() or "var"),
            mirror=Path(mirror) if mirror else None,
            ledger=Path(ledger) if ledger else None,
            models=Path(models) if models else None,
            offline=env.get("TMESCOPE_OFFLINE", "").strip() in {"1", "true", "yes"},
            workers=int(_number("TMESCOPE_WORKERS", 2)),
            query_seconds=_number("TMESCOPE_QUERY_SECONDS", 20),
        )

    @property
    def database_dir(self) -> Path:
        return self.data_dir / "database"

    @property
    def cache_dir(self) -> Path:
        return self.data_dir / "cache"

    @property
    def download_dir(self) -> Path:
        return self.data_dir / "downloads"

    @property
    def upload_dir(self) -> Path:
        """Cohorts that users ingested; they survive every rebuild."""
        return self.data_dir / "uploads"

    @property
    def models_dir(self) -> Path:
        """Models trained here; where there are any they speak instead of those that come with the software."""
        return self.models or self.data_dir / "models"

    @property
    def ledger_dir(self) -> Path:
        """The ledger of cut-offs tried, locked and validated; no build touches it."""
        return self.ledger or self.data_dir / "ledger"


def _number(name: str, default: float) -> float:
    text = os.environ.get(name, "").strip()
    try:
        value = float(text) if text else float(default)
    except ValueError:
        value = -1.0
    if not 0 < value < 1e6:
        raise BadSetting(f"{name} is '{text}'; give a positive number, or unset it for {default:g}")
    return value

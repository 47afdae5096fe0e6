"""A chart as a file: png, svg, pdf, html, csv."""

from __future__ import annotations

from core.export.export import MIME, export, filename

__all__ = ["MIME", "export", "filename"]

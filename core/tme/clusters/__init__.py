"""Clusters of patients in feature space: found by stability, tested against one group, carried over to other cohorts."""

from __future__ import annotations

from core.tme.clusters.discovery import Clustering, discover
from core.tme.clusters.stability import STABLE

__all__ = ["STABLE", "Clustering", "discover"]

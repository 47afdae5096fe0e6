"""Pipeline: the only place where data meets models. `enrich` fills a staged database with everything derived from it."""

from core.pipeline.enrich import enrich

__all__ = ["enrich"]

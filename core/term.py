"""Term: one entry of the glossary."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """One statistic or idea.

    Attributes
    ----------
    slug : anchor on the About page. name : as a heading. words : how captions write it (regular expression, no groups).
    text : what it is and how to read it. reference : short citation. doi : of the reference, or "".
    """

    slug: str
    name: str
    words: str
    text: str
    reference: str = ""
    doi: str = ""

"""Direct identifiers in a table, found by the names of columns and by what stands in them.

All 18 kinds of the HIPAA safe-harbour rule. Every column is looked at, mapped or not. What is found is only ever
shown masked. Detectors are strict in form (an SSN has hyphens and a valid area number, an IBAN a valid check sum), so
that study codes, gene and drug names and measurements pass.
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import polars as pl

from data.ingest.identifier_words import DATE_WORDS, EXACT, FIRST_NAMES, INNOCENT, KINDS, PHRASES

SHOWN = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Identifier:
    """One column that holds direct identifiers.

    Attributes
    ----------
    kind : key of KINDS. by : "name" (of the column) or "content". n : distinct values concerned.
    examples : at most 3, masked.
    """

    file: str
    column: str
    kind: str
    by: str
    n: int
    examples: tuple[str, ...] = ()

    def sentence(self) -> str:
        """Which column, what it holds, how it was seen."""
        how = "by its name" if self.by == "name" else f"by {self.n} of its values"
        shown = f", such as {', '.join(self.examples)}" if self.examples else ""
        return f"column {self.column!r} of {self.file} holds {KINDS[self.kind]} ({how}{shown})"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Detector:
    """`share` of the distinct values, and at least `least` of them, must look so for the column to count.

    `prefilter` (Rust regex) narrows the values before `test` looks at each.
    """

    kind: str
    prefilter: str
    test: Callable[[str], bool]
    share: float = 0.0
    least: int = 1


def scan(frame: pl.DataFrame, *, file: str) -> list[Identifier]:
    """Columns of text that hold direct identifiers, at most one finding a column.

    Parameters
    ----------
    frame : every column String; null = missing.
    """
    found = []
    for name in frame.columns:
        values = frame[name].drop_nulls().unique(maintain_order=True)
        kind = kind_by_name(name)
        if kind is None and _is_date_name(name) and not _years_or_durations(values):
            kind = "date"
        if kind is not None:
            examples = tuple(mask(value) for value in values.head(SHOWN))
            found.append(Identifier(file=file, column=name, kind=kind, by="name", n=values.len(), examples=examples))
            continue
        hit = kind_by_content(values)
        if hit is not None:
            kind, hits = hit
            examples = tuple(mask(value) for value in hits[:SHOWN])
            found.append(Identifier(file=file, column=name, kind=kind, by="content", n=len(hits), examples=examples))
    return found


def kind_by_name(column: str) -> str | None:
    """Kind of identifier that a column's name announces, or None."""
    words = split_words(column)
    if words in EXACT:
        return EXACT[words]
    padded = f" {words} "
    for phrase in INNOCENT:
        padded = padded.replace(f" {phrase} ", " ")
    compact = words.replace(" ", "")
    best, longest = None, 0
    for kind, phrases in PHRASES.items():
        for phrase in phrases:
            joined = " " in phrase and compact == phrase.replace(" ", "")
            if (joined or f" {phrase} " in padded) and len(phrase) > longest:
                best, longest = kind, len(phrase)
    return best


def kind_by_content(values: pl.Series) -> tuple[str, list[str]] | None:
    """(kind, the values that show it) of a column's distinct values, or None."""
    if values.is_empty():
        return None
    for detector in DETECTORS:
        candidates = values.filter(values.str.contains(detector.prefilter))
        if candidates.len() < detector.least or candidates.len() < detector.share * values.len():
            continue
        hits = [value for value in candidates if detector.test(value)]
        if len(hits) >= detector.least and len(hits) >= detector.share * values.len():
            return detector.kind, hits
    return None


def mask(value: str) -> str:
    """First letter and length: enough to find the column, too little to find the person."""
    text = value.strip()
    return f"{text[:1] if text[:1].isalpha() else '*'}*** ({len(text)} characters)"


def split_words(name: str) -> str:
    """'PatientLast_Name' -> 'patient last name'; accents fall away, ß is ss."""
    spaced = re.sub(r"([a-z0-9])([A-Z])|([A-Z])([A-Z][a-z])", r"\1\3 \2\4", name)
    plain = unicodedata.normalize("NFKD", spaced.casefold())
    return " ".join(re.findall(r"[a-z0-9]+", "".join(one for one in plain if not unicodedata.combining(one))))


def remedy(found: Sequence[Identifier]) -> str:
    """The refusal of a whole intake, in one sentence a column and one with what to do."""
    lines = "; ".join(one.sentence() for one in found)
    return (
        f"the folder holds direct identifiers, so nothing was taken in: {lines}. "
        "Delete these columns from the file, or run again with --drop-identifiers to leave them out"
    )


def _is_date_name(column: str) -> bool:
    words = split_words(column)
    return any(f" {word} " in f" {words} " for word in DATE_WORDS)


def _years_or_durations(values: pl.Series) -> bool:
    """All plain numbers under 10,000: years or days since a start; larger ones are dates as spreadsheets count them."""
    numbers = values.cast(pl.Float64, strict=False)
    return numbers.null_count() == 0 and (numbers.abs() < 10_000).all()


def _valid_date(year: int, month: int, day: int) -> bool:
    return 1900 <= year <= 2099 and 1 <= month <= 12 and 1 <= day <= 31


_ISO = re.compile(r"(?<![\w.-])((?:19|20)\d\d)[-/.](\d{1,2})[-/.](\d{1,2})(?!\d)(?![-/.]\d)")
_EURO = re.compile(r"(?<![\w.-])(\d{1,2})([-/.])(\d{1,2})\2((?:19|20)\d\d)(?![\w-])")
_SHORT = re.compile(r"\d{1,2}([/.-])\d{1,2}\1\d\d")
_MONTHS = (
    r"(?:jan|feb|m[aä]r|[aá]pr|abr|ma[iy]|avr|jui?[nl]|ago|aug|ao[uû]|sep|o[ck]t|nov|de[cz]|ene|dic|f[eé]v|d[eé]c)"
)
_WORDED = re.compile(
    rf"(?<!\w)(?:\d{{1,2}}[\s.-]*{_MONTHS}[a-zäéû]*[\s.,-]*(?:19|20)?\d\d|"
    rf"{_MONTHS}[a-zäéû]*[\s.,-]+(?:\d{{1,2}}(?:st|nd|rd|th)?,?\s+)?(?:19|20)\d\d)(?!\w)",
    re.IGNORECASE,
)


def _has_date(text: str) -> bool:
    for match in _ISO.finditer(text):
        if _valid_date(int(match[1]), int(match[2]), int(match[3])):
            return True
    for match in _EURO.finditer(text):
        first, second, year = int(match[1]), int(match[3]), int(match[4])
        if _valid_date(year, second, first) or _valid_date(year, first, second):
            return True
    return _WORDED.search(text) is not None


def _compact_date(text: str) -> bool:
    return _valid_date(int(text[:4]), int(text[4:6]), int(text[6:8]))


_SSN = re.compile(r"(?<![\w-])(?!000|666|9)\d{3}-(?!00)\d\d-(?!0000)\d{4}(?![\w-])")
_PHONE = re.compile(
    r"(?<![\w.-])(?:\+\d{1,3}[\s.-]?(?:\(0\)\s?)?\(?\d{1,4}\)?(?:[\s./-]?\d{2,5}){2,4}"  # +49 30 1234567
    r"|(?:1[\s.-])?(?:\([2-9]\d\d\)\s?|[2-9]\d\d[\s.-])\d{3}[\s.-]\d{4}"  # (555) 234-5678
    r"|0\d{2,5}\s?/\s?\d{4,9}|\(0\d{2,5}\)\s?\d{4,9}|0\d{2,4}\s\d{6,9}|01[567]\d-\d{6,8}"  # 030/1234567
    r"|0\d(?:[\s.]\d\d){4}|[679]\d\d \d\d\d \d\d\d)(?![\w-])"  # 01 23 45 67 89; 612 345 678
)
_EMAIL = re.compile(r"[\w.+%-]+@[\w-]+(?:\.[\w-]+)*\.[A-Za-z]{2,}")
_URL = re.compile(r"(?:https?|ftp)://(?!(?:dx\.)?doi\.org/)|(?<!\w)www\.[\w-]+\.\w", re.IGNORECASE)
_RECORD = re.compile(r"(?<![A-Za-z])(?:mrn|medical record(?: number| no\.?)?)\s*[:#=]?\s*\d{4,}", re.IGNORECASE)
_STREET = re.compile(
    r"^\d{1,5}[a-z]?,?\s+(?:[A-Z][\w.']*\s+){1,4}(?:street|st|avenue|ave|road|rd|lane|ln|drive|dr|boulevard|blvd|court|way)\b"
    r"|^\d{1,5},?\s*(?:bis\s+)?(?:rue|avenue|boulevard|place|chemin|calle|via)\s+\w|^(?:calle|avenida|rue)\s+\w.*\d"
    r"|(?:stra(?:ß|ss)e|str\.|gasse|allee|platz)\s*\d{1,4}\s?[a-z]?\b",
    re.IGNORECASE,
)
_UK_POSTCODE = re.compile(r"[A-Z]{1,2}\d[A-Z\d]? \d[A-Z]{2}")


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text.strip())
    except ValueError:
        return False
    return True


def _is_iban(text: str) -> bool:
    compact = text.replace(" ", "").upper()
    turned = compact[4:] + compact[:4]
    return 15 <= len(compact) <= 34 and turned.isalnum() and int("".join(str(int(one, 36)) for one in turned)) % 97 == 1


def _is_card(text: str) -> bool:
    digits = [int(one) for one in text if one.isdigit()]
    doubled = sum(digits[-1::-2]) + sum(sum(divmod(2 * one, 10)) for one in digits[-2::-2])
    return 13 <= len(digits) <= 19 and doubled % 10 == 0


def _is_vin(text: str) -> bool:
    values = {**{str(digit): digit for digit in range(10)}, **dict(zip("ABCDEFGH", range(1, 9), strict=True))}
    values.update({"J": 1, "K": 2, "L": 3, "M": 4, "N": 5, "P": 7, "R": 9})
    values.update(zip("STUVWXYZ", range(2, 10), strict=True))
    weights = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
    total = sum(values[one] * weight for one, weight in zip(text.upper(), weights, strict=True))
    return text.upper()[8] == "0123456789X"[total % 11] and any(one.isalpha() for one in text)


def _is_national_number(text: str) -> bool:
    digits = re.sub(r"[ .-]", "", text)
    if re.fullmatch(r"756\d{10}", digits):  # Swiss AHV, EAN-13 check digit
        odd = sum(int(one) * (3 if place % 2 else 1) for place, one in enumerate(digits[:12]))
        return (10 - odd % 10) % 10 == int(digits[12])
    if re.fullmatch(r"[12]\d{14}", digits):  # French NIR, modulus 97
        return 97 - int(digits[:13]) % 97 == int(digits[13:])
    if re.fullmatch(r"\d{8}[A-Z]", digits):  # Spanish DNI
        return "TRWAGMYFPDXBNJZSQVHLCKE"[int(digits[:8]) % 23] == digits[8]
    if re.fullmatch(r"\d{3} \d{3} \d{4}", text):  # NHS number, modulus 11
        return sum(int(one) * (10 - place) for place, one in enumerate(digits[:9])) % 11 == (11 - int(digits[9])) % 11
    return False


_TITLE = re.compile(
    r"^(?:mr|mrs|ms|miss|dr|prof|herr|frau|mme|monsieur|madame|señora?|sra?)\.?\s+[A-ZÀ-Ý]\w+", re.IGNORECASE
)
_NAME_SHAPE = re.compile(r"[A-Za-zÀ-ÿ'.-]+,?(?: [A-Za-zÀ-ÿ'.-]+){1,3}")


def _is_person(text: str) -> bool:
    """'Anna Schmidt', 'Smith, John A.', 'Dr. Weber': a title, or two to four words one of which is a first name."""
    text = text.strip()
    if _TITLE.match(text):
        return True
    if not _NAME_SHAPE.fullmatch(text) or text.lower().startswith(("ann arbor", "gleason", "karnofsky")):
        return False
    parts = [part.strip(",.").lower() for part in text.split()]
    parts = [half for part in parts for half in part.split("-")]
    return any(part in FIRST_NAMES for part in parts) and any(
        len(part) > 1 and part not in FIRST_NAMES for part in parts
    )


DETECTORS: tuple[_Detector, ...] = (
    _Detector(kind="email", prefilter=r"@", test=lambda text: _EMAIL.search(text) is not None),
    _Detector(kind="url", prefilter=r"(?i)://|www\.", test=lambda text: _URL.search(text) is not None),
    _Detector(kind="ssn", prefilter=r"\d-\d\d-\d", test=lambda text: _SSN.search(text) is not None),
    _Detector(kind="record", prefilter=r"(?i)mrn|medical record", test=lambda text: _RECORD.search(text) is not None),
    _Detector(kind="photo", prefilter=r"^(data:image/|/9j/4AAQ|iVBORw0KGgo)", test=lambda text: len(text) > 30),
    _Detector(kind="date", prefilter=r"(19|20|[ .,-])\d\d", test=_has_date),
    _Detector(kind="date", prefilter=r"^(19|20)\d{6}$", test=_compact_date, share=0.9, least=3),
    _Detector(
        kind="date",
        prefilter=r"^\d{1,2}[/.-]\d{1,2}[/.-]\d\d$",
        test=lambda text: _SHORT.fullmatch(text) is not None,
        share=0.8,
        least=3,
    ),
    _Detector(kind="date", prefilter=r"^(19|20)\d\d[-/](0[1-9]|1[0-2])$", test=lambda text: True, share=0.8, least=3),
    _Detector(kind="ssn", prefilter=r"^\d[\d .-]{7,19}[\dA-Z]$", test=_is_national_number, share=0.5, least=2),
    _Detector(kind="account", prefilter=r"^[A-Z]{2}\d\d[ A-Z0-9]{11,}$", test=_is_iban, share=0.2),
    _Detector(kind="account", prefilter=r"^\d[\d -]{11,21}\d$", test=_is_card, share=0.6, least=3),
    _Detector(kind="ip", prefilter=r"^\d+\.\d+\.\d+\.\d+$|^[0-9A-Fa-f]*:.*:.*:", test=_is_ip, share=0.2),
    _Detector(kind="device", prefilter=r"^([0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}$", test=lambda text: True, share=0.2),
    _Detector(kind="vehicle", prefilter=r"^[A-HJ-NPR-Za-hj-npr-z0-9]{17}$", test=_is_vin, share=0.5, least=2),
    _Detector(kind="phone", prefilter=r"\d.*\d\d\d|\d\d[ .]\d\d", test=lambda text: _PHONE.search(text) is not None),
    _Detector(kind="geography", prefilter=r"\d", test=lambda text: _STREET.search(text) is not None),
    _Detector(kind="geography", prefilter=r"^\d{5}-\d{4}$", test=lambda text: True, share=0.5, least=2),
    _Detector(
        kind="geography",
        prefilter=r"^[A-Z]{1,2}\d[A-Z\d]? \d[A-Z]{2}$",
        test=lambda text: _UK_POSTCODE.fullmatch(text) is not None,
        share=0.5,
        least=2,
    ),
    _Detector(kind="name", prefilter=r"^[^\d]*\p{L}[ ,.].*\p{L}", test=_is_person, share=0.3, least=2),
)
"""Strict forms count at a single value; looser ones need a share of the column's distinct values."""

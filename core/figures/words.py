"""Words: every number of a figure or an answer sentence, written one way.

AUC, hazard ratios and shares of one: 2 digits. p: 2 significant digits, "p < .001". Months: 1 digit. Rates: whole
percent from 100 patients on, else whole percent with the counts beside it. A number that is not defined is said so.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from core.finding import Finding
from core.groups import label_of
from data.schema import PATIENT

NOT_REACHED = "not reached"
UNDEFINED = "not estimable"


def _known(value: float | None) -> bool:
    return value is not None and not math.isnan(value)


def ratio(value: float | None) -> str:
    """A hazard ratio, AUC or c-index: 2 digits; very large and very small ones as bounds."""
    if value is None or math.isnan(value):
        return UNDEFINED
    if value >= 100:
        return "> 100"
    if 0 < value < 0.005:
        return "< 0.01"
    return f"{value:z.2f}".replace("-", "−")


def p(value: float | None) -> str:
    """A p value with its letter: "p = .012", "p < .001"; "p not estimable"."""
    if value is None or math.isnan(value):
        return f"p {UNDEFINED}"
    if value < 0.001:
        return "p < .001"
    if value > 0.99:
        return "p > .99"
    digits = 2 if value >= 0.095 else 3 if value >= 0.0095 else 4
    return f"p = {value:.{digits}f}".replace("0.", ".", 1)


def q(value: float | None) -> str:
    """A p value corrected to a false discovery rate, with its letter: "q = .012", "q < .001"; "q not estimable"."""
    return p(value).replace("p", "q", 1)


def months(value: float | None, *, unit: bool = True) -> str:
    """A time: "17.8 months"; "not reached" where a median does not exist."""
    if value is None or math.isnan(value):
        return NOT_REACHED
    return f"{value:.1f} months" if unit else f"{value:.1f}"


def interval(ci: tuple[float | None, float | None] | None, *, as_months: bool = False) -> str:
    """An interval: "0.42 to 0.79"; "12.0 to not reached"."""
    if ci is None:
        return ""
    write = (lambda v: months(v, unit=False)) if as_months else ratio
    return f"{write(ci[0])} to {write(ci[1])}"


def percent(value: float | None, *, digits: int = 0) -> str:
    """A share as per cent: "31%"."""
    if value is None or math.isnan(value):
        return UNDEFINED
    return f"{100 * value:.{digits}f}%"


def count(n: int, noun: str = "", *, plural: str = "") -> str:
    """A count with its noun: "1 patient", "2,881 patients"."""
    if not noun:
        return f"{n:,}"
    return f"{n:,} {noun if n == 1 else plural or noun + 's'}"


def number(value: float | None, *, unit: str = "") -> str:
    """Any other number: 3 significant digits, thousands separated."""
    if value is None or math.isnan(value):
        return "unknown"
    text = (f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}").replace("-", "−")
    return f"{text}{'' if unit == '%' else ' '}{unit}".strip() if unit else text


def estimate(finding: Finding, *, letter: str = "") -> str:
    """An effect with its interval: "HR 0.58 (0.42 to 0.79)"; "HR not estimable (no events in ...)"."""
    head = f"{letter} " if letter else ""
    if not _known(finding.effect):
        return f"{head}{UNDEFINED}" + (f" ({finding.note})" if finding.note else "")
    ci = finding.ci95
    if ci is None or not (_known(ci[0]) and _known(ci[1])):
        return f"{head}{ratio(finding.effect)}"
    return f"{head}{ratio(finding.effect)} ({interval(ci)})"


def hazard(finding: Finding) -> str:
    """A hazard ratio: "HR 0.58 (0.42 to 0.79)"."""
    return estimate(finding, letter="HR")


def area(finding: Finding) -> str:
    """An AUC: "AUC 0.73 (0.66 to 0.80)"."""
    return estimate(finding, letter="AUC")


def median(value: float, ci: tuple[float, float]) -> str:
    """A median time: "17.8 months (12.0 to not reached)"; "not reached (21.5 to not reached)"."""
    return f"{months(value)} ({interval(ci, as_months=True)})"


def rate(responders: int, n: int, *, ci: tuple[float, float] | None = None) -> str:
    """A response rate with its counts: "31% (19 of 62; 95% CI 21% to 43%)"."""
    if n == 0:
        return "no evaluable patient"
    inside = f"{responders:,} of {n:,}"
    if ci is not None:
        inside += f"; 95% CI {percent(ci[0])} to {percent(ci[1])}"
    return f"{percent(responders / n)} ({inside})"


def listing(items: Sequence[str]) -> str:
    """A list in words: "a, b and c"."""
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} and {items[-1]}"


def missing(n: int, what: str) -> str:
    """A calm sentence on patients left out; empty when there are none: "12 patients have no TMB and are left out."."""
    if n == 0:
        return ""
    return f"{count(n, 'patient')} {'has' if n == 1 else 'have'} no {what} and {'is' if n == 1 else 'are'} left out."


def inside(label: str) -> str:
    """A label inside a sentence: "best response (RECIST)", "PD-L1 on immune cells", "CD8A expression"."""
    first = label.split(" ")[0]
    keeps = sum(c.isupper() for c in first) > 1 or any(c.isdigit() for c in first)
    return label if keeps else label[:1].lower() + label[1:]


def column(name: str) -> str:
    """A column inside a sentence; see `inside`."""
    return inside(label_of(name))


def signed(x: float, *, digits: int = 2) -> str:
    """A difference with its sign: "+0.42", "−0.10"."""
    return f"{x:+z.{digits}f}".replace("-", "−")


def feature(name: str) -> str:
    """A model's feature in words: a patient column's label, a hallmark set in lower case, a gene symbol as it is."""
    if name in PATIENT.dtypes:
        return label_of(name)
    if name.upper().startswith("HALLMARK_"):
        return name[len("HALLMARK_") :].replace("_", " ").lower().capitalize() + " (hallmark)"
    return name.replace("_", " ")


def value(name: str, content: object) -> str:
    """One value of a patient column with its unit: "12 mutations/Mb", "yes", "unknown"."""
    if content is None:
        return "unknown"
    if isinstance(content, bool):
        if name == "response":
            return "responder" if content else "non-responder"
        return "yes" if content else "no"
    if isinstance(content, (int, float)):
        kind = PATIENT.column(name).kind if name in PATIENT.dtypes else "number"
        unit = PATIENT.column(name).unit if name in PATIENT.dtypes else ""
        return months(float(content)) if kind == "time" else number(float(content), unit=unit)
    return str(content)


def event(outcome: str, n: int) -> str:
    """Events of an endpoint: "1 death", "34 events"."""
    return count(n, "death" if outcome in {"os", "dss"} else "event")

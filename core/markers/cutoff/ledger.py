"""Ledger: an append-only file of what was tried, locked and validated, each record chained to the one before it.

One line of JSON a record. A record carries the hash of the record before it and its own SHA-256 over canonical JSON, so
that a line that was changed, taken out or put in is found and named. A second small file names the last record, so that
lines taken off the end are found too. Writers take a file lock, append with O_APPEND and wait for the disk.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import math
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, get_args

from core.errors import LedgerError, UnknownName

Kind = Literal["tried", "locked", "validated"]
START = "0" * 64
"""What the first record names as the one before it."""
SHORT = 12
"""Characters of a hash that people read."""
FIELDS = ("number", "time", "kind", "content", "previous", "hash")


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One line of the ledger.

    Attributes
    ----------
    number : from 1. time : UTC, ISO 8601. kind : what happened. content : its facts.
    previous : hash of the record before it. hash : SHA-256 of everything above as canonical JSON.
    """

    number: int
    time: str
    kind: Kind
    content: Mapping[str, Any]
    previous: str
    hash: str

    @property
    def short(self) -> str:
        """The hash as people read it."""
        return self.hash[:SHORT]


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """Everything that the file holds, checked.

    Attributes
    ----------
    records : in order. problems : sentences that name what was tampered with; empty when the chain holds.
    torn : sentences on lines that a crash cut short: the one at the end of the file, and those kept aside earlier.
    """

    records: tuple[Record, ...]
    problems: tuple[str, ...]
    torn: tuple[str, ...]

    @property
    def head(self) -> str:
        """Hash of the last record."""
        return self.records[-1].hash if self.records else START

    def find(self, start: str, *, kind: Kind | None = None) -> Record:
        """The record whose hash begins so (8 characters at least).

        Raises
        ------
        UnknownName
            No record, or more than one, does.
        """
        named = str(start).strip().lower()
        kinds = "record" if kind is None else f"{kind} record"
        found = [r for r in self.records if (kind is None or r.kind == kind) and r.hash.startswith(named)]
        if len(named) < 8 or len(found) != 1:
            raise UnknownName(
                f"the ledger holds {'more than one' if len(found) > 1 and len(named) >= 8 else 'no'} {kinds} "
                f"'{str(start)[:64]}'; copy the hash from the ledger"
            )
        return found[0]

    @property
    def sentence(self) -> str:
        """Whether the chain holds, in words."""
        if self.problems:
            return f"The ledger does not hold: {self.problems[0]}" + (
                f" ({len(self.problems) - 1} more problems)" if len(self.problems) > 1 else ""
            )
        n = len(self.records)
        if n == 0:
            return "Nothing has been tried here yet."
        return "Its one record is as it was written." if n == 1 else f"All {n:,} records are as they were written; none was changed, moved or taken out."


def canonical(value: object) -> str:
    """JSON with sorted keys and no spaces; not-a-number and infinity become null, as JSON has neither."""
    return json.dumps(plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def plain(value: object) -> object:
    """A value as JSON can hold it."""
    if isinstance(value, bool) or value is None or isinstance(value, str | int):
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    raise TypeError(f"the ledger cannot hold a {type(value).__name__}")


def digest(number: int, time: str, facts: Mapping[str, object]) -> str:
    """SHA-256 of a record; `facts` holds kind, content and previous."""
    return hashlib.sha256(canonical({"number": number, "time": time, **facts}).encode()).hexdigest()


class Ledger:
    """The ledger of one data folder. Safe to use from several processes and threads at once."""

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)
        self.path = self.folder / "ledger.jsonl"
        self.end = self.folder / "end"

    def state(self) -> State:
        """All records with what is wrong with them; a broken ledger is still readable."""
        try:
            with self._locked(exclusive=False):
                return self._read()
        except FileNotFoundError:  # no lock file: nothing was ever written here, or somebody took the file away
            return self._read()
        except OSError as error:
            raise LedgerError(f"the ledger cannot be read ({error.strerror or error}); make the data folder readable") from error

    def records(self, kind: Kind | None = None) -> tuple[Record, ...]:
        """Records in order, or those of one kind."""
        return tuple(r for r in self.state().records if kind is None or r.kind == kind)

    def verify(self) -> State:
        """The state of a ledger whose chain holds.

        Raises
        ------
        LedgerError
            A record was changed, taken out or put in; the message names it.
        """
        state = self.state()
        _hold(state)
        return state

    def find(self, start: str, *, kind: Kind | None = None) -> Record:
        """The record whose hash begins so; see `State.find`.

        Raises
        ------
        UnknownName
            No record, or more than one, does. LedgerError : the chain does not hold.
        """
        return self.verify().find(start, kind=kind)

    def append(self, kind: Kind, content: Mapping[str, object]) -> Record:
        """Write one record and wait until it is on the disk.

        Raises
        ------
        LedgerError
            The chain does not hold, so that nothing may be added; or the folder cannot be written.
        """
        return self.decide(lambda state: (kind, content))

    def decide(self, choice: Callable[[State], tuple[Kind, Mapping[str, object]] | Record]) -> Record:
        """Look at the state and write at most one record, with nobody writing in between.

        Parameters
        ----------
        choice : from the state either the (kind, content) to write, or a record that stands already. What it raises is
            passed on, and nothing is written.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with self._locked(exclusive=True):
                self._set_aside()
                state = self._read()
                _hold(state)
                chosen = choice(state)
                return chosen if isinstance(chosen, Record) else self._write(state, *chosen)
        except OSError as error:
            raise LedgerError(
                f"the ledger in {self.folder.name} cannot be written ({error.strerror or error}); "
                "make the data folder writable: nothing is locked or validated without it"
            ) from error

    @contextlib.contextmanager
    def _locked(self, *, exclusive: bool) -> Iterator[None]:
        flags = os.O_RDWR | os.O_CREAT if exclusive else os.O_RDONLY
        handle = os.open(self.folder / "lock", flags, 0o644)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH)
            yield
        finally:
            os.close(handle)

    def _read(self) -> State:
        try:
            facts = self.path.stat()
        except FileNotFoundError:
            facts = None
        try:
            end = self.end.read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            end = ""
        aside = tuple(sorted(p.name for p in self.folder.glob("torn-*")))
        key = (facts.st_ino, facts.st_size, facts.st_mtime_ns) if facts is not None else (0, 0, 0)
        return _parse(str(self.path), key, (end, *aside))

    def _write(self, state: State, kind: Kind, content: Mapping[str, object]) -> Record:
        if kind not in get_args(Kind):
            raise UnknownName(f"there is no kind of record '{kind}'; there are {', '.join(get_args(Kind))}")
        number, time = len(state.records) + 1, datetime.now(UTC).isoformat(timespec="milliseconds")
        facts = {"kind": kind, "content": plain(content), "previous": state.head}
        made = Record(number=number, time=time, hash=digest(number, time, facts), **facts)  # type: ignore[arg-type]
        line = canonical({name: getattr(made, name) for name in FIELDS}) + "\n"
        handle = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            _put(handle, line.encode())
        finally:
            os.close(handle)
        self._name_end(made)
        return made

    def _name_end(self, last: Record) -> None:
        draft = self.folder / "end.new"
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        try:
            _put(handle, f"{last.number} {last.hash}\n".encode())
        finally:
            os.close(handle)
        draft.replace(self.end)
        folder = os.open(self.folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _set_aside(self) -> None:
        """A last line that a crash cut short goes into a file of its own; a whole one that lacks its end gets it."""
        try:
            data = self.path.read_bytes()
        except FileNotFoundError:
            return
        tail = data[data.rfind(b"\n") + 1 :]
        if not tail:
            return
        if _record(tail.decode("utf-8", errors="replace")) is not None:
            handle = os.open(self.path, os.O_WRONLY | os.O_APPEND)
            try:
                _put(handle, b"\n")
            finally:
                os.close(handle)
            return
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
        handle = os.open(self.folder / f"torn-{stamp}", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        try:
            _put(handle, tail)
        finally:
            os.close(handle)
        with self.path.open("r+b") as file:
            file.truncate(len(data) - len(tail))
            file.flush()
            os.fsync(file.fileno())


def _put(handle: int, data: bytes) -> None:
    while data:
        data = data[os.write(handle, data) :]
    os.fsync(handle)


def _hold(state: State) -> None:
    if state.problems:
        raise LedgerError(
            f"{state.sentence} Nothing is locked or validated on it; restore the file from a copy, or start a new data folder"
        )


def _record(line: str) -> Record | None:
    """A line as a record; None where it is none."""
    try:
        raw = json.loads(line)
    except ValueError:
        return None
    if not isinstance(raw, dict) or set(raw) != set(FIELDS) or raw["kind"] not in get_args(Kind):
        return None
    texts = all(isinstance(raw[name], str) for name in ("time", "previous", "hash"))
    if not texts or type(raw["number"]) is not int or not isinstance(raw["content"], dict):
        return None
    return Record(**raw)


@lru_cache(maxsize=8)
def _parse(path: str, key: tuple[int, int, int], beside: tuple[str, ...]) -> State:
    """Read and check the whole file; remembered until it changes."""
    end, *aside = beside
    text = Path(path).read_bytes().decode("utf-8", errors="replace") if key[0] else ""
    lines = text.split("\n")
    tail = lines.pop()
    torn = [f"A line that a crash cut short is kept aside in {name}." for name in aside]
    if tail and _record(tail) is None:
        torn.append(
            f"The last line ({len(tail):,} characters) was cut short by a crash; it is kept aside at the next write."
        )
    elif tail:
        lines.append(tail)
    records: list[Record] = []
    problems: list[str] = []
    previous, number = START, 0
    for line in lines:
        number += 1
        found = _record(line)
        if found is None:
            problems.append(f"record {number} cannot be read.")
            previous = ""
            continue
        facts = {"kind": found.kind, "content": found.content, "previous": found.previous}
        if digest(found.number, found.time, facts) != found.hash:
            problems.append(f"record {found.number} ({found.kind}, {found.time[:19]}) was changed after it was written.")
        elif found.number != number or (previous and found.previous != previous):
            problems.append(
                f"record {found.number} ({found.kind}, {found.time[:19]}) does not follow the one before it: records were taken "
                "out, put in or moved."
            )
        previous, number = found.hash, found.number
        records.append(found)
    last, _, named = end.partition(" ")
    if last.isdigit():
        count = int(last)
        if len(lines) < count:
            problems.append(f"records {len(lines) + 1} to {count} were taken off the end.")
        elif count and not any(r.number == count and r.hash == named for r in records):
            problems.append(f"record {count} is not the one that was written last.")
    elif len(lines) > 1:  # a crash after the first record may leave none
        problems.append("the file that names the last record is gone, so that records may be missing at the end.")
    return State(records=tuple(records), problems=tuple(problems), torn=tuple(torn))

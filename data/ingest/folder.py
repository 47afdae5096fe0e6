"""The files of a cohort folder, opened with suspicion: where they lie, how big they are, what they hold.

Nothing is read whole before its path, kind and size are known to be sane.
"""

from __future__ import annotations

import difflib
import gzip
import hashlib
import re
import stat
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from data.errors import IngestError

MEGABYTE = 1024 * 1024
SNIFF_BYTES = 64 * 1024
MAX_CELLS = 5_000_000
ENCODINGS = ("utf-8", "latin-1", "cp1252", "utf-16")

_MAGIC = (
    (b"PK\x03\x04", "a zip archive or Excel workbook"),
    (b"\xd0\xcf\x11\xe0", "an old Excel (.xls) file"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
    (b"PAR1", "a parquet file"),
    (b"\x1f\x8b", "a gzip file"),
    (b"BZh", "a bzip2 file"),
    (b"\xfd7zXZ", "an xz file"),
    (b"%PDF", "a PDF"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"SQLite format 3", "an SQLite database"),
)


def near(name: str, known: Iterable[str]) -> str:
    """ " ; did you mean ...?" for a name that is not among the known ones, or the known ones when few."""
    options = [str(option) for option in known]
    by_lower = {option.lower(): option for option in options}
    close = [by_lower[match] for match in difflib.get_close_matches(name.lower(), by_lower, n=3, cutoff=0.55)]
    if close:
        return f"did you mean {' or '.join(repr(option) for option in close)}?"
    shown = ", ".join(options[:12]) + (", ..." if len(options) > 12 else "")
    return f"there are: {shown or 'none'}"


def inside(folder: Path, name: str) -> Path:
    """The file `name` of the folder.

    Raises
    ------
    IngestError
        The path leaves the folder (absolute, '..', or a link that points out), or is no regular file.
    """
    root = folder.resolve()
    if not name or "\x00" in name:
        raise IngestError(f"file = {name!r} in study.toml is no file name; name a file of the folder")
    asked = Path(name)
    try:
        path = (root / asked).resolve()
        outside = asked.is_absolute() or ".." in asked.parts or not path.is_relative_to(root)
        found = not outside and path.exists()
        regular = found and stat.S_ISREG(path.stat().st_mode)
    except (OSError, RuntimeError) as error:
        raise IngestError(f"file = {name!r} cannot be opened; copy the file itself into the folder") from error
    if outside:
        raise IngestError(
            f"file = {name!r} points outside the cohort folder; copy the file into the folder and name it without a path"
        )
    if not found:
        others = [other.name for other in sorted(root.iterdir()) if other.is_file()]
        raise IngestError(f"the file {name!r} that study.toml names is not in the folder; {near(name, others)}")
    if not regular:
        raise IngestError(f"{name!r} is no ordinary file; copy the file itself into the folder")
    return path


def at_most(path: Path, limit: int, *, what: str) -> None:
    """Refuse an empty file and one over `limit` bytes, before it is opened.

    Raises
    ------
    IngestError
        The file is empty or too big.
    """
    size = path.stat().st_size
    if size == 0:
        raise IngestError(f"{path.name} is empty; export it again")
    if size > limit:
        raise IngestError(
            f"{path.name} has {size / MEGABYTE:,.0f} MB, but {what} may have {limit / MEGABYTE:,.0f} MB; "
            "check that it is the right file, or keep only the columns that study.toml names"
        )


def kind_of(path: Path) -> str:
    """What the first bytes say the file is, in words; "" where they look like text."""
    with path.open("rb") as stream:
        head = stream.read(SNIFF_BYTES)
    for magic, words in _MAGIC:
        if head.startswith(magic):
            return words
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return ""
    odd = sum(head.count(byte) for byte in (b"\x00", b"\x01", b"\x02", b"\x03", b"\x05", b"\x06", b"\x0e", b"\x0f"))
    return "binary data" if odd else ""


def text_lines(path: Path, *, encoding: str, limit: int) -> Iterator[str]:
    """Lines of a text file (gzip too), with their ends, decoded one by one.

    Raises
    ------
    IngestError
        Binary content, text in another encoding, a line of more than 16 MB, or more than `limit` bytes unpacked.
    """
    packed = path.suffix.lower() == ".gz"
    words = kind_of(path)
    if words and not (packed and words == "a gzip file"):
        raise IngestError(f"{path.name} holds {words}, not text; export the table as csv or tsv again")
    if packed and not words:
        raise IngestError(f"{path.name} is not a gzip file; compress it again, or drop the ending .gz")
    with path.open("rb") as probe:
        head = probe.read(2)
    wide = not packed and head in {b"\xff\xfe", b"\xfe\xff"}
    if wide and encoding != "utf-16":
        raise IngestError(f'{path.name} is UTF-16 text; save it as UTF-8, or say encoding = "utf-16" in study.toml')
    codec = "utf-8-sig" if encoding == "utf-8" else encoding
    number = total = 0
    try:
        if encoding == "utf-16":
            with path.open("rt", encoding="utf-16", newline="") as wide_stream:
                yield from wide_stream
            return
        with gzip.open(path, "rb") if packed else path.open("rb") as stream:
            while line := stream.readline(16 * MEGABYTE):
                number += 1
                total += len(line)
                if total > limit:
                    raise IngestError(f"{path.name} unpacks to more than {limit / MEGABYTE:,.0f} MB; shorten it")
                if len(line) == 16 * MEGABYTE:
                    raise IngestError(f"line {number} of {path.name} is over 16 MB long: this is no table")
                if b"\x00" in line:
                    raise IngestError(f"line {number} of {path.name} holds binary data; export the table again")
                text = line.decode(codec if number == 1 or codec != "utf-8-sig" else "utf-8")
                if "\r" in text.rstrip("\r\n"):  # line ends of old Macs
                    yield from re.findall(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+$", text)
                else:
                    yield text
    except UnicodeDecodeError as error:
        bad = error.object[error.start]
        raise IngestError(
            f"line {number} of {path.name} is not {encoding} text (byte 0x{bad:02X}); save the file as UTF-8, "
            'or say encoding = "latin-1" in study.toml'
        ) from None
    except UnicodeError:
        raise IngestError(f"{path.name} is not {encoding} text; save the file as UTF-8") from None
    except (EOFError, OSError, zlib.error) as error:
        raise IngestError(f"{path.name} cannot be read to its end ({error}); copy or compress it again") from error


def check_workbook(path: Path, *, limit: int) -> None:
    """Look through an .xlsx before a reader unpacks it: a whole archive, no bomb, no sheet of absurd extent.

    Raises
    ------
    IngestError
        Truncated or no workbook; unpacks to more than `limit` bytes; a cell far outside any table.
    """
    again = "save it as .xlsx again, or export the sheet as csv"
    if kind_of(path) != "a zip archive or Excel workbook":
        raise IngestError(f"{path.name} holds {kind_of(path) or 'text'}, not an .xlsx workbook; {again}")
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            if len(entries) > 2000 or sum(entry.file_size for entry in entries) > limit:
                raise IngestError(
                    f"{path.name} unpacks to more than {limit / MEGABYTE:,.0f} MB from {path.stat().st_size:,} bytes; {again}"
                )
            if not any(entry.filename == "xl/workbook.xml" for entry in entries):
                raise IngestError(f"{path.name} is a zip archive, not an .xlsx workbook; {again}")
            for entry in entries:
                sheet = entry.filename.startswith("xl/worksheets/") and entry.filename.endswith(".xml")
                if entry.flag_bits & 1:
                    raise IngestError(f"{path.name} is protected by a password; save it without one")
                rows, columns = _extent(archive, entry) if sheet else (0, 0)
                if rows * columns > MAX_CELLS:
                    raise IngestError(
                        f"{entry.filename.rsplit('/', 1)[-1]} of {path.name} reaches row {rows:,} and column {columns:,}; "
                        "delete the empty rows and columns after the table"
                    )
    except (zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, EOFError, OSError, RuntimeError, ValueError) as error:
        raise IngestError(f"{path.name} is truncated or damaged ({error}); {again}") from error


def sha256(path: Path) -> str:
    """Checksum of a file, read a megabyte at a time."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(MEGABYTE):
            digest.update(block)
    return digest.hexdigest()


_CELL = re.compile(rb'\br="([A-Z]{1,3})(\d{1,7})"')


def _extent(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> tuple[int, int]:
    """Last row and column that the cells of a sheet name."""
    rows = columns = 0
    tail = b""
    seen: set[bytes] = set()
    with archive.open(entry) as stream:
        while block := stream.read(MEGABYTE):
            block = tail + block
            for letters, digits in _CELL.findall(block):
                seen.add(letters)
                rows = max(rows, int(digits))
            tail = block[-48:]
    for letters in seen:
        number = 0
        for letter in letters:
            number = number * 26 + letter - 64
        columns = max(columns, number)
    return rows, columns

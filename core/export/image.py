"""Image: figures to png, svg and pdf through one Chromium that stays open."""

from __future__ import annotations

import asyncio
import atexit
import os
import shutil
import threading
from collections.abc import Coroutine
from typing import Any

import plotly.graph_objects as go

from core.errors import CohortError

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "microsoft-edge")
SECONDS = 45.0


class NoBrowser(CohortError):
    """No Chromium to draw a picture with."""


class ExportFailed(CohortError):
    """Chromium could not draw the picture."""


def browser() -> str:
    """Path of the browser that draws pictures: BROWSER_PATH, else the first Chromium on the PATH.

    Raises
    ------
    NoBrowser
        There is none.
    """
    named = os.environ.get("BROWSER_PATH", "").strip()
    candidates = (named,) if named else BROWSERS
    for name in candidates:
        path = shutil.which(name)
        if path:
            return path
    raise NoBrowser(
        (f"BROWSER_PATH names {named}, which cannot be run" if named else "no Chromium was found on this computer")
        + "; install the package 'chromium' to download PNG, SVG and PDF; HTML and CSV work without it"
    )


class Studio:
    """One open browser, and the thread whose event loop talks to it. Every wait has a time limit."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._kaleido: Any = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="figure export", daemon=True)
        self._thread.start()
        try:
            self._wait(self._open())
        except BaseException:
            self._end()
            raise

    async def _open(self) -> None:
        import kaleido

        opened = kaleido.Kaleido(n=1, timeout=SECONDS, mathjax=False, path=self.path)
        self._kaleido = await opened.__aenter__()

    def _wait(self, work: Coroutine[Any, Any, Any]) -> Any:
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result(SECONDS)
        except TimeoutError:
            future.cancel()
            raise

    @property
    def alive(self) -> bool:
        """Whether the browser's process still runs."""
        process = getattr(self._kaleido, "subprocess", None)
        return process is None or process.poll() is None

    def draw(self, figure: go.Figure, options: dict[str, object]) -> bytes:
        """The bytes of a picture."""
        content = self._wait(self._kaleido.calc_fig(figure, opts=options))
        return bytes(content)

    def close(self) -> None:
        """Close the browser and end the thread."""
        if self._kaleido is not None and self.alive:
            try:
                self._wait(self._kaleido.__aexit__(None, None, None))
            except (OSError, RuntimeError, TimeoutError):
                self._kaleido = None
        self._end()

    def _end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        if not self._thread.is_alive():
            self._loop.close()


_lock = threading.Lock()
_open: list[Studio] = []


def stop() -> None:
    """Close the browser, if it is open."""
    while _open:
        _open.pop().close()


atexit.register(stop)


def draw(figure: go.Figure, *, kind: str, scale: float = 2.0) -> bytes:
    """A composed figure as png (pixels = size x scale), svg or pdf.

    One picture at a time: calls from several threads wait for each other. A browser that has died is replaced, once.

    Raises
    ------
    NoBrowser, ExportFailed
    """
    path = browser()
    options: dict[str, object] = {
        "format": kind, "width": figure.layout.width, "height": figure.layout.height, "scale": scale if kind == "png" else 1,
    }  # fmt: skip
    with _lock:
        if _open and (not _open[0].alive or _open[0].path != path):
            stop()
        fresh = not _open
        try:
            return _draw(path, figure, options)
        except Exception as error:
            stop()
            if fresh or isinstance(error, TimeoutError):
                raise _failed(kind, error) from error
        try:
            return _draw(path, figure, options)
        except Exception as error:
            stop()
            raise _failed(kind, error) from error


def _draw(path: str, figure: go.Figure, options: dict[str, object]) -> bytes:
    if not _open:
        _open.append(Studio(path))
    return _open[0].draw(figure, options)


def _failed(kind: str, error: Exception) -> ExportFailed:
    reason = str(error.args[0] if error.args else error).splitlines()
    return ExportFailed(
        f"the {kind.upper()} could not be drawn ({reason[0] if reason and reason[0] else type(error).__name__}); "
        "try again, or download HTML"
    )

"""Image: figures to png, svg and pdf through one Chromium that stays open."""

from __future__ import annotations

import atexit
import os
import shutil
import threading

import plotly.graph_objects as go

from core.errors import CohortError

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "microsoft-edge")
SECONDS = 60.0

_lock = threading.Lock()
_started = False


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


def _start() -> None:
    """Open the browser once for the process."""
    global _started
    if _started:
        return
    import kaleido

    kaleido.start_sync_server(n=1, timeout=SECONDS, mathjax=False, path=browser(), silence_warnings=True)
    atexit.register(stop)
    _started = True


def stop() -> None:
    """Close the browser, if it is open."""
    global _started
    if _started:
        import kaleido

        kaleido.stop_sync_server(silence_warnings=True)
        _started = False


def draw(figure: go.Figure, *, kind: str, scale: float = 2.0) -> bytes:
    """A composed figure as png (pixels = size x scale), svg or pdf.

    Raises
    ------
    NoBrowser, ExportFailed
    """
    browser()
    size = {"width": figure.layout.width, "height": figure.layout.height, "scale": scale if kind == "png" else 1}
    with _lock:
        _start()
        import kaleido

        try:
            content = kaleido.calc_fig_sync(figure, opts={"format": kind, **size})
        except (OSError, RuntimeError, ValueError, TimeoutError) as error:
            stop()
            raise ExportFailed(
                f"the {kind.upper()} could not be drawn ({str(error).splitlines()[0] if str(error) else type(error).__name__}); try again, or download HTML"
            ) from error
    if not isinstance(content, bytes) or not content:
        raise ExportFailed(f"the {kind.upper()} came out empty; try again, or download HTML")
    return content

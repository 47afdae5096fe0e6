"""What happens once, when the server starts: imports, garbage collection, headers. Not once a reader."""

from __future__ import annotations

import gc
import importlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Any

import streamlit
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit import net_util
from streamlit.runtime.pages_manager import PagesManager

SCIENCE = (
    "core.cohort.portrait", "core.cohort.quality", "core.cohort.sources", "core.tme.atlas", "core.tme.group_profile", "core.tme.group_outcome", "core.tme.layout", "core.response.stratified",
    "core.response.ranking", "core.response.closer.look", "core.survival.closer.hazards", "core.survival.closer.constancy", "core.survival.closer.mean",
    "core.survival.closer.adjusted", "core.survival.closer.ranking", "core.survival.closer.competing", "core.markers.drivers", "core.export", "pages.shared.ui", "plotly.io",
)  # fmt: skip

HEADERS = {
    "X-Frame-Options": "SAMEORIGIN",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}


@asynccontextmanager
async def lifespan(app: Any) -> AsyncIterator[None]:
    """Import the science before the first reader comes; then freeze it, so that no collection walks over it again."""
    # `pages/` is a room of this house, not Streamlit's automatic menu: without this the first link that is opened after
    # a start would be announced as "Page not found"
    PagesManager.uses_pages_directory = False
    # Streamlit asks a server on the internet for this machine's address when it judges a foreign origin; nothing is asked here
    net_util._external_ip = "127.0.0.1"
    for name in SCIENCE:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()
    yield


@cache
def preload() -> str:
    """A Link header that lets a browser fetch the figure code while it still reads the app's own (0.3 s sooner)."""
    folder = Path(streamlit.__file__).parent / "static" / "static" / "js"
    return ", ".join(f"</static/js/{path.name}>; rel=modulepreload" for path in sorted(folder.glob("PlotlyChart.*.js")))


class Headers:
    """Tell browsers not to frame the app elsewhere, not to guess types, not to pass links on, and what they will need."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                if headers.get("content-type", "").startswith("text/html") and preload():
                    headers.setdefault("Link", preload())
            await send(message)

        await self.app(scope, receive, with_headers if scope["type"] == "http" else send)


MIDDLEWARE = (Middleware(Headers),)

"""Tiles of pictures, for the browser: whole names only, from the folder of pictures only."""

from __future__ import annotations

import re
from functools import partial

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from core.errors import CohortError, SlideError
from core.settings import Settings
from core.spatial import pyramid
from core.spatial.pictures import FOLDER

NAME = re.compile(r"[A-Za-z0-9_]{1,80}-[0-9a-f]{16}-\d{1,3}\.tiles", re.ASCII)
FOREVER = {"Cache-Control": "private, max-age=31536000, immutable"}
LARGEST_SIDE = 20_000


def _read(name: str, place: tuple[int, int, int]) -> bytes | None:
    return pyramid.read(Settings.from_env().cache_dir / FOLDER / name).tile(*place)


def _crop(name: str, box: tuple[int, int, int]) -> bytes:
    return pyramid.crop(pyramid.read(Settings.from_env().cache_dir / FOLDER / name), box)


async def tile(request: Request) -> Response:
    """One tile of a picture; 404 where there is none, 410 with a sentence where it is damaged or gone."""
    name = request.path_params["name"]
    place = tuple(request.path_params[part] for part in ("level", "column", "row"))
    return await _answer(name, partial(_read, name, place))  # type: ignore[arg-type]


async def crop(request: Request) -> Response:
    """A square of a picture; as `tile`."""
    name = request.path_params["name"]
    left, top, side = (request.path_params[part] for part in ("left", "top", "side"))
    if not 0 < side <= LARGEST_SIDE:
        return PlainTextResponse("no such square", status_code=404)
    return await _answer(name, partial(_crop, name, (left, top, side)))


async def _answer(name: str, work: partial[bytes] | partial[bytes | None]) -> Response:
    if not NAME.fullmatch(name):
        return PlainTextResponse("no such picture", status_code=404)
    try:
        found = await run_in_threadpool(work)
    except SlideError as error:
        return PlainTextResponse(str(error), status_code=410)
    except CohortError:
        return PlainTextResponse("no such picture", status_code=404)
    if found is None:
        return PlainTextResponse("no such tile", status_code=404)
    return Response(found, media_type="image/jpeg", headers=FOREVER)


ROUTES = (
    Route("/picture/{name}/{level:int}/{column:int}/{row:int}", tile, methods=["GET"]),
    Route("/picture/{name}/square/{left:int}/{top:int}/{side:int}", crop, methods=["GET"]),
)

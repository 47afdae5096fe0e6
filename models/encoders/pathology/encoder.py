"""Encoder: tiles in, one vector a tile out."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from models.card import ModelError
from models.encoders.pathology import weights as reading
from models.encoders.pathology.family import Family
from models.encoders.pathology.kernels import Precision

if TYPE_CHECKING:
    import torch

    from models.encoders.pathology.transformer import Network

Array32 = npt.NDArray[np.float32]
Tiles = npt.NDArray[np.uint8] | npt.NDArray[np.floating]
Asked = Literal["auto", "fp32", "bf16", "int8"]
CPU_BATCH, GPU_BATCH = 16, 256
VERSION = "1"
"""Changes when the same weights give other numbers, so that nothing stored before is taken for new."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PathologyEncoder:
    """A family with its weights.

    Attributes
    ----------
    family : what it is. weights : tensors under the names of `weights.shapes`. sha256 : of the file that they came from.
    """

    family: Family
    weights: Mapping[str, torch.Tensor]
    sha256: str
    _ready: dict[tuple[str, str], Network] = field(default_factory=dict, repr=False, compare=False)

    @property
    def dimension(self) -> int:
        """Width of an embedding."""
        return self.family.dimension

    @property
    def hash(self) -> str:
        """16 hexadecimal digits: equal when the same tile gives the same embedding at the same precision."""
        described = json.dumps(asdict(self.family), sort_keys=True)
        return hashlib.sha256(f"{VERSION}\n{self.sha256}\n{described}".encode()).hexdigest()[:16]

    def network(self, *, device: str, precision: Precision) -> Network:
        """The weights made ready for a device, once."""
        from models.encoders.pathology.transformer import Network

        if (device, precision) not in self._ready:
            self._ready[device, precision] = Network(self.weights, self.family, device=device, precision=precision)
        return self._ready[device, precision]

    def embed(
        self, tiles: Tiles, *, batch: int | None = None, precision: Asked = "auto", device: str | None = None, compiled: bool = False
    ) -> Array32:
        """One vector a tile.

        Parameters
        ----------
        tiles : (n, h, w, 3) uint8, or (n, 3, h, w) colours from 0 to 1; sides a multiple of the patch.
        batch : tiles at a time; halved and tried again where memory runs out. precision : "auto" = bf16 on a GPU, else fp32.
        device : torch's name; the GPU where there is one. compiled : through torch.compile, worth its minute for many tiles on a GPU.

        Returns
        -------
        (n, dimension) float32

        Raises
        ------
        ModelError
            Tiles of another shape, NaN or values outside 0 to 1, or no memory for a single tile.
        """
        import torch

        whole = checked(tiles, patch_px=self.family.architecture.patch_px)
        where = device or ("cuda" if torch.cuda.is_available() else "cpu")
        on_gpu = torch.device(where).type != "cpu"
        chosen: Precision = ("bf16" if on_gpu else "fp32") if precision == "auto" else precision
        network = self.network(device=where, precision=chosen)
        run = torch.compile(network, dynamic=True) if compiled else network

        def forward(part: Tiles) -> Array32:
            with torch.inference_mode():
                made: Array32 = self.readout(run(_tensor(part, where))).float().cpu().numpy()
                return made

        return in_batches(forward, whole, batch=batch or (GPU_BATCH if on_gpu else CPU_BATCH), width=self.dimension)

    def readout(self, tokens: torch.Tensor) -> torch.Tensor:
        """(n, tokens, width) -> (n, dimension): the class token, with the mean of the patches where the family adds it."""
        import torch

        if self.family.readout == "cls":
            return tokens[:, 0]
        patches = tokens[:, 1 + self.family.architecture.registers :]
        return torch.cat([tokens[:, 0], patches.mean(dim=1)], dim=-1)


def load(family: Family, path: Path, *, sha256: str = "") -> PathologyEncoder:
    """A family with the weights of a file.

    Parameters
    ----------
    path : a safetensors file. sha256 : what it must be, "" = whatever it is.

    Raises
    ------
    ModelError
        No safetensors file, not the one expected, or weights of another family.
    """
    found = _sha256(path)
    if sha256 and found != sha256.lower():
        raise ModelError(f"{path.name} has the SHA-256 {found[:16]}..., not {sha256.lower()[:16]}...; copy or download it again")
    tensors = reading.renamed(reading.read(path))
    return PathologyEncoder(
        family=family, weights=reading.checked(tensors, family.architecture, what=f"the weights {path.name}"), sha256=found
    )


def checkpoint(path: Path, *, like: Family | None = None, heads: int | None = None) -> PathologyEncoder:
    """An encoder from a person's own weights; its architecture is read from their shapes.

    Parameters
    ----------
    path : a safetensors file of a vision transformer. like : a family whose colours, tile size and readout apply; those of
        ImageNet, 224 px and the class token without one. heads : of attention; width / 64 unless told (shapes do not say).

    Raises
    ------
    ModelError
        No safetensors file, or no vision transformer with a class token.
    """
    tensors = reading.renamed(reading.read(path))
    architecture = reading.architecture_of(tensors, heads=heads)
    if like is not None:
        architecture = replace(architecture, epsilon=like.architecture.epsilon)
    base = like or _OWN
    side = base.input_px - base.input_px % architecture.patch_px
    family = replace(
        base, name=f"own-{path.stem}", label=f"own weights, {path.name}", architecture=architecture, input_px=side, hub="",
        licence="that of the weights that you bring", gated=False, limits=_OWN.limits,
        trained_on=_OWN.trained_on, pathology_trained=False,
    )  # fmt: skip
    return PathologyEncoder(
        family=family, weights=reading.checked(tensors, architecture, what=f"the weights {path.name}"), sha256=_sha256(path)
    )


def checked(tiles: Tiles, *, patch_px: int) -> Tiles:
    """Tiles that a network can read.

    Raises
    ------
    ModelError
        Another shape or type, a side that is no multiple of the patch, NaN, or a colour outside 0 to 1.
    """
    bytes_ = tiles.dtype == np.uint8
    colours = tiles.shape[-1 if bytes_ else 1] if tiles.ndim == 4 else 0
    if colours != 3 or not (bytes_ or np.issubdtype(tiles.dtype, np.floating)):
        raise ModelError(f"tiles have shape {tiles.shape} and type {tiles.dtype}; give (n, h, w, 3) uint8 or (n, 3, h, w) from 0 to 1")
    height, width = tiles.shape[1:3] if bytes_ else tiles.shape[2:]
    if height < patch_px or width < patch_px or height % patch_px or width % patch_px:
        raise ModelError(f"a tile of {width} x {height} px cannot be cut into patches of {patch_px} px; use multiples of {patch_px}")
    if not bytes_ and tiles.size:
        if not np.isfinite(tiles).all():
            row = int(np.flatnonzero(~np.isfinite(tiles).all(axis=(1, 2, 3)))[0])
            raise ModelError(f"tile {row} holds NaN or infinity; leave it out")
        low, high = float(tiles.min()), float(tiles.max())
        if low < -1e-6 or high > 1 + 1e-6:
            raise ModelError(f"colours reach from {low:.3g} to {high:.3g}; divide them by 255, or give uint8")
    return tiles


def in_batches(forward: Callable[[Tiles], Array32], tiles: Tiles, *, batch: int, width: int) -> Array32:
    """Run a forward pass over tiles, a batch at a time; where memory runs out, the batch is halved and work goes on.

    Raises
    ------
    ModelError
        A single tile does not fit, or an embedding is no number.
    """
    import torch

    made = np.empty((len(tiles), width), dtype=np.float32)
    start, size = 0, max(1, batch)
    while start < len(tiles):
        try:
            part = forward(tiles[start : start + size])
        except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
            if isinstance(error, RuntimeError) and not isinstance(error, torch.OutOfMemoryError) and "alloc" not in str(error):
                raise
            if size == 1:
                raise ModelError("there is no memory for a single tile; close other programs, or choose a smaller encoder") from error
            size = (min(size, len(tiles) - start) + 1) // 2
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
            continue
        if not np.isfinite(part).all():
            raise ModelError(f"the embedding of tile {start + int(np.flatnonzero(~np.isfinite(part).all(axis=1))[0])} is no number; choose fp32")
        made[start : start + len(part)] = part
        start += len(part)
    return made


def _tensor(tiles: Tiles, device: str) -> torch.Tensor:
    """(n, h, w, 3) on the device: bytes, or colours from 0 to 255 in single precision."""
    import torch

    if tiles.dtype == np.uint8:
        return torch.from_numpy(np.ascontiguousarray(tiles)).to(device)
    return torch.from_numpy(np.ascontiguousarray(tiles, dtype=np.float32)).to(device).permute(0, 2, 3, 1).contiguous() * 255.0


def _sha256(path: Path) -> str:
    if not path.is_file():
        raise ModelError(f"there are no weights at {path}; give the path of a safetensors file")
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def _own() -> Family:
    from models.encoders.pathology.family import Architecture

    return Family(
        name="own", label="own weights", hub="", licence="that of the weights that you bring", gated=False,
        reference="own weights", doi="", trained_on="what the weights that you bring were trained on", pathology_trained=False,
        architecture=Architecture(width=64, depth=1, heads=1, hidden=64, patch_px=16, grid=14),
        limits="Nothing is known about these weights but their shapes; heads are assumed to have 64 channels unless told.",
    )  # fmt: skip


_OWN = _own()

"""Transformer: the forward pass of a vision transformer, written for inference.

Same numbers as the published networks: colour normalisation and layer scale are folded into the neighbouring products,
query, key and value are one product, and attention is torch's fused kernel.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from models.encoders.pathology.family import Architecture, Family
from models.encoders.pathology.kernels import Precision, attention, product
from models.encoders.pathology.weights import STEM_STEPS

if TYPE_CHECKING:
    import torch

    from models.encoders.pathology.kernels import Product

BATCH_NORM_EPSILON = 1e-5


class Network:
    """Weights made ready for one device and precision; called with (n, h, w, 3) colours from 0 to 255, gives tokens.

    Attributes
    ----------
    stream : dtype of the residual stream: bfloat16 where a GPU computes in it, else single precision.
    """

    def __init__(self, weights: Mapping[str, torch.Tensor], family: Family, *, device: str, precision: Precision) -> None:
        import torch

        self.architecture, self.device, self.precision = family.architecture, device, precision
        on_gpu = torch.device(device).type != "cpu"
        self.stream = torch.bfloat16 if on_gpu and precision == "bf16" else torch.float32
        w = {name: tensor.to(device) for name, tensor in weights.items()}
        a = self.architecture
        self._prefix, self._position = _positions(w, a)
        self._grids: dict[tuple[int, int], torch.Tensor] = {}
        self._stem = _stem(w, family, precision=precision)
        self._blocks = [_block(w, a, number, precision=precision, stream=self.stream) for number in range(a.depth)]
        self._norm = (w["norm.weight"].to(self.stream), w["norm.bias"].to(self.stream))

    def __call__(self, tiles: torch.Tensor) -> torch.Tensor:
        """Tokens after the last norm, (n, 1 + registers + patches, width): class, registers, patches row by row."""
        import torch
        from torch.nn import functional

        a = self.architecture
        n, height, width, _ = tiles.shape
        grid = (height // a.patch_px, width // a.patch_px)
        patches = self._stem(tiles).to(self.stream).view(n, grid[0] * grid[1], a.width) + self.positions(grid)
        x = torch.cat([self._prefix.to(self.stream).expand(n, -1, -1), patches], dim=1)
        shape = x.shape
        x = x.view(-1, a.width)
        for norm1, norm2, (qkv, out), (up, down) in self._blocks:
            y = functional.layer_norm(x, (a.width,), *norm1, a.epsilon)
            heads = qkv(y).view(n, shape[1], 3, a.heads, a.width // a.heads).permute(2, 0, 3, 1, 4)
            mixed = attention(heads[0], heads[1], heads[2], precision=self.precision)
            x = x + out(mixed.transpose(1, 2).reshape(-1, a.width))
            y = functional.layer_norm(x, (a.width,), *norm2, a.epsilon)
            y = up(y)
            if a.feedforward == "swiglu":
                gate, value = y.chunk(2, dim=-1)
                y = functional.silu(gate) * value
            x = x + down(y)
        final: torch.Tensor = functional.layer_norm(x, (a.width,), *self._norm, a.epsilon)
        return final.view(shape)

    def positions(self, grid: tuple[int, int]) -> torch.Tensor:
        """The position embedding for a picture of so many patches, (1, patches, width): bicubic, as DINOv2 does it.

        Networks with registers were published with antialiasing, those without were published without.
        """
        from torch.nn import functional

        a = self.architecture
        if grid == (a.grid, a.grid):
            return self._position.to(self.stream)
        if grid not in self._grids:
            square = self._position.view(1, a.grid, a.grid, a.width).permute(0, 3, 1, 2)
            resized = functional.interpolate(square, size=grid, mode="bicubic", align_corners=False, antialias=a.registers > 0)
            self._grids[grid] = resized.permute(0, 2, 3, 1).reshape(1, -1, a.width).to(self.stream)
        return self._grids[grid]


def _positions(w: Mapping[str, torch.Tensor], a: Architecture) -> tuple[torch.Tensor, torch.Tensor]:
    """Class and register tokens with what position is theirs, (1, 1 + registers, width), and that of patches, (1, grid², width)."""
    import torch

    tokens = torch.cat([w["cls_token"], w["reg_token"]], dim=1) if a.registers else w["cls_token"]
    stored = w["pos_embed"]
    ahead = int(stored.shape[1]) - a.grid**2
    tokens = tokens.clone()
    tokens[:, :ahead] += stored[:, :ahead]
    return tokens, stored[:, ahead:].contiguous()


def _stem(w: Mapping[str, torch.Tensor], family: Family, *, precision: Precision) -> Product:
    """Colours from 0 to 255 -> (n x patches, width)."""
    import torch
    from torch.nn import functional

    a = family.architecture
    device = w["cls_token"].device
    mean = torch.tensor(family.mean, device=device) * 255.0
    spread = torch.tensor(family.spread, device=device) * 255.0
    exact: Precision = "bf16" if precision == "bf16" and device.type != "cpu" else "fp32"
    if a.stem == "patch":
        kernel = w["patch_embed.proj.weight"].permute(0, 2, 3, 1)  # (width, row, column, colour)
        folded = kernel / spread
        bias = w["patch_embed.proj.bias"] - (folded * mean).sum(dim=(1, 2, 3))
        first = product(folded.reshape(a.width, -1), bias, precision=exact)

        def patches(tiles: torch.Tensor) -> torch.Tensor:
            n, height, width, _ = tiles.shape
            rows, columns = height // a.patch_px, width // a.patch_px
            cut = tiles.view(n, rows, a.patch_px, columns, a.patch_px * 3).transpose(2, 3)
            return first(cut.reshape(n * rows * columns, -1).to(torch.float32))

        return patches

    at = "patch_embed.proj."

    def stem(tiles: torch.Tensor) -> torch.Tensor:
        x = ((tiles.to(torch.float32) - mean) / spread).permute(0, 3, 1, 2)
        for step in range(STEM_STEPS):
            x = functional.conv2d(x, w[f"{at}{3 * step}.weight"], stride=2, padding=1)
            moments = (w[f"{at}{3 * step + 1}.running_mean"], w[f"{at}{3 * step + 1}.running_var"])
            scale = (w[f"{at}{3 * step + 1}.weight"], w[f"{at}{3 * step + 1}.bias"])
            x = functional.relu(functional.batch_norm(x, *moments, *scale, eps=BATCH_NORM_EPSILON))
        x = functional.conv2d(x, w[f"{at}{3 * STEM_STEPS}.weight"], w[f"{at}{3 * STEM_STEPS}.bias"])
        return x.flatten(2).transpose(1, 2).reshape(-1, a.width)

    return stem


_Pair = tuple["torch.Tensor", "torch.Tensor"]


def _block(
    w: Mapping[str, torch.Tensor], a: Architecture, number: int, *, precision: Precision, stream: torch.dtype
) -> tuple[_Pair, _Pair, tuple[Product, Product], tuple[Product, Product]]:
    """Both norms, (query-key-value, output) and (up, down) of a block."""

    def norm(name: str) -> _Pair:
        return w[f"{at}{name}.weight"].to(stream), w[f"{at}{name}.bias"].to(stream)

    def linear(name: str, *, scale: str = "", gelu: bool = False) -> Product:
        weight, bias = w[f"{at}{name}.weight"], w[f"{at}{name}.bias"]
        if a.layer_scale and scale:
            factor = w[f"{at}{scale}.gamma"]
            weight, bias = weight * factor[:, None], bias * factor
        return product(weight, bias, precision=precision, gelu=gelu)

    at = f"blocks.{number}."
    attention = (linear("attn.qkv"), linear("attn.proj", scale="ls1"))
    feedforward = (linear("mlp.fc1", gelu=a.feedforward == "gelu"), linear("mlp.fc2", scale="ls2"))
    return norm("norm1"), norm("norm2"), attention, feedforward

"""Weights: read a safetensors file, whatever names its publisher uses, into one set of names and shapes.

Nothing is unpickled: a .bin or .pt file is refused by what it holds, not by its name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from models.card import ModelError
from models.encoders.pathology.family import Architecture
from models.weights import refuse_other_formats

if TYPE_CHECKING:
    import torch

    Tensors = dict[str, torch.Tensor]

_PREFIXES = ("teacher.backbone.", "module.backbone.", "module.", "backbone.", "dinov2_with_registers.", "dinov2.", "vit.", "model.")
_UNUSED = ("head.", "fc_norm.", "pooler.", "classifier.", "embeddings.mask_token", "mask_token")
_RENAMED = (
    (r"^embeddings\.cls_token$", "cls_token"),
    (r"^embeddings\.register_tokens$|^register_tokens$", "reg_token"),
    (r"^embeddings\.position_embeddings$", "pos_embed"),
    (r"^embeddings\.patch_embeddings\.projection\.", "patch_embed.proj."),
    (r"^encoder\.layer\.", "blocks."),
    (r"^layernorm\.", "norm."),
    (r"\.layernorm_before\.", ".norm1."),
    (r"\.layernorm_after\.", ".norm2."),
    (r"\.attention\.attention\.(query|key|value)\.", r".attn.\1."),
    (r"\.attention\.(q|k|v)_proj\.", r".attn.\1."),
    (r"\.attn\.q\.", ".attn.query."),
    (r"\.attn\.k\.", ".attn.key."),
    (r"\.attn\.v\.", ".attn.value."),
    (r"\.attention\.(output\.dense|o_proj)\.", ".attn.proj."),
    (r"\.layer_scale([12])\.lambda1$", r".ls\1.gamma"),
    (r"\.intermediate\.dense\.", ".mlp.fc1."),
    (r"^(blocks\.\d+)\.output\.dense\.", r"\1.mlp.fc2."),
    (r"\.mlp\.(weights_in|w12)\.", ".mlp.fc1."),
    (r"\.mlp\.(weights_out|w3)\.", ".mlp.fc2."),
)
"""Names of Hugging Face's Dinov2Model and ViTModel and of the first DINOv2 release, in the order of replacement."""

STEM_STEPS = 4
"""Halvings of a convolutional stem: 16 px become one token."""


def read(path: Path) -> Tensors:
    """Every tensor of a safetensors file, in single precision.

    Raises
    ------
    ModelError
        There is no such file, it is a pickle, it was cut, or it is no safetensors file.
    """
    import torch
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise ModelError(f"there are no weights at {path}; give the path of a safetensors file")
    with path.open("rb") as handle:
        start = handle.read(16)
    refuse_other_formats(start, path.name)
    size, header = path.stat().st_size, int.from_bytes(start[:8], "little") if len(start) >= 8 else 0
    if 0 < header < 100_000_000 and size < header + 8:
        raise ModelError(f"{path.name} was cut after {size:,} bytes; copy or download it again")
    try:
        with safe_open(path, framework="pt") as opened:
            found = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError) as error:
        cut = "was cut or" if "incomplete" in str(error).lower() else "is no safetensors file or was"
        raise ModelError(f"{path.name} {cut} damaged ({error}); copy or download it again") from error
    return {name: tensor.to(torch.float32) for name, tensor in found.items()}


def renamed(tensors: Mapping[str, torch.Tensor]) -> Tensors:
    """The tensors under one set of names (those of timm), query, key and value as one; what an encoder does not use is left out."""
    import torch

    made: Tensors = {}
    for given, tensor in tensors.items():
        name = given
        for prefix in _PREFIXES:
            name = name.removeprefix(prefix)
        for pattern, instead in _RENAMED:
            name = re.sub(pattern, instead, name)
        if not name.startswith(_UNUSED) and not name.endswith("num_batches_tracked"):
            made[name] = tensor
    for name in [name for name in made if ".attn.query." in name]:
        parts = [name.replace(".query.", f".{part}.") for part in ("query", "key", "value")]
        if all(part in made for part in parts):
            made[name.replace(".query.", ".qkv.")] = torch.cat([made.pop(part) for part in parts])
    return made


def shapes(architecture: Architecture) -> dict[str, tuple[int, ...]]:
    """The shape that each tensor of an architecture must have; the position embedding may be longer by its prefix tokens."""
    a = architecture
    gate = 2 if a.feedforward == "swiglu" else 1
    made: dict[str, tuple[int, ...]] = {"cls_token": (1, 1, a.width), "pos_embed": (1, a.grid**2 + 1, a.width)}
    if a.registers:
        made["reg_token"] = (1, a.registers, a.width)
    if a.stem == "patch":
        made |= {"patch_embed.proj.weight": (a.width, 3, a.patch_px, a.patch_px), "patch_embed.proj.bias": (a.width,)}
    else:
        inner, outer = 3, a.width // 2 ** (STEM_STEPS - 1)
        for step in range(STEM_STEPS):
            made[f"patch_embed.proj.{3 * step}.weight"] = (outer, inner, 3, 3)
            for part in ("weight", "bias", "running_mean", "running_var"):
                made[f"patch_embed.proj.{3 * step + 1}.{part}"] = (outer,)
            inner, outer = outer, outer * 2
        made[f"patch_embed.proj.{3 * STEM_STEPS}.weight"] = (a.width, inner, 1, 1)
        made[f"patch_embed.proj.{3 * STEM_STEPS}.bias"] = (a.width,)
    for block in range(a.depth):
        at = f"blocks.{block}."
        for half in ("norm1", "norm2"):
            made |= {f"{at}{half}.weight": (a.width,), f"{at}{half}.bias": (a.width,)}
        made |= {f"{at}attn.qkv.weight": (3 * a.width, a.width), f"{at}attn.qkv.bias": (3 * a.width,)}
        made |= {f"{at}attn.proj.weight": (a.width, a.width), f"{at}attn.proj.bias": (a.width,)}
        made |= {f"{at}mlp.fc1.weight": (gate * a.hidden, a.width), f"{at}mlp.fc1.bias": (gate * a.hidden,)}
        made |= {f"{at}mlp.fc2.weight": (a.width, a.hidden), f"{at}mlp.fc2.bias": (a.width,)}
        if a.layer_scale:
            made |= {f"{at}ls1.gamma": (a.width,), f"{at}ls2.gamma": (a.width,)}
    return made | {"norm.weight": (a.width,), "norm.bias": (a.width,)}


def checked(tensors: Mapping[str, torch.Tensor], architecture: Architecture, *, what: str) -> Tensors:
    """The tensors, where names and shapes are those of the architecture and every value is a number.

    Raises
    ------
    ModelError
        A tensor is missing, is one too many, has another shape, or holds NaN or infinity.
    """
    import torch

    expected = shapes(architecture)
    missing = [name for name in expected if name not in tensors]
    if missing:
        raise ModelError(f"{what} lack {missing[0]} ({len(missing)} of {len(expected)} tensors are missing); choose the family that they belong to")
    surplus = sorted(name for name in tensors if name not in expected)
    if surplus:
        raise ModelError(f"{what} hold {surplus[0]}, which this family does not have; choose the family that they belong to")
    prefixes = {architecture.grid**2 + extra for extra in (0, 1, 1 + architecture.registers)}
    for name, shape in expected.items():
        found = tuple(tensors[name].shape)
        if found != shape and not (name == "pos_embed" and len(found) == 3 and found[1] in prefixes and found[2] == architecture.width):
            raise ModelError(f"{name} of {what} has shape {found}; this family has {shape}: choose the family that they belong to")
        if not bool(torch.isfinite(tensors[name]).all()):
            raise ModelError(f"{name} of {what} holds a value that is no number; copy or download them again")
    return dict(tensors)


def architecture_of(tensors: Mapping[str, torch.Tensor], *, heads: int | None = None) -> Architecture:
    """The architecture that renamed tensors belong to, read from their shapes; heads of 64 channels unless told.

    Raises
    ------
    ModelError
        They are no vision transformer with a class token.
    """
    needed = ("cls_token", "pos_embed", "blocks.0.mlp.fc1.weight", "blocks.0.mlp.fc2.weight", "norm.weight")
    lacking = [name for name in needed if name not in tensors]
    if lacking:
        raise ModelError(f"these weights lack {lacking[0]}: they are no vision transformer with a class token")
    width = int(tensors["cls_token"].shape[-1])
    hidden = int(tensors["blocks.0.mlp.fc2.weight"].shape[1])
    stem = "patch" if "patch_embed.proj.weight" in tensors else "convolution"
    registers = int(tensors["reg_token"].shape[1]) if "reg_token" in tensors else 0
    length = int(tensors["pos_embed"].shape[1])
    grids = [round((length - extra) ** 0.5) for extra in (1, 0, 1 + registers) if round((length - extra) ** 0.5) ** 2 == length - extra]
    if not grids:
        raise ModelError(f"{length} positions are no square of patches, with or without a class token")
    return Architecture(
        width=width,
        depth=1 + max(int(name.split(".")[1]) for name in tensors if name.startswith("blocks.")),
        heads=heads or max(1, width // 64),
        hidden=hidden,
        patch_px=int(tensors["patch_embed.proj.weight"].shape[-1]) if stem == "patch" else 2**STEM_STEPS,
        grid=grids[0],
        registers=registers,
        layer_scale="blocks.0.ls1.gamma" in tensors,
        feedforward="swiglu" if int(tensors["blocks.0.mlp.fc1.weight"].shape[0]) == 2 * hidden else "gelu",
        stem="patch" if stem == "patch" else "convolution",
    )

"""Tiny vision transformers with random weights, and a plain forward pass to compare with."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch.nn import functional

from models.encoders.pathology import Architecture, Family, PathologyEncoder, family
from models.encoders.pathology.weights import shapes

GELU = Architecture(width=32, depth=2, heads=2, hidden=48, patch_px=14, grid=4, layer_scale=True)
SWIGLU = replace(GELU, feedforward="swiglu", registers=3)
PLAIN = Architecture(width=32, depth=2, heads=4, hidden=64, patch_px=16, grid=3)
STEM = replace(PLAIN, stem="convolution")
ARCHITECTURES = {"layer scale": GELU, "swiglu, registers": SWIGLU, "plain": PLAIN, "convolution": STEM}


def weights(architecture: Architecture, *, seed: int = 0) -> dict[str, torch.Tensor]:
    """Random, of the size of trained ones."""
    rng = torch.Generator().manual_seed(seed)
    made = {}
    for name, shape in shapes(architecture).items():
        drawn = torch.randn(shape, generator=rng)
        if name.endswith(("norm1.weight", "norm2.weight", "norm.weight", "gamma")):
            made[name] = 1 + 0.3 * drawn
        elif name.endswith("running_var"):
            made[name] = 1 + drawn.abs()
        else:
            made[name] = drawn * (0.15 if len(shape) > 1 else 0.3)
    return made


def shown(architecture: Architecture, **changed: object) -> Family:
    """A family of that architecture."""
    side = architecture.patch_px * architecture.grid
    return replace(family("dinov2-small"), name="tiny", label="Tiny ViT", architecture=architecture, input_px=side, **changed)


def encoder(architecture: Architecture = GELU, **changed: object) -> PathologyEncoder:
    """With random weights."""
    return PathologyEncoder(family=shown(architecture, **changed), weights=weights(architecture), sha256="0" * 64)


def tiles(n: int, side: int = 56, *, seed: int = 0) -> np.ndarray:
    """Random pictures, (n, side, side, 3) uint8."""
    return np.random.default_rng(seed).integers(0, 256, (n, side, side, 3), dtype=np.uint8)


def plain_tokens(given: Family, w: dict[str, torch.Tensor], pictures: np.ndarray) -> torch.Tensor:
    """The textbook forward pass, step by step, in double precision; pictures of the stored grid only."""
    a = given.architecture
    w = {name: tensor.double() for name, tensor in w.items()}
    x = torch.from_numpy(pictures).permute(0, 3, 1, 2).double() / 255
    x = (x - torch.tensor(given.mean).double().view(1, 3, 1, 1)) / torch.tensor(given.spread).double().view(1, 3, 1, 1)
    at = "patch_embed.proj."
    if a.stem == "patch":
        x = functional.conv2d(x, w[f"{at}weight"], w[f"{at}bias"], stride=a.patch_px)
    else:
        for step in range(4):
            x = functional.conv2d(x, w[f"{at}{3 * step}.weight"], stride=2, padding=1)
            n = f"{at}{3 * step + 1}."
            x = functional.relu(functional.batch_norm(x, w[f"{n}running_mean"], w[f"{n}running_var"], w[f"{n}weight"], w[f"{n}bias"]))
        x = functional.conv2d(x, w[f"{at}12.weight"], w[f"{at}12.bias"])
    x = torch.cat([w["cls_token"].expand(len(x), -1, -1), x.flatten(2).transpose(1, 2)], dim=1) + w["pos_embed"]
    if a.registers:
        x = torch.cat([x[:, :1], w["reg_token"].expand(len(x), -1, -1), x[:, 1:]], dim=1)
    for block in range(a.depth):
        b = f"blocks.{block}."
        y = functional.layer_norm(x, (a.width,), w[f"{b}norm1.weight"], w[f"{b}norm1.bias"], a.epsilon)
        q, k, v = (y @ w[f"{b}attn.qkv.weight"].T + w[f"{b}attn.qkv.bias"]).chunk(3, dim=-1)
        q, k, v = (part.view(*part.shape[:2], a.heads, -1).transpose(1, 2) for part in (q, k, v))
        share = (q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5).softmax(-1)
        y = (share @ v).transpose(1, 2).flatten(2) @ w[f"{b}attn.proj.weight"].T + w[f"{b}attn.proj.bias"]
        x = x + y * w.get(f"{b}ls1.gamma", torch.ones(a.width).double())
        y = functional.layer_norm(x, (a.width,), w[f"{b}norm2.weight"], w[f"{b}norm2.bias"], a.epsilon)
        y = y @ w[f"{b}mlp.fc1.weight"].T + w[f"{b}mlp.fc1.bias"]
        if a.feedforward == "swiglu":
            gate, value = y.chunk(2, dim=-1)
            y = functional.silu(gate) * value
        else:
            y = functional.gelu(y)
        y = y @ w[f"{b}mlp.fc2.weight"].T + w[f"{b}mlp.fc2.bias"]
        x = x + y * w.get(f"{b}ls2.gamma", torch.ones(a.width).double())
    return functional.layer_norm(x, (a.width,), w["norm.weight"], w["norm.bias"], a.epsilon)


def on_hub(w: dict[str, torch.Tensor], *, style: str) -> dict[str, torch.Tensor]:
    """The same weights under the names of Dinov2Model ("dinov2"), its newest release ("dinov2 new"), or ViTModel ("vit")."""
    made = {}
    old = {"cls_token": "embeddings.cls_token", "pos_embed": "embeddings.position_embeddings", "reg_token": "embeddings.register_tokens"}
    for name, tensor in w.items():
        if name in old:
            made[old[name]] = tensor
        elif name.startswith("patch_embed.proj."):
            made[name.replace("patch_embed.proj.", "embeddings.patch_embeddings.projection.")] = tensor
        elif name.startswith("norm."):
            made[f"layernorm.{name[5:]}"] = tensor
        elif ".qkv." in name:
            for part, piece in zip(("query", "key", "value"), tensor.chunk(3), strict=True):
                inner = f".attention.{part[0]}_proj." if style == "dinov2 new" else f".attention.attention.{part}."
                made[name.replace("blocks.", "encoder.layer.").replace(".attn.qkv.", inner)] = piece
        else:
            new = name.replace("blocks.", "encoder.layer.").replace(".attn.proj.", ".attention.o_proj." if style == "dinov2 new" else ".attention.output.dense.")
            if style == "vit":
                for here, there in ((".norm1.", ".layernorm_before."), (".norm2.", ".layernorm_after."), (".mlp.fc1.", ".intermediate.dense."), (".mlp.fc2.", ".output.dense.")):
                    new = new.replace(here, there)
            elif ".fc" in new and w["blocks.0.mlp.fc1.weight"].shape[0] == 2 * w["blocks.0.mlp.fc2.weight"].shape[1]:
                new = new.replace(".fc1.", ".weights_in.").replace(".fc2.", ".weights_out.")
            for n in "12":
                new = new.replace(f".ls{n}.gamma", f".layer_scale{n}.lambda1")
            made[new] = tensor
    return made | {"embeddings.mask_token": torch.zeros(1, w["cls_token"].shape[-1])}

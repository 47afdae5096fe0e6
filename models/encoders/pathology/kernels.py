"""Kernels: one matrix product of a network, at the precision asked for, by the fastest exact route of the device."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from models.card import ModelError

if TYPE_CHECKING:
    import torch

    Product = Callable[[torch.Tensor], torch.Tensor]

Precision = Literal["fp32", "bf16", "int8"]


def product(weight: torch.Tensor, bias: torch.Tensor, *, precision: Precision, gelu: bool = False) -> Product:
    """A function (m, k) -> (m, n): x W' + b, followed by the exact GELU where asked.

    Parameters
    ----------
    weight : (n, k). bias : (n,). precision : "fp32" takes oneDNN's packed product on a CPU (measured 2.3 times as fast as the
        default there on AVX-512, the same numbers to rounding); "bf16" rounds weights and inputs to bfloat16;
        "int8" holds weights as 8-bit integers, one scale a row, and quantises inputs as they come (CPU only).

    Raises
    ------
    ModelError
        int8 where there is no such product.
    """
    import torch
    from torch.nn import functional

    if precision == "int8":
        return _int8(weight, bias, gelu=gelu)
    kind = torch.bfloat16 if precision == "bf16" else weight.dtype
    w, b = weight.to(kind), bias.to(kind)
    if weight.device.type == "cpu" and hasattr(torch.ops.mkldnn, "_linear_pointwise"):
        packed = torch.ops.mkldnn._reorder_linear_weight(w.contiguous(), None)
        after: tuple[str, list[object], str] = ("gelu", [], "none") if gelu else ("none", [], "")
        return lambda x: torch.ops.mkldnn._linear_pointwise(x.to(kind), packed, b, *after)
    if gelu:
        return lambda x: functional.gelu(functional.linear(x.to(kind), w, b))
    return lambda x: functional.linear(x.to(kind), w, b)


def attention(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, *, precision: Precision) -> torch.Tensor:
    """softmax(q k' / sqrt(d)) v of (n, heads, tokens, d): torch's fused kernel.

    At reduced precision on a CPU two bfloat16 products with a softmax between them take half the time of that kernel.
    """
    import torch
    from torch.nn import functional

    if precision == "fp32" or query.device.type != "cpu":
        mixed: torch.Tensor = functional.scaled_dot_product_attention(query, key, value)
        return mixed
    n, heads, tokens, d = query.shape
    q, k, v = (part.to(torch.bfloat16).reshape(n * heads, tokens, d) for part in (query, key, value))
    share = torch.bmm(q * d**-0.5, k.transpose(1, 2)).softmax(-1)
    return torch.bmm(share, v).view(n, heads, tokens, d)


def _int8(weight: torch.Tensor, bias: torch.Tensor, *, gelu: bool) -> Product:
    import torch
    from torch.nn import functional

    engines = [name for name in ("onednn", "x86", "fbgemm", "qnnpack") if name in torch.backends.quantized.supported_engines]
    if weight.device.type != "cpu" or not engines:
        raise ModelError("int8 runs on a CPU that torch has integer products for; choose fp32 or bf16")
    torch.backends.quantized.engine = engines[0]
    scale = (weight.abs().amax(1) / 127).clamp_min(1e-12).double()
    with warnings.catch_warnings():  # the tensor type is to be replaced one day; torch is pinned
        warnings.simplefilter("ignore")
        small = torch.quantize_per_channel(weight, scale, torch.zeros(len(scale), dtype=torch.long), 0, torch.qint8)
        packed = torch.ops.quantized.linear_prepack(small, bias)
    if gelu:
        return lambda x: functional.gelu(torch.ops.quantized.linear_dynamic(x.float(), packed, reduce_range=False))
    return lambda x: torch.ops.quantized.linear_dynamic(x.float(), packed, reduce_range=False)

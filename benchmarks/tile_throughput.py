"""How many tiles a second are embedded, as a share of the matmul ceiling measured in the same run, beside transformers.

Figures to hold: on a CPU at least 1.0 times transformers' Dinov2Model with the same weights at 224 px in fp32; on a GPU at least
60% of the measured bf16 matmul ceiling for an encoder of ViT-L size. Runs alternate, medians are printed, and the embeddings
of both are compared. Without transformers (pip install transformers==5.23.0) its column is left out; without a GPU that part.
Run: python benchmarks/tile_throughput.py [--tiles 16] [--rounds 7] [--threads 2] [--sides 112 224]
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import median

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from core.pipeline.tile_encoder import places, tile_encoder
from core.settings import Settings
from data.fetch import fetch_file
from data.weights import WEIGHTS
from models.encoders.pathology import PathologyEncoder, family
from models.encoders.pathology.kernels import product
from models.encoders.pathology.weights import shapes


def seconds(call: Callable[[], object]) -> float:
    """Of one call."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def ceiling(precision: str, *, device: str = "cpu", side: int = 2048, runs: int = 7) -> float:
    """Floating-point operations a second of the fastest large matrix product at hand, at its best."""
    import torch

    kind = {"fp32": torch.float32, "bf16": torch.bfloat16, "int8": torch.float32}[precision]
    a, b = (torch.randn(side, side, device=device, dtype=torch.float32) for _ in range(2))
    x, y = a.to(kind), b.to(kind)
    calls: list[Callable[[], object]] = [] if precision == "int8" else [lambda: x @ y]
    if device == "cpu":
        fast = product(b, torch.zeros(side), precision=precision)
        calls.append(lambda: fast(a))
    best = float("inf")
    with torch.inference_mode():
        for call in calls:
            for _ in range(runs):
                start = time.perf_counter()
                call()
                if device != "cpu":
                    torch.cuda.synchronize()
                best = min(best, time.perf_counter() - start)
    return 2 * side**3 / best


def theirs(weights: Path) -> Callable[[np.ndarray], np.ndarray] | None:
    """transformers' Dinov2Model with the same weights, colours normalised as its image processor does; None without it."""
    if importlib.util.find_spec("transformers") is None:
        return None
    import torch
    from transformers import Dinov2Config, Dinov2Model
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    shown = family("dinov2-small")
    a = shown.architecture
    with tempfile.TemporaryDirectory() as folder:
        config = Dinov2Config(hidden_size=a.width, num_hidden_layers=a.depth, num_attention_heads=a.heads, patch_size=a.patch_px, image_size=a.grid * a.patch_px)
        config.save_pretrained(folder)
        (Path(folder) / "model.safetensors").symlink_to(weights.resolve())
        model = Dinov2Model.from_pretrained(folder, dtype=torch.float32).eval()
    mean, spread = (torch.tensor(values).view(1, 3, 1, 1) for values in (shown.mean, shown.spread))

    def embed(tiles: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            x = (torch.from_numpy(tiles).permute(0, 3, 1, 2).float() / 255 - mean) / spread
            return model(pixel_values=x).last_hidden_state[:, 0].numpy()

    return embed


def on_cpu(args: argparse.Namespace) -> None:
    """fp32, bf16 and int8 beside transformers, alternating."""
    import torch

    torch.set_num_threads(args.threads)
    settings = Settings.from_env()
    encoder = tile_encoder(settings=settings)
    weights = fetch_file(WEIGHTS["dinov2-small"], places=places(settings))
    other = theirs(weights)
    rng = np.random.default_rng(0)
    print(f"CPU, {args.threads} threads, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; {args.tiles} tiles a run, {args.rounds} rounds, medians")
    for side in args.sides:
        tiles = rng.integers(0, 256, (args.tiles, side, side, 3), dtype=np.uint8)
        names = ["fp32", "bf16", "int8"]
        calls: dict[str, Callable[[], object]] = {name: lambda name=name, tiles=tiles: encoder.embed(tiles, precision=name, device="cpu") for name in names}
        if other is not None:
            calls["transformers"] = lambda tiles=tiles: other(tiles)
        made = {name: np.asarray(call()) for name, call in calls.items()}
        taken: dict[str, list[float]] = {name: [] for name in calls}
        tops: dict[str, list[float]] = {name: [] for name in names}
        for _ in range(args.rounds):
            for name, call in calls.items():
                taken[name].append(seconds(call))
            for name in names:
                tops[name].append(ceiling(name, runs=2))
        operations = family("dinov2-small").architecture.operations(side) * args.tiles
        for name in calls:
            speed = args.tiles / median(taken[name])
            best = max(tops["fp32" if name == "transformers" else name])
            share = operations / min(taken[name]) / best
            cosine = np.min(np.sum(made[name] * made["fp32"], 1) / np.linalg.norm(made[name], axis=1) / np.linalg.norm(made["fp32"], axis=1))
            line = f"  {side} px  {name:<13}{speed:7.1f} tiles/s   best run {share:4.0%} of the {best / 1e9:,.0f} GFLOP/s ceiling   least cosine to fp32 {cosine:.5f}"
            if other is not None and name != "transformers":
                ratios = [t / o for t, o in zip(taken["transformers"], taken[name], strict=True)]
                line += f"   {median(ratios):.2f}x transformers ({min(ratios):.2f} to {max(ratios):.2f})"
            print(line)
        if other is not None:
            print(f"  {side} px  largest difference of an fp32 embedding from transformers' {np.abs(made['fp32'] - made['transformers']).max():.1e}")
    if other is None:
        print("  transformers is not installed; pip install transformers==5.23.0 to measure beside it")


def on_gpu(args: argparse.Namespace) -> None:
    """An encoder of ViT-L size with random weights in bf16, as it is and compiled."""
    import torch

    if not torch.cuda.is_available():
        print("GPU: no GPU here; not measured")
        return
    generator = torch.Generator().manual_seed(0)
    shown = replace(family("dinov2-large"), architecture=replace(family("dinov2-large").architecture, grid=16))
    weights = {name: torch.randn(shape, generator=generator) * 0.02 for name, shape in shapes(shown.architecture).items()}
    encoder = PathologyEncoder(family=shown, weights=weights, sha256="random")
    network = encoder.network(device="cuda", precision="bf16")
    tiles = torch.randint(0, 256, (args.gpu_batch, 224, 224, 3), dtype=torch.uint8, device="cuda")
    best = max(ceiling("bf16", device="cuda", side=8192, runs=20) for _ in range(3))
    operations = shown.architecture.operations(224) * args.gpu_batch
    print(f"GPU {torch.cuda.get_device_name()}: bf16 matmul ceiling {best / 1e12:,.0f} TFLOP/s; ViT-L/14 sized, 224 px, {args.gpu_batch} tiles a batch")
    for name, run in (("as it is", network), ("compiled", torch.compile(network))):
        with torch.inference_mode():
            for _ in range(5):
                run(tiles)
            torch.cuda.synchronize()
            taken = []
            for _ in range(args.rounds):
                start = time.perf_counter()
                for _ in range(5):
                    run(tiles)
                torch.cuda.synchronize()
                taken.append((time.perf_counter() - start) / 5)
        print(f"  {name:<10}{args.gpu_batch / median(taken):9,.0f} tiles/s   {operations / median(taken) / best:4.0%} of the ceiling")


def main() -> None:
    """Print both parts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tiles", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument("--sides", type=int, nargs="+", default=[112, 224])
    parser.add_argument("--gpu-batch", type=int, default=256)
    args = parser.parse_args()
    on_cpu(args)
    on_gpu(args)


if __name__ == "__main__":
    main()

"""Gradient explanations beside captum's on the same network: seconds and how far base + sum misses the output.

python -m benchmarks.attribution_speed      captum is optional (pip install captum==0.9.0); without it only ours is measured
"""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable
from typing import Any

N, FEATURES, BACKGROUND = 350, 200, 100


def best(run: Callable[[], Any], *, times: int = 3) -> tuple[float, Any]:
    """Least wall time of a few runs, seconds, and the last result."""
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        found = run()
        taken.append(time.perf_counter() - start)
    return min(taken), found


def main() -> None:
    """Measure and print."""
    import torch

    from models.attribution.gradients import expected_gradients, integrated_gradients

    torch.set_num_threads(1)
    torch.manual_seed(0)
    layers = [torch.nn.Linear(FEATURES, 64), torch.nn.LayerNorm(64), torch.nn.GELU(), torch.nn.Linear(64, 32), torch.nn.GELU(), torch.nn.Linear(32, 1)]
    net = torch.nn.Sequential(*layers).double()
    x, background = torch.randn(N, FEATURES, dtype=torch.float64), torch.randn(BACKGROUND, FEATURES, dtype=torch.float64)
    zero = torch.zeros(1, FEATURES, dtype=torch.float64)
    output = net(x)[:, 0].detach()

    def function(inputs: dict[str, Any]) -> Any:
        return net(inputs["numbers"])[:, 0]

    seconds, found = best(lambda: integrated_gradients(function, {"numbers": x}, points=16))
    print(f"integrated gradients, until 1e-6:     {seconds:6.3f} s  misses {found[1].residual:.0e}")
    seconds_, sampled = best(
        lambda: expected_gradients(function, {"numbers": x}, background={"numbers": background}, draws=16, points=4, most=16)
    )
    print(f"expected gradients, 16 references:    {seconds_:6.3f} s  misses {sampled[1].residual:.0e}")
    if importlib.util.find_spec("captum") is None:
        print("captum is not installed; nothing to compare with")
        return
    from captum.attr import GradientShap, IntegratedGradients

    def forward(z: Any) -> Any:
        return net(z)[:, 0]

    theirs, values = best(lambda: IntegratedGradients(forward).attribute(x, baselines=zero, n_steps=50, internal_batch_size=N * 16))
    missed = (values.sum(1) - (output - net(zero)[0, 0])).abs().max().item()
    print(f"captum IntegratedGradients, 50 steps: {theirs:6.3f} s  misses {missed:.0e}  (ratio {theirs / seconds:.1f})")
    theirs, values = best(lambda: GradientShap(forward).attribute(x, baselines=background, n_samples=64))
    missed = (values.sum(1) - (output - net(background).mean())).abs().max().item()
    print(f"captum GradientShap, 64 samples:      {theirs:6.3f} s  misses {missed:.0e}  (ratio {theirs / seconds_:.1f})")


if __name__ == "__main__":
    main()

"""SHAP values: exact on linear models and trees; additive, with dummies at 0, on networks."""

from __future__ import annotations

from itertools import combinations
from math import factorial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.attribution.gradients import expected_gradients, integrated_gradients
from models.attribution.linear import linear
from models.attribution.tree import tree
from models.card import ModelError


def network(seed, width=6, hidden=8):
    import torch

    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(seed)
    first, second = (torch.randn(shape, generator=generator, dtype=torch.float64) for shape in ((width, hidden), (hidden,)))

    def function(inputs):
        x = inputs["numbers"]
        if "numbers_known" in inputs:
            x = x * inputs["numbers_known"]
        return torch.nn.functional.gelu(x @ first) @ second

    return function


def batch(seed, n=12, width=6):
    import torch

    return torch.as_tensor(np.random.default_rng(seed).normal(size=(n, width)))


def test_linear_values_are_coefficient_times_distance_from_the_mean():
    rng = np.random.default_rng(0)
    x, coefficients = rng.normal(size=(40, 5)), rng.normal(size=5)
    x[3, 2] = np.nan
    found = linear(coefficients, x, intercept=0.3, background=x)
    mean = np.nanmean(x, axis=0)
    np.testing.assert_allclose(found.values[0], coefficients * (x[0] - mean))
    assert found.values[3, 2] == 0.0
    assert found.residual < 1e-12
    filled = np.where(np.isfinite(x), x, mean)
    np.testing.assert_allclose(found.output, 0.3 + filled @ coefficients)
    with pytest.raises(ModelError, match="do not fit"):
        linear(coefficients, x[:, :4], intercept=0.0, background=x)


def test_linear_agrees_with_the_sum_over_all_coalitions():
    rng = np.random.default_rng(1)
    coefficients, x, mean = rng.normal(size=4), rng.normal(size=4), rng.normal(size=4)
    by_hand = np.zeros(4)
    for j in range(4):
        others = [i for i in range(4) if i != j]
        for size in range(4):
            for chosen in combinations(others, size):
                weight = factorial(size) * factorial(3 - size) / factorial(4)
                without = np.where(np.isin(np.arange(4), chosen), x, mean) @ coefficients
                by_hand[j] += weight * (np.where(np.isin(np.arange(4), [*chosen, j]), x, mean) @ coefficients - without)
    found = linear(coefficients, x[None], intercept=0.0, background=mean)
    np.testing.assert_allclose(found.values[0], by_hand, atol=1e-12)


@pytest.mark.parametrize("missing", [0.0, 0.2])
def test_trees_add_up_to_their_log_odds(missing):
    from models.baselines import gradient_boosting
    from models.outcome import Outcome

    rng = np.random.default_rng(2)
    x = rng.normal(size=(150, 6))
    y = x[:, 0] + x[:, 1] * x[:, 2] + 0.5 * rng.normal(size=150) > 0
    x[:, 5] = 0.0  # a constant cannot be split on
    x[rng.random(x.shape) < missing] = np.nan
    model = gradient_boosting.fit(x, Outcome(response=y.astype(float)))
    found = tree(model, x)
    assert found.residual < 1e-6
    if not missing:
        assert np.abs(found.values[:, 5]).max() == 0.0
    with pytest.raises(ModelError, match="log-odds"):
        tree(object(), x)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_integrated_gradients_are_complete_and_leave_dummies_alone(seed):
    import torch

    inner = network(seed, width=5)
    def function(inputs):
        return inner({"numbers": inputs["numbers"][:, :5]})  # the sixth column is a dummy
    x = batch(seed)
    parts, found = integrated_gradients(function, {"numbers": x})
    assert found.residual < 1e-6
    assert np.abs(parts["numbers"][:, 5]).max() == 0.0
    np.testing.assert_allclose(found.base, function({"numbers": torch.zeros_like(x)}).numpy())


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), value=st.floats(-3, 3))
def test_interchangeable_features_get_the_same(seed, value):
    import torch

    def function(inputs):
        return torch.sin(inputs["numbers"].sum(dim=1)) * 2
    x = batch(seed)
    x[:, 1] = x[:, 0]
    parts, found = integrated_gradients(function, {"numbers": x}, reference={"numbers": torch.full((1, 6), value, dtype=torch.float64)})
    np.testing.assert_allclose(parts["numbers"][:, 0], parts["numbers"][:, 1], atol=1e-9)
    assert found.residual < 1e-6


def test_on_a_linear_network_both_are_the_exact_values():
    import torch

    coefficients = torch.as_tensor([1.0, -2.0, 0.0, 3.0, 0.5, 1.5], dtype=torch.float64)
    def function(inputs):
        return inputs["numbers"] @ coefficients + 0.7
    x, background = batch(3), batch(4, n=30)
    exact = linear(coefficients.numpy(), x.numpy(), intercept=0.7, background=background.numpy())
    parts, found = expected_gradients(function, {"numbers": x}, background={"numbers": background}, draws=30)
    np.testing.assert_allclose(parts["numbers"], exact.values, atol=1e-10)
    np.testing.assert_allclose(found.base, exact.base, atol=1e-10)
    assert found.residual < 1e-10


def test_expected_gradients_repeat_and_hold_masks_at_the_patient():
    import torch

    function, x = network(5), batch(5)
    known = torch.ones_like(x)
    known[0, 2], known[1] = 0.0, 0.0
    background = {"numbers": batch(6, n=40), "numbers_known": torch.ones(40, 6, dtype=torch.float64)}
    background["numbers_known"][:, 3] = 0.0  # nobody in the background has it: its mean, 0, stands in
    given_ = {"numbers": x, "numbers_known": known}
    parts, found = expected_gradients(function, given_, background=background, draws=8, seed=3)
    again, _ = expected_gradients(function, given_, background=background, draws=8, seed=3)
    other, _ = expected_gradients(function, given_, background=background, draws=8, seed=4)
    np.testing.assert_array_equal(parts["numbers"], again["numbers"])
    assert np.abs(parts["numbers"] - other["numbers"]).max() > 1e-3
    assert parts["numbers"][0, 2] == 0.0
    assert not parts["numbers"][1].any()
    assert found.base[1] == pytest.approx(found.output[1])
    assert found.residual < 1e-4


def test_a_leftover_is_said_and_spread_only_when_asked():
    _, rough = integrated_gradients(network(7), {"numbers": batch(7)}, points=1, most=1)
    assert rough.residual > 1e-6
    closed = rough.closed()
    assert closed.residual < 1e-12
    np.testing.assert_array_equal(closed.leftover, rough.leftover)


def test_bad_functions_are_refused():
    import torch

    with pytest.raises(ModelError, match="one each"):
        integrated_gradients(lambda inputs: inputs["numbers"], {"numbers": batch(0)})
    with pytest.raises(ModelError, match="not a number"):
        integrated_gradients(lambda inputs: inputs["numbers"].sum(dim=1) * float("nan"), {"numbers": batch(0)})
    with pytest.raises(ModelError, match="no floating"):
        integrated_gradients(lambda inputs: inputs["a"].sum(dim=1), {"a": torch.ones(2, 2, dtype=torch.int64)})

"""dinov2-small gives the numbers of transformers' Dinov2Model with the same weights (script: tests/references/dinov2_small.py)."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from data.weights import WEIGHTS
from models.encoders import pathology
from tests.conftest import local_copy


@pytest.mark.realdata
def test_equals_transformers(mirror: Path, references: Path) -> None:
    pinned = WEIGHTS["dinov2-small"]
    path = local_copy(mirror, pinned.url)
    if not path.is_file():
        pytest.skip("the mirror does not hold the weights")
    spec = importlib.util.spec_from_file_location("dinov2_small_reference", references / "dinov2_small.py")
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    encoder = pathology.encoder(weights=path, sha256=pinned.sha256)
    network = encoder.network(device="cpu", precision="fp32")
    for expected in json.loads((references / "dinov2_small.json").read_text(encoding="utf-8"))["tiles"]:
        picture = made.tile(expected["height"], expected["width"])[None]
        with torch.inference_mode():
            tokens = network(torch.from_numpy(picture))[0].numpy()
        np.testing.assert_allclose(tokens[0, : made.KEPT], expected["cls"], atol=1e-4)
        np.testing.assert_allclose(tokens[-1, : made.KEPT], expected["last_patch"], atol=3e-4)
        assert np.linalg.norm(tokens[0]) == pytest.approx(expected["cls_norm"], rel=1e-5)
        np.testing.assert_allclose(encoder.embed(picture, precision="fp32")[0], tokens[0], atol=1e-5)

"""Virchow: a huge encoder trained on 1.5 million slides."""

from __future__ import annotations

from models.encoders.pathology.family import Architecture, Family

FAMILY = Family(
    name="virchow",
    label="Virchow ViT-H/14",
    hub="paige-ai/Virchow",
    licence="Apache-2.0, with the publisher's terms of access",
    gated=True,
    reference="Vorontsov et al., Nat Med 2024",
    doi="10.1038/s41591-024-03141-0",
    trained_on="1.5 million slides of about 100,000 patients, one centre",
    pathology_trained=True,
    architecture=Architecture(
        width=1280,
        depth=32,
        heads=16,
        hidden=3416,
        patch_px=14,
        grid=16,
        layer_scale=True,
        feedforward="swiglu",
    ),
    readout="cls_and_mean",
    limits=(
        "Weights come on request from the publisher, as safetensors or as a pickle; only "
        "safetensors are read here. 630 million parameters: meant for a machine with a GPU."
    ),
)

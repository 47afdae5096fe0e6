"""Virchow2: Virchow with four register tokens, trained at four resolutions."""

from __future__ import annotations

from models.encoders.pathology.family import Architecture, Family

FAMILY = Family(
    name="virchow2",
    label="Virchow2 ViT-H/14",
    hub="paige-ai/Virchow2",
    licence="CC BY-NC-ND 4.0",
    gated=True,
    reference="Zimmermann et al., 2024",
    doi="10.48550/arXiv.2408.00738",
    trained_on="3.1 million slides, H&E and immunohistochemistry",
    pathology_trained=True,
    architecture=Architecture(
        width=1280,
        depth=32,
        heads=16,
        hidden=3416,
        patch_px=14,
        grid=16,
        registers=4,
        layer_scale=True,
        feedforward="swiglu",
    ),
    readout="cls_and_mean",
    limits=(
        "Non-commercial. Weights come on request from the publisher, as safetensors or as a "
        "pickle; only safetensors are read here. 630 million parameters: meant for a machine with "
        "a GPU."
    ),
)

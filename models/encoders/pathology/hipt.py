"""HIPT, first level: a small encoder of 256-px tiles."""

from __future__ import annotations

from models.encoders.pathology.family import HALF, Architecture, Family

FAMILY = Family(
    name="hipt",
    label="HIPT ViT-S/16, 256 px",
    hub="",
    licence="Apache-2.0 with Commons Clause",
    gated=False,
    reference="Chen et al., CVPR 2022",
    doi="10.1109/CVPR52688.2022.01567",
    trained_on="104 million tiles of 10,678 TCGA slides, 33 cancers",
    pathology_trained=True,
    architecture=Architecture(
        width=384,
        depth=12,
        heads=6,
        hidden=1536,
        patch_px=16,
        grid=14,
    ),
    input_px=256,
    mean=HALF,
    spread=HALF,
    limits=(
        "Trained on TCGA: on TCGA slides its embedding has seen the picture before. The published "
        "file is a pickle; convert it to safetensors. Only the first of its three levels is read."
    ),
)

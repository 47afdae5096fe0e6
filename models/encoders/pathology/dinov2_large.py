"""DINOv2, large: the size of most pathology encoders."""

from __future__ import annotations

from models.encoders.pathology.family import Architecture, Family

FAMILY = Family(
    name="dinov2-large",
    label="DINOv2 ViT-L/14",
    hub="facebook/dinov2-large",
    licence="Apache-2.0",
    gated=False,
    reference="Oquab et al., TMLR 2024",
    doi="10.48550/arXiv.2304.07193",
    trained_on="142 million photographs of everyday things (LVD-142M)",
    pathology_trained=False,
    architecture=Architecture(
        width=1024,
        depth=24,
        heads=16,
        hidden=4096,
        patch_px=14,
        grid=37,
        layer_scale=True,
    ),
    limits="Not trained on pathology. 300 million parameters: meant for a machine with a GPU.",
)

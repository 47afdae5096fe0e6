"""DINOv2, small: general-purpose weights, the default because everyone may use them."""

from __future__ import annotations

from models.encoders.pathology.family import Architecture, Family

FAMILY = Family(
    name="dinov2-small",
    label="DINOv2 ViT-S/14",
    hub="facebook/dinov2-small",
    licence="Apache-2.0",
    gated=False,
    reference="Oquab et al., TMLR 2024",
    doi="10.48550/arXiv.2304.07193",
    trained_on="142 million photographs of everyday things (LVD-142M)",
    pathology_trained=False,
    architecture=Architecture(
        width=384,
        depth=12,
        heads=6,
        hidden=1536,
        patch_px=14,
        grid=37,
        layer_scale=True,
    ),
    limits=(
        "Not trained on pathology: it sees textures and colours of tissue, not what a pathologist "
        "was taught."
    ),
)

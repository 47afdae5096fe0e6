"""UNI: a large encoder trained on 100,000 slides."""

from __future__ import annotations

from models.encoders.pathology.family import Architecture, Family

FAMILY = Family(
    name="uni",
    label="UNI ViT-L/16",
    hub="MahmoodLab/UNI",
    licence="CC BY-NC-ND 4.0",
    gated=True,
    reference="Chen et al., Nat Med 2024",
    doi="10.1038/s41591-024-02857-3",
    trained_on="100 million tiles of 100,426 slides, 20 tissues (Mass-100K)",
    pathology_trained=True,
    architecture=Architecture(
        width=1024,
        depth=24,
        heads=16,
        hidden=4096,
        patch_px=16,
        grid=14,
        layer_scale=True,
    ),
    limits=(
        "Non-commercial. Weights come on request from the publisher, as safetensors or as a "
        "pickle; only safetensors are read here."
    ),
)

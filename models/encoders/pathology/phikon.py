"""Phikon: a base-sized encoder trained on TCGA by masked-picture modelling."""

from __future__ import annotations

from models.encoders.pathology.family import Architecture, Family

FAMILY = Family(
    name="phikon",
    label="Phikon ViT-B/16",
    hub="owkin/phikon",
    licence="Owkin non-commercial licence",
    gated=False,
    reference="Filiot et al., medRxiv 2023",
    doi="10.1101/2023.07.21.23292757",
    trained_on="43 million tiles of 6,093 TCGA slides, 16 cancers",
    pathology_trained=True,
    architecture=Architecture(
        width=768,
        depth=12,
        heads=12,
        hidden=3072,
        patch_px=16,
        grid=14,
        epsilon=1e-12,
    ),
    limits=(
        "Non-commercial. Trained on TCGA: on TCGA slides its embedding has seen the picture "
        "before."
    ),
)

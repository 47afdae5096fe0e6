"""CTransPath-style: a transformer behind a convolutional stem, for weights of your own."""

from __future__ import annotations

from models.encoders.pathology.family import Architecture, Family

FAMILY = Family(
    name="ctranspath",
    label="CTransPath-style ViT with a convolutional stem",
    hub="",
    licence="that of the weights that you bring",
    gated=False,
    reference="Wang et al., Med Image Anal 2022",
    doi="10.1016/j.media.2022.102559",
    trained_on="what the weights that you bring were trained on",
    pathology_trained=True,
    architecture=Architecture(
        width=384,
        depth=12,
        heads=6,
        hidden=1536,
        patch_px=16,
        grid=14,
        stem="convolution",
    ),
    limits=(
        "A plain transformer behind the convolutional stem. The weights that the paper published "
        "are a windowed (Swin) transformer in a pickle and do not fit."
    ),
)

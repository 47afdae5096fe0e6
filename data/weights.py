"""Weights: published model files, pinned by URL and SHA-256 and fetched like a study's files, which they are not."""

from __future__ import annotations

from collections.abc import Mapping

from data.sources.source import RemoteFile

HUB = "https://huggingface.co"

WEIGHTS: Mapping[str, RemoteFile] = {
    "dinov2-small": RemoteFile(
        url=f"{HUB}/facebook/dinov2-small/resolve/main/model.safetensors",
        sha256="404ae6f409be32081700523c54c66b263bc953cc5e3f81f52da6f8fceaa28f3d",
        size_bytes=44_136_104,
        licence="Apache-2.0",
    ),
}
"""By encoder family. dinov2-small is pinned to a half-precision copy: the publisher's single-precision file has another checksum and
is read as a checkpoint of your own."""


def on_hub(name: str, *, sha256: str) -> RemoteFile:
    """The safetensors file of a hub id (owner/name); its size is what the server says, its checksum is given.

    Parameters
    ----------
    sha256 : of the file, 64 hexadecimal digits; the publisher's page shows it.
    """
    return RemoteFile(url=f"{HUB}/{name}/resolve/main/model.safetensors", sha256=sha256.lower(), size_bytes=0, licence="see its publisher")

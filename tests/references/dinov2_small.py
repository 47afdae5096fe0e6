"""Numbers of transformers' Dinov2Model with the published weights, for tests/models/encoders/test_reference.py.

pip install transformers==5.23.0; python tests/references/dinov2_small.py FOLDER/model.safetensors > tests/references/dinov2_small.json
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

import numpy as np

SIZES = ((224, 224), (112, 154))
KEPT = 16


def tile(height: int, width: int) -> np.ndarray:
    """A picture from a formula, (h, w, 3) uint8."""
    y, x = np.mgrid[0:height, 0:width]
    waves = [np.sin(x / 7.0 + c) * np.cos(y / (11.0 + 3 * c)) + np.sin((x + 2 * y) / 23.0) for c in range(3)]
    return np.clip(np.round(128 + 60 * np.stack(waves, axis=-1)), 0, 255).astype(np.uint8)


def main() -> None:
    """Print the reference."""
    import torch
    import transformers

    with tempfile.TemporaryDirectory() as folder:
        transformers.Dinov2Config(
            hidden_size=384, num_hidden_layers=12, num_attention_heads=6, patch_size=14, image_size=518
        ).save_pretrained(folder)
        (Path(folder) / "model.safetensors").symlink_to(Path(sys.argv[1]).resolve())
        model = transformers.Dinov2Model.from_pretrained(folder, dtype=torch.float32).eval()
    mean, spread = (torch.tensor(v).view(1, 3, 1, 1) for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    made = []
    for height, width in SIZES:
        x = torch.from_numpy(tile(height, width)).permute(2, 0, 1)[None].float() / 255
        with torch.inference_mode():
            out = model(pixel_values=(x - mean) / spread).last_hidden_state[0]
        made.append(
            {
                "height": height, "width": width, "cls": [round(v, 6) for v in out[0, :KEPT].tolist()],
                "cls_norm": round(float(out[0].norm()), 5), "last_patch": [round(v, 6) for v in out[-1, :KEPT].tolist()],
            }
        )  # fmt: skip
    print(json.dumps({"made_with": f"transformers {transformers.__version__}, torch {torch.__version__}", "tiles": made}, indent=1))


if __name__ == "__main__":
    main()

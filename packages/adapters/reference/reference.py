"""Records what Pillow and transformers make of pictures, for the tests to compare with.

    pip install pillow==13.0.0 numpy transformers==5.24.0
    python reference.py > reference.json
"""

import base64
import io
import json

import numpy as np
import transformers
from PIL import Image, ImageOps


def photograph(width, height):
    """Waves and noise: edges and areas as photographs have them."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    waves = [127 + 100 * np.sin(x / 17 + y / 41), 127 + 90 * np.cos(x / 23 - y / 13), 128 + 110 * np.sin((x + y) / 31)]
    noise = np.random.default_rng(7).normal(0, 12, (height, width, 3))
    return Image.fromarray(np.clip(np.stack(waves, -1) + noise, 0, 255).astype(np.uint8))


def encoded(picture, form, **options):
    out = io.BytesIO()
    picture.save(out, form, **options)
    return out.getvalue()


PHOTOGRAPH = photograph(96, 72)
TURNED = Image.Exif()
TURNED[0x0112] = 6  # a quarter to the right
PICTURES = {
    "png": encoded(PHOTOGRAPH, "PNG"),
    "jpeg": encoded(PHOTOGRAPH, "JPEG", quality=92),
    "turned": encoded(PHOTOGRAPH, "JPEG", quality=92, exif=TURNED),
    "webp": encoded(PHOTOGRAPH, "WEBP", lossless=True),
    "alpha": encoded(PHOTOGRAPH.convert("RGBA"), "PNG"),
    "grey": encoded(PHOTOGRAPH.convert("L"), "PNG"),
}
IMAGENET = {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}
VIT = {"size": {"height": 24, "width": 24}, "resample": 2, "do_resize": True, "do_rescale": True, "do_normalize": True}
CROP = {"size": {"shortest_edge": 28}, "crop_size": {"height": 24, "width": 24}, "do_center_crop": True, "do_resize": True}
CONFIGS = {
    "vit": {"image_processor_type": "ViTImageProcessor", **VIT, "image_mean": [0.5] * 3, "image_std": [0.5] * 3},
    "clip": {"image_processor_type": "CLIPImageProcessor", **CROP, "resample": 3, "do_normalize": True, **IMAGENET},
    "lanczos": {"image_processor_type": "ViTImageProcessor", **VIT, "resample": 1, "do_normalize": False},
}


def answer(config, data):
    picture = ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB")
    own = {name: value for name, value in config.items() if name != "image_processor_type"}
    name = config["image_processor_type"].replace("Processor", "ProcessorPil")
    processor = getattr(transformers, name, None) or getattr(transformers, config["image_processor_type"])
    return processor(**own)(picture, return_tensors="np")["pixel_values"][0].astype("<f4")


def text(data):
    return base64.b64encode(data).decode()


cases = [
    {"picture": picture, "config": config, "answer": text(answer(CONFIGS[config], PICTURES[picture]).tobytes())}
    for config in CONFIGS
    for picture in (PICTURES if config == "vit" else ["png", "turned"])
]
grey = np.asarray(PHOTOGRAPH.convert("L").resize((8, 8), Image.Resampling.LANCZOS), dtype="<f4")
print(
    json.dumps(
        {
            "pictures": {name: text(data) for name, data in PICTURES.items()},
            "configs": CONFIGS,
            "cases": cases,
            "grey8": text(grey.tobytes()),
        }
    )
)

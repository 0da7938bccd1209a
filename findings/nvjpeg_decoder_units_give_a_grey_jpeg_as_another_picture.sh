#!/usr/bin/env bash
# Package: nvidia-nvjpeg 13.3.2.43, torch 2.11.0 (for memory), Pillow 12.1.0. Python 3.12. Seen 2026-11-29 on an NVIDIA H200; skipped where there
#          is no GPU with JPEG decoder units.
# Guess:   as nvJPEG's other backends do, the hardware one repeats a grey JPEG's channel where RGB is asked for, or refuses it; and one
#          progressive file in a batch, which the units cannot take, makes the whole batch fail.
# Truth:   it takes the grey file (nvjpegDecodeBatchedSupported says yes, decoding returns success) and what it writes is not the picture. A batch
#          with a progressive file returns JPEG_NOT_SUPPORTED, yet all the others of the batch are decoded.
# Seen:    grey 1600x900 against Pillow: hybrid off by 1 at most, hardware by 34 on average, 193 at most; of six images the five that are not
#          progressive were written, with status 4.
set -euo pipefail
if ! nvidia-smi -L >/dev/null 2>&1; then
    echo "skipped: no NVIDIA GPU here"
    exit 0
fi
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.11.0 pillow==12.1.0 numpy==2.4.4 nvidia-nvjpeg==13.3.2.43
cd "$place"
venv/bin/python - <<'PY'
import ctypes
import io
import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image

HYBRID, HARDWARE, RGBI, NOT_SUPPORTED = 1, 3, 5, 4
site = next(path for path in map(Path, sys.path) if (path / "nvidia").is_dir())
lib = ctypes.CDLL(str(next(site.glob("nvidia/*/lib/libnvjpeg.so.13"))))
torch.zeros(1, device="cuda")


class Out(ctypes.Structure):
    _fields_ = [("channel", ctypes.c_void_p * 4), ("pitch", ctypes.c_size_t * 4)]


def decoded(backend, files):
    """Status, and the pictures, which hold 77 where nothing is written; None where there is no such backend."""
    handle, state = ctypes.c_void_p(), ctypes.c_void_p()
    if lib.nvjpegCreateEx(backend, None, None, 0, ctypes.byref(handle)):
        return None
    assert lib.nvjpegJpegStateCreate(handle, ctypes.byref(state)) == 0
    assert lib.nvjpegDecodeBatchedInitialize(handle, state, len(files), 2, RGBI) == 0
    pictures = [torch.full((900, 1600, 3), 77, dtype=torch.uint8, device="cuda") for _ in files]
    outs = (Out * len(files))()
    for out, picture in zip(outs, pictures):
        out.channel[0], out.pitch[0] = picture.data_ptr(), 3 * 1600
    lengths = (ctypes.c_size_t * len(files))(*map(len, files))
    stream = ctypes.c_void_p(torch.cuda.current_stream().cuda_stream)
    torch.cuda.synchronize()
    status = lib.nvjpegDecodeBatched(handle, state, (ctypes.c_char_p * len(files))(*files), lengths, outs, stream)
    torch.cuda.synchronize()
    return status, [picture.cpu().numpy() for picture in pictures]


def file(picture, **options):
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=90, **options)
    return buffer.getvalue()


noise = np.random.default_rng(0).integers(0, 256, (9, 16, 3), dtype=np.uint8)
colour = Image.fromarray(noise).resize((1600, 900), Image.Resampling.BICUBIC)
grey = file(colour.convert("L"))
told = np.asarray(Image.open(io.BytesIO(grey)).convert("RGB")).astype(int)
if decoded(HARDWARE, [file(colour)]) is None:
    print("skipped: this GPU has no JPEG decoder units")
    raise SystemExit
off = {}
for name, backend in (("hybrid", HYBRID), ("hardware", HARDWARE)):
    status, (picture,) = decoded(backend, [grey])
    off[name] = int(np.abs(picture - told).max())
    print(f"grey, {name}: status {status}, off by {off[name]} at most, {np.abs(picture - told).mean():.2f} on average")
    assert status == 0, "the behaviour has changed"
status, pictures = decoded(HARDWARE, [file(colour)] * 5 + [file(colour, progressive=True)])
written = [bool((picture != 77).any()) for picture in pictures]
print(f"five baseline files and a progressive one: status {status}, written {written}")
changed = "the behaviour has changed"
assert off["hybrid"] <= 2 and off["hardware"] > 50, changed
assert status == NOT_SUPPORTED and written == [True] * 5 + [False], changed
PY

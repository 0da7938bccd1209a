#!/usr/bin/env bash
# Package: pillow 13.0.0 against 12.1.0, numpy 2.2.6. Python 3.11. Seen 2026-11-29.
# Guess:   `Image.resize` filters rows first, then columns, as it always has: the input that a network was trained on is
#          the same to the last bit in every version of Pillow, and torch's antialiased resize is within one level of it.
# Truth:   Pillow 13 filters columns first for some sizes, such as those that shrink height more than width. The picture
#          between the two passes has 8 bits and clips what bicubic overshoots, so the order shows. What Lift-Splat-Shoot
#          makes of nuScenes' 900x1600 (resized to 198x352) keeps the old order.
# Seen:    noise, 203x100 to 199x99: 12.1.0 rows first, 13.0.0 columns first, up to 21 of 255 apart; 900x1600 to 100x1500:
#          the same, 5 apart; 900x1600 to 198x352: rows first in both
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
cat > order.py <<'CODE'
import numpy as np
from PIL import Image

for rows, columns, height, width in ((203, 100, 199, 99), (900, 1600, 100, 1500), (900, 1600, 198, 352)):
    noise = np.random.default_rng(0).integers(0, 256, (rows, columns, 3), dtype=np.uint8)
    image = Image.fromarray(noise)
    size = (width, height)
    whole = np.asarray(image.resize(size, Image.BICUBIC)).astype(int)
    orders = {
        "rows": image.resize((width, rows), Image.BICUBIC).resize(size, Image.BICUBIC),
        "columns": image.resize((columns, height), Image.BICUBIC).resize(size, Image.BICUBIC),
    }
    apart = {name: int(np.abs(whole - np.asarray(made).astype(int)).max()) for name, made in orders.items()}
    first = min(apart, key=apart.get)
    print(f"{rows}x{columns} to {height}x{width}: {first} first, {max(apart.values())} apart")
CODE
for version in 12.1.0 13.0.0; do
  python3 -m venv "venv$version"
  "venv$version/bin/pip" install --quiet --disable-pip-version-check "pillow==$version" numpy==2.2.6
  "venv$version/bin/python" order.py | tee "$version"
done
cut -d: -f2 12.1.0 | cut -d, -f1 | xargs | grep -qx "rows first rows first rows first" || { echo "the behaviour has changed"; exit 1; }
cut -d: -f2 13.0.0 | cut -d, -f1 | xargs | grep -qx "columns first columns first rows first" || { echo "the behaviour has changed"; exit 1; }
grep -q "203x100 to 199x99: columns first, 21 apart" 13.0.0 || { echo "the behaviour has changed"; exit 1; }

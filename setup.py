"""Packaging for both colcon (ament_python) and pip."""

from pathlib import Path

from setuptools import find_packages, setup

NAME = "lss_bev_ros"
# `colcon build --symlink-install` runs a link to this file in a folder that has no README.
README = Path(__file__).resolve().with_name("README.md")
WEIGHTS = Path(NAME, "model", "builtin")
KERNELS = Path(NAME, "runtime", "cuda", "splat.cu")
PAGE = Path(NAME, "dashboard", "page")

DATASET = ["pillow>=10.1"]
# The oracle of the tests.
DEVKIT = ["nuscenes-devkit>=1.2,<2"]
SYNTHETIC = ["numba>=0.59"]
VIDEO = ["av>=13", "pillow>=10.1"]
# Of this repository: pip install ./pipros first.
STANDALONE = ["pipros>=0.2,<0.3"]
DASHBOARD = ["aiohttp>=3.8,<4"]
EXPORT = ["onnx>=1.14", "onnxruntime>=1.16", "onnxslim>=0.1.50"]
# JPEG decoding on the GPU; on CUDA 12 it is nvidia-nvimgcodec-cu12[nvjpeg] instead.
CUDA = ["nvidia-nvimgcodec-cu13[nvjpeg]>=0.6"]
# Drawing on the GPU that trains, and TensorBoard's logs; CUDA 12: numba-cuda[cu12].
TRAIN = [*SYNTHETIC, "numba-cuda[cu13]", "tensorboard"]
DOCS = ["mkdocs-material>=9.6,<10", "mkdocstrings[python]>=0.27"]
DEMO = [*DATASET, *SYNTHETIC, *STANDALONE, *DASHBOARD]

setup(
    name=NAME,
    version="0.1.0",
    description="Live bird's-eye-view occupancy from six cameras with Lift-Splat-Shoot, scored against LiDAR",
    long_description=README.read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.10,<3.13",
    packages=find_packages(include=[NAME, f"{NAME}.*"]),
    package_data={
        NAME: [
            str(path.relative_to(NAME)) for path in sorted([*WEIGHTS.glob("*.*"), *PAGE.glob("*.*"), KERNELS])
        ]
    },
    data_files=[
        ("share/ament_index/resource_index/packages", [f"resource/{NAME}"]),
        (f"share/{NAME}", ["package.xml"]),
        (f"share/{NAME}/launch", sorted(map(str, Path("launch").glob("*.launch.py")))),
        (f"share/{NAME}/config", sorted(map(str, Path("config").iterdir()))),
    ],
    zip_safe=False,
    install_requires=[
        "numpy>=1.21,<2",
        "torch>=2.3",
        "opencv-python-headless>=4.5",
        "rich",
        "safetensors",
        "typer",
    ],
    extras_require={
        "dataset": DATASET,
        "devkit": DEVKIT,
        "synthetic": SYNTHETIC,
        "standalone": STANDALONE,
        "video": VIDEO,
        "dashboard": DASHBOARD,
        "export": EXPORT,
        "cuda": CUDA,
        "train": TRAIN,
        "demo": DEMO,
        "docs": DOCS,
        "dev": [
            *DEMO,
            *VIDEO,
            *EXPORT,
            *DEVKIT,
            *DOCS,
            "codespell",
            "hypothesis",
            "pytest",
            "pytest-cov",
            "pytest-xdist",
            "ruff",
        ],
    },
    entry_points={
        "console_scripts": [
            f"lss-bev = {NAME}.cli:main",
            f"replay_node = {NAME}.nodes.replay:main",
            f"inference_node = {NAME}.nodes.inference:main",
            f"evaluation_node = {NAME}.nodes.evaluation:main",
            f"dashboard_node = {NAME}.nodes.dashboard:main",
        ]
    },
)

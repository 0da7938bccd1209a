"""`lss-bev bundle`: models, frames and what they should give in one file that runs on a device by itself."""

from .check import DeviceResult, check_bundle
from .create import create_bundle
from .remote import run_remote

__all__ = [
    "DeviceResult",
    "check_bundle",
    "create_bundle",
    "run_remote",
]

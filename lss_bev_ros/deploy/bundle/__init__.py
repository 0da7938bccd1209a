"""`lss-bev bundle`: models, frames and what they should give in one file that runs on a device by itself."""

from .check import DeviceResult, check_bundle
from .create import create_bundle
from .latency_server import LatencyServer
from .page import device_page
from .publish import publish, rows_of
from .remote import run_remote

__all__ = [
    "DeviceResult",
    "LatencyServer",
    "check_bundle",
    "create_bundle",
    "device_page",
    "publish",
    "rows_of",
    "run_remote",
]

"""The former names of what pipros and bags have still work, until 0.3."""

from __future__ import annotations

import subprocess
import sys

CODE = """
import sys
from lss_bev_ros.standalone.bag import Bag, BagWriter
from lss_bev_ros.standalone.bag.reader import Bag as same
from lss_bev_ros.standalone.bag.storage import BagStorage
assert Bag is same and "rclpy" not in sys.modules
from lss_bev_ros.standalone import activate, child_environment
activate()
from lss_bev_ros import dataset_messages
from lss_bev_ros.standalone.bag import frames
print(dataset_messages.recording.__name__, frames.film_frames.__name__)
"""


def test_bags_are_read_without_ros_and_the_rest_where_there_is_one():
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True)
    assert done.stdout.split() == ["recording", "film_frames"], done.stderr

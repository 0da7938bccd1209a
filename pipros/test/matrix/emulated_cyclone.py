"""Runs a Python file on the stand-in, with Cyclone DDS configured as rmw_cyclonedds_cpp 3.2 does it.

    python emulated_cyclone.py FILE [ARGUMENT ...]

A fair likeness of ROS 2 Lyrical on Cyclone DDS 11 (check_create_domain in rmw_node.cpp): no interface is
named, no interval changed. The default range is ROS 2's, SUBNET.
"""

from __future__ import annotations

import os
import runpy
import sys

from pipros import OVERLAY
from pipros.discovery import Discovery

_LOCALHOST = (
    "<CycloneDDS><Domain><General><AllowMulticast>false</AllowMulticast></General>"
    "<Discovery><ParticipantIndex>auto</ParticipantIndex><MaxAutoParticipantIndex>32</MaxAutoParticipantIndex>"
    '<Peers><Peer address="localhost"/></Peers></Discovery></Domain></CycloneDDS>'
)
_SUBNET = (
    "<CycloneDDS><Domain><Discovery><ParticipantIndex>auto</ParticipantIndex>"
    "<MaxAutoParticipantIndex>32</MaxAutoParticipantIndex></Discovery></Domain></CycloneDDS>"
)


def main() -> None:
    reach = os.environ.get("ROS_AUTOMATIC_DISCOVERY_RANGE", "SUBNET")
    Discovery.configuration = lambda self, process_id: _LOCALHOST if reach == "LOCALHOST" else _SUBNET
    sys.path.append(str(OVERLAY))
    sys.argv = sys.argv[1:]
    runpy.run_path(sys.argv[0], run_name="__main__")


if __name__ == "__main__":
    main()

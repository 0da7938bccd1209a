"""The short form of a campaign: a node is killed, all are lied to, and all serve again."""

from __future__ import annotations

import pytest

from lss_bev_ros.endurance.campaign import CampaignOptions, run_campaign
from pipros import activate

pytest.importorskip("aiohttp", reason="the extra `dashboard` is not installed")
pytestmark = pytest.mark.skipif(not activate(), reason="raw samples are written by the stand-in's middleware")


@pytest.mark.usefixtures("ros_environment")
def test_whatever_is_done_to_one_node_the_others_go_on_and_all_serve_again(street, tmp_path):
    said = []
    options = CampaignOptions(
        street, nodes=("inference",), kills=1, cameras=0, stops=0, messages=100, payloads=45, requests=20
    )
    found = run_campaign(tmp_path, options, said.append)
    assert found["problems"] == []
    assert [each["kind"] for each in found["ordeals"]] == ["kill", "messages", "payloads", "requests"]
    assert found["bag"]["messages"] > 0
    assert found["report"]["whole"]

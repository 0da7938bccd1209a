"""The short form of a campaign: nodes are killed and lied to, and all serve again."""

from __future__ import annotations

import pytest

from lss_bev_ros.endurance.campaign import CampaignOptions, run_campaign
from lss_bev_ros.endurance.trials import Trial

pytest.importorskip("aiohttp", reason="the extra `dashboard` is not installed")
pytest.importorskip("cyclonedds", reason="raw samples are written by the stand-in's middleware")


@pytest.mark.usefixtures("ros_environment")
def test_whatever_is_done_to_one_node_the_others_go_on_and_all_serve_again(street, tmp_path):
    said = []
    options = CampaignOptions(street, kills=1, cameras=0, stops=0, messages=200, payloads=150, requests=150)
    found = run_campaign(tmp_path, options, said.append)
    assert found["problems"] == []
    kinds = [trial["kind"] for trial in found["trials"]]
    assert kinds == ["kill"] * 4 + ["messages", "payloads", "requests"]
    assert all(trial.keys() == Trial("", "", None).__dict__.keys() for trial in found["trials"])
    assert found["bag"]["messages"] > 0
    assert found["report"]["whole"]
    assert len(said) >= len(kinds)

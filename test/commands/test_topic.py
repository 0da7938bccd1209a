"""`lss-bev topic` takes what `ros2 topic` takes."""

from __future__ import annotations

from typer.testing import CliRunner

from lss_bev_ros.commands.topic import topic
from pipros import activate


def test_the_command_takes_the_options_of_ros_2(monkeypatch):
    activate()
    from pipros import topic as topics

    seen = []
    monkeypatch.setattr(topics, "echo", lambda name, **options: seen.append((name, options)))
    asked = "/tf tf2_msgs/msg/TFMessage --once --field transforms[0].child_frame_id --qos-profile sensor_data"
    asked += " --qos-reliability reliable --qos-durability volatile --qos-depth 3 --qos-history keep_last"
    asked += " --no-arr --truncate-length 5 --csv --filter m --no-lost-messages"
    result = CliRunner().invoke(topic, ["echo", *asked.split()])
    assert result.exit_code == 0, result.output
    ((name, options),) = seen
    assert name == "/tf"
    assert options["request"] == topics.Request(
        "tf2_msgs/msg/TFMessage", "sensor_data", "reliable", "volatile", "keep_last", 3
    )
    assert (options["field"], options["form"], options["length"]) == (
        "transforms[0].child_frame_id",
        "csv",
        5,
    )
    assert (options["condition"], options["no_arr"], options["once"]) == ("m", True, True)

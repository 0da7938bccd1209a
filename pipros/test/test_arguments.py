"""`--ros-args` mean what they mean in ROS 2."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipros.arguments import Arguments
from pipros.errors import PiprosError


def parsed(command: str) -> Arguments:
    return Arguments.parse(command.split())


def test_only_what_follows_ros_args_is_ros() -> None:
    arguments = Arguments.parse(
        ["node", "-r", "x", "--ros-args", "-r", "a:=b", "--", "file", "--ros-args", "--what"]
    )

    assert arguments.rest == ["node", "-r", "x", "file"]
    assert [(rule.match, rule.replacement) for rule in arguments.remaps] == [("a", "b")]
    assert arguments.unknown == ["--what"]


def test_names_and_namespaces_are_remapped() -> None:
    arguments = Arguments.parse(["--ros-args", "-r", "__ns:=/car", "-r", "__node:=eyes"])

    assert arguments.node_name("camera") == "eyes"
    assert arguments.namespace("eyes", "/") == "/car"


def test_a_rule_with_a_node_prefix_is_for_that_node() -> None:
    arguments = Arguments.parse(["--ros-args", "-r", "left:__ns:=/l", "-r", "left:image:=picture"])

    assert arguments.namespace("left", "/") == "/l"
    assert arguments.namespace("right", "/") == "/"
    assert arguments.remap("/l/image", "left", "/l") == "/l/picture"
    assert arguments.remap("/image", "right", "/") == "/image"


def test_remaps_are_relative_to_the_node_and_the_first_wins() -> None:
    arguments = Arguments.parse(
        ["--ros-args", "-r", "image:=/top/a", "-r", "image:=b", "-r", "~/x:=y", "-r", "/tf:=tf"]
    )

    assert arguments.remap("/rig/image", "cam", "/rig") == "/top/a"
    assert arguments.remap("/rig/cam/x", "cam", "/rig") == "/rig/y"
    assert arguments.remap("/tf", "cam", "/rig") == "/rig/tf"
    assert arguments.remap("/image", "cam", "/rig") == "/image"


def test_rules_hold_for_topics_or_services_alone_where_they_say_so() -> None:
    arguments = parsed("--ros-args -r rostopic://a:=b -r rosservice://~/a:=/c -r node:rosservice:///d:=e")

    assert arguments.remap("/ns/a", "node", "/ns") == "/ns/b"
    assert arguments.remap("/ns/a", "node", "/ns", "service") == "/ns/a"
    assert arguments.remap("/ns/node/a", "node", "/ns") == "/ns/node/a"
    assert arguments.remap("/ns/node/a", "node", "/ns", "service") == "/c"
    assert arguments.remap("/d", "node", "/ns", "service") == "/ns/e"
    assert arguments.remap("/d", "other", "/ns", "service") == "/d"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("off", False),
        ("yes", True),
        ("3", 3),
        ("-7", -7),
        ("0x1F", 31),
        ("2.5", 2.5),
        ("1e3", 1000.0),
        (".inf", float("inf")),
        ("text", "text"),
        ("1.2.3", "1.2.3"),
        ("'3'", "3"),
        ('"true"', "true"),
        ("/data/nu scenes", "/data/nu scenes"),
        ("''", ""),
        ("08", 8.0),
        ("inf", float("inf")),
        ("-Infinity", float("-inf")),
        ("0x1p3", 8.0),
        ("9223372036854775807", 9223372036854775807),
        ("9223372036854775808", 9223372036854775808.0),
        ("1e400", "1e400"),
        ("1e-400", "1e-400"),
        ("0e400", 0.0),
        ("[1, 2]", [1, 2]),
        ("['a', b]", ["a", "b"]),
        ("[]", []),
    ],
)
def test_parameter_values_are_typed_as_rcl_does(text: str, value: object) -> None:
    found = Arguments.parse(["--ros-args", "-p", f"x:={text}"]).parameters("node", "/")["x"]

    assert found == value
    assert type(found) is type(value)


def test_parameters_can_be_for_one_node() -> None:
    arguments = Arguments.parse(
        ["--ros-args", "-p", "replay:rate:=2.0", "-p", "rate:=1.0", "-p", "replay:a.b:=x"]
    )

    assert arguments.parameters("replay", "/any")["a.b"] == "x"
    assert arguments.parameters("other", "/") == {"rate": 1.0}


def test_a_parameter_file_knows_wildcards_namespaces_and_nesting(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(
        "/**:\n  ros__parameters: {everyone: 1, camera: {fov: 70.0, names: [a, b]}}\n"
        "replay:\n  ros__parameters: {rate: 2.0}\n"
        "/car:\n  replay:\n    ros__parameters: {rate: 3.0}\n"
        "/*/inference:\n  ros__parameters: {threads: 2}\n"
        "/**/deep:\n  ros__parameters: {found: true}\n"
    )
    arguments = Arguments.parse(["--ros-args", "--params-file", str(path)])

    assert arguments.parameters("replay", "/") == {
        "everyone": 1, "camera.fov": 70.0, "camera.names": ["a", "b"], "rate": 2.0}  # fmt: skip
    assert arguments.parameters("replay", "/car")["rate"] == 3.0
    assert arguments.parameters("inference", "/car")["threads"] == 2
    assert "threads" not in arguments.parameters("inference", "/")
    assert arguments.parameters("deep", "/a/b")["found"] is True
    assert arguments.parameters("deep", "/")["found"] is True


def test_later_values_win(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text("/**:\n  ros__parameters: {x: 1}\n")

    both = ["--params-file", str(path), "-p", "x:=2"]
    assert Arguments.parse(["--ros-args", *both]).parameters("n", "/") == {"x": 2}


def test_log_levels() -> None:
    arguments = Arguments.parse(
        ["--ros-args", "--log-level", "warn", "--log-level", "replay:=DEBUG", "--disable-rosout-logs"]
    )

    assert (arguments.level, arguments.logger_levels, arguments.rosout) == (30, {"replay": 10}, False)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-r", "a"], "from:=to"),
        (["-r", "__ns:=car"], "namespace"),
        (["-r", "__node:=a b"], "node name"),
        (["-r", "a b:=c"], "topic name"),
        (["-p", "x"], "name:=value"),
        (["-p", "x:="], "there is no value; write ''"),
        (["-p", "x:=-"], "there is no value"),
        (["-p", "a b:=1"], "'a b' cannot be a parameter's name"),
        (["-p", "a..b:=1"], "cannot be a parameter's name"),
        (["-p", "/car/node:x:=1"], "'/car/node' must be a node's bare name"),
        (["-r", "__other:=x"], "cannot stand in a rule"),
        (["-r", "{node}/a:=b"], "cannot stand in a rule"),
        (["-r", "~:=b"], "cannot stand in a rule"),
        (["-r", "a__b:=c"], "cannot stand in a rule"),
        (["-r", "__node:=a__b"], "cannot stand in a rule"),
        (["-r", "/car/node:a:=b"], "topic name must not contain characters"),
        (["-r", "rosaction://a:=b"], "topic name must not contain characters"),
        (["--enclave", "a"], "enclave must be absolute"),
        (["-p", "x:=[1, a]"], "same type"),
        (["-p", "x:={a: 1}"], "scalar or a list"),
        (["-p", "x:=[1"], "no YAML"),
        (["-p"], "needs a value"),
        (["--params-file", "/no/such/file.yaml"], "/no/such/file.yaml"),
        (["--log-level", "loud"], "loud"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(arguments: list[str], message: str) -> None:
    with pytest.raises(PiprosError, match=message) as caught:
        Arguments.parse(["--ros-args", *arguments])

    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ros__parameters: {x: 1}\n", "below a node's name"),
        ("node: {x: 1}\n", "ros__parameters"),
        ("- 1\n", "ros__parameters"),
        ("node:\n  ros__parameters:\n    x: [1, [2]]\n", "'x'"),
        ("a: [\n", "line"),
    ],
)
def test_a_broken_parameter_file_is_named(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(text)

    with pytest.raises(PiprosError, match=message) as caught:
        Arguments.parse(["--ros-args", "--params-file", str(path)])

    assert "params.yaml" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_parameter_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_bytes(b"node:\n  ros__parameters:\n    x: \xdf1\n")

    with pytest.raises(PiprosError, match=r"params.yaml: byte 32 is no UTF-8"):
        Arguments.parse(["--ros-args", "--params-file", str(path)])

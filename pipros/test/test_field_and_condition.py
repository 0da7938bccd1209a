"""Parts of messages are found by their paths, and conditions look at messages and do nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipros import activate
from pipros.errors import PiprosError
from pipros.topic.condition import Condition
from pipros.topic.field import parse_field, select

activate()


@pytest.fixture
def message():
    from geometry_msgs.msg import TransformStamped
    from tf2_msgs.msg import TFMessage

    first, second = TransformStamped(), TransformStamped()
    first.child_frame_id, second.child_frame_id = "cam_front", "cam_back"
    second.transform.translation.x = 2.5
    return TFMessage(transforms=[first, second])


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("transforms[0].child_frame_id", "cam_front"),
        ("transforms[-1].transform.translation.x", 2.5),
        (".transforms[1].header.frame_id", ""),
    ],
)
def test_a_path_leads_to_a_part(message, path, value):
    assert select(message, parse_field(path), "/tf") == value


@pytest.mark.parametrize("path", ["", "a..b", "a[", "a[x]", "a b", "a.[0]", "[0"])
def test_what_is_no_path_is_told(path):
    with pytest.raises(PiprosError, match="is no path such as"):
        parse_field(path)


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("transforms[2].header", "topic /tf: field transforms has 2 elements, no \\[2\\]"),
        ("transforms.header", "no field transforms.header: that would be in an array"),
        (
            "transforms[0].child",
            "no field transforms\\[0\\].child: there are header, child_frame_id, transform",
        ),
        ("transforms[0].header[0]", "field transforms\\[0\\].header is no array"),
        ("transforms[0].child_frame_id[0]", "child_frame_id is no array"),
    ],
)
def test_a_part_that_is_not_there_is_told_with_those_there_are(message, path, told):
    with pytest.raises(PiprosError, match=told):
        select(message, parse_field(path), "/tf")


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("m.transforms[0].child_frame_id == 'cam_front'", True),
        ("len(m.transforms) == 3 or m.transforms[1].transform.translation.x > 2", True),
        ("'back' in m.transforms[0].child_frame_id", False),
        ("not 1 < m.transforms[1].transform.translation.x <= 2.5", False),
        ("abs(-2) + 3 * 2 - 7 // 2 % 4 if m.transforms else 0", True),
        ("m.transforms[0:1] and m.transforms[0].header.stamp.sec in (0, 1)", True),
    ],
)
def test_conditions_are_those_of_python(message, text, holds):
    assert Condition(text)(message) == holds


NUMBERS = st.integers(-5, 5)


@given(st.lists(NUMBERS, min_size=3, max_size=3), st.sampled_from(["<", "<=", "==", "!=", ">", ">="]))
def test_arithmetic_and_chains_are_those_of_python(numbers, sign):
    a, b, c = numbers
    for text in (f"{a} {sign} {b} {sign} {c}", f"{a} * {b} - {c} {sign} 0", f"({a} or {b}) and {c}"):
        assert Condition(text)(None) == bool(eval(text))


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true')",
        "m.__class__",
        "(lambda: 1)()",
        "[x for x in m.transforms]",
        "open('/tmp/x')",
        "m.transforms.sort()",
        "9 ** 9 ** 9",
        "f'{m}'",
        "len(m.transforms, key=len)",
        "x == 1",
    ],
)
def test_what_could_do_something_else_is_refused(text):
    with pytest.raises(PiprosError, match="is not allowed"):
        Condition(text)


def test_what_is_no_expression_or_does_not_fit_is_told(message):
    with pytest.raises(PiprosError, match="is no Python expression"):
        Condition("m.x ==")
    with pytest.raises(PiprosError, match=r"does not fit the message: .*pose"):
        Condition("m.pose.x > 1")(message)

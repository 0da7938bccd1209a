"""Names are valid, expanded and hidden as in ROS 2."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipros import names

TOKEN = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True)
RELATIVE = st.lists(TOKEN, min_size=1, max_size=3).map("/".join)
NAMESPACE = st.one_of(st.just("/"), RELATIVE.map("/{}".format))


@given(RELATIVE, TOKEN, NAMESPACE)
def test_expansion_is_absolute_and_idempotent(name: str, node: str, namespace: str) -> None:
    for given_name in (name, f"~/{name}", f"/{name}"):
        assert names.problem_with_topic_name(given_name) is None
        expanded = names.expand(given_name, node, namespace)
        assert expanded.startswith("/")
        assert "//" not in expanded
        assert names.expand(expanded, node, namespace) == expanded


def test_expansion_follows_namespace_and_node() -> None:
    assert names.expand("image", "cam", "/rig") == "/rig/image"
    assert names.expand("~/image", "cam", "/rig") == "/rig/cam/image"
    assert names.expand("~/image", "cam", "/") == "/cam/image"
    assert names.expand("/image", "cam", "/rig") == "/image"
    assert names.expand("{ns}/{node}_image", "cam", "/rig") == "/rig/cam_image"


@pytest.mark.parametrize("name", ["", "1a", "a/", "a b", "a-b", "/", "~/", "a~"])
def test_a_topic_name_that_ros_refuses_is_refused(name: str) -> None:
    assert names.problem_with_topic_name(name)


@pytest.mark.parametrize("name", ["", "a", "/a/", "/a//b", "/1", "/a b", "/{a}", f"/{'a' * 300}"])
def test_an_expanded_name_that_ros_refuses_is_refused(name: str) -> None:
    assert names.problem_with_full_topic_name(name)


@pytest.mark.parametrize("name", ["", "1a", "a/b", "a b"])
def test_a_node_name_that_ros_refuses_is_refused(name: str) -> None:
    assert names.problem_with_node_name(name)


@pytest.mark.parametrize("name", ["", "a", "/a/", "//", "/1"])
def test_a_namespace_that_ros_refuses_is_refused(name: str) -> None:
    assert names.problem_with_namespace(name)


def test_hidden_names_have_a_token_with_an_underscore() -> None:
    assert names.is_hidden("/a/_b/c")
    assert not names.is_hidden("/a/b_/c")

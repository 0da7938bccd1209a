"""What a node can ask about the ROS graph: the part of rclpy.node that does not change anything."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from pipros import names
from pipros.graph import REPLY, REQUEST, TOPIC, Endpoint, Graph
from rclpy._rclpy_pybind11 import NodeNameNonExistentError, RCLError
from rclpy.qos import from_endpoint
from rclpy.topic_endpoint_info import TopicEndpointInfo, TopicEndpointTypeEnum

NamesAndTypes = list[tuple[str, list[str]]]


class GraphQueries:
    """Questions to the graph; what it knows grows as others are discovered, within a second or so."""

    _pipros_graph: Graph

    _pipros_resolve: Callable[..., str]
    """A topic's or service's absolute name; the node knows its namespace and remaps."""

    _pipros_check_alive: Callable[[], None]
    """InvalidHandle where the node was destroyed."""

    def get_node_names(self) -> list[str]:
        """Names of all nodes."""
        self._pipros_check_alive()
        return [name for name, _ in self._pipros_graph.nodes()]

    def get_node_names_and_namespaces(self) -> list[tuple[str, str]]:
        """Names and namespaces of all nodes."""
        self._pipros_check_alive()
        return self._pipros_graph.nodes()

    def get_topic_names_and_types(self, no_demangle: bool = False) -> NamesAndTypes:
        """All topics and the types they are used with."""
        self._pipros_check_alive()
        if no_demangle:
            raise NotImplementedError("get_topic_names_and_types(no_demangle=True) is not in pipros")
        return _names_and_types([*self._pipros_graph.writers(TOPIC), *self._pipros_graph.readers(TOPIC)])

    def get_service_names_and_types(self) -> NamesAndTypes:
        """All services and their types."""
        self._pipros_check_alive()
        return _names_and_types([*self._pipros_graph.readers(REQUEST), *self._pipros_graph.writers(REPLY)])

    def get_publisher_names_and_types_by_node(
        self, node_name: str, node_namespace: str, no_demangle: bool = False
    ) -> NamesAndTypes:
        """Topics that a node publishes."""
        return self._pipros_of_node(self._pipros_graph.writers(TOPIC), node_name, node_namespace, "publisher")

    def get_subscriber_names_and_types_by_node(
        self, node_name: str, node_namespace: str, no_demangle: bool = False
    ) -> NamesAndTypes:
        """Topics that a node listens to."""
        return self._pipros_of_node(
            self._pipros_graph.readers(TOPIC), node_name, node_namespace, "subscriber"
        )

    def get_client_names_and_types_by_node(self, node_name: str, node_namespace: str) -> NamesAndTypes:
        """Services that a node calls."""
        return self._pipros_of_node(self._pipros_graph.writers(REQUEST), node_name, node_namespace, "client")

    def get_service_names_and_types_by_node(self, node_name: str, node_namespace: str) -> NamesAndTypes:
        """Services of a node."""
        return self._pipros_of_node(self._pipros_graph.readers(REQUEST), node_name, node_namespace, "service")

    def _pipros_of_node(
        self, endpoints: Iterable[Endpoint], name: str, namespace: str, what: str
    ) -> NamesAndTypes:
        self._pipros_check_alive()
        problem = names.problem_with_node_name(name) or names.problem_with_namespace(namespace)
        if problem:
            raise RCLError(f"failed to get {what} names and types: {problem.reason}")
        if (name, namespace) not in self._pipros_graph.nodes():
            raise NodeNameNonExistentError(f"cannot get {what} names and types for nonexistent node")
        return _names_and_types(each for each in endpoints if each.node == (name, namespace))

    def count_publishers(self, topic_name: str) -> int:
        """How many publishers a topic has, whose name is not remapped."""
        return _count(self, self._pipros_graph.writers(TOPIC), topic_name)

    def count_subscribers(self, topic_name: str) -> int:
        """How many subscriptions a topic has, whose name is not remapped."""
        return _count(self, self._pipros_graph.readers(TOPIC), topic_name)

    def count_services(self, service_name: str) -> int:
        """How many servers a service has, whose name is not remapped."""
        return _count(self, _of_nodes(self._pipros_graph.readers(REQUEST)), service_name)

    def count_clients(self, service_name: str) -> int:
        """How many clients a service has, whose name is not remapped."""
        return _count(self, _of_nodes(self._pipros_graph.writers(REQUEST)), service_name)

    def _pipros_asked(self, name: str, only_expand: bool = False) -> str:
        """The absolute name of what is asked for, with the error that rclpy has for wrong ones here."""
        if problem := names.problem_with_topic_name(name):
            raise ValueError(f"topic name '{name}' is invalid: {problem.reason}")
        return self._pipros_resolve(name, only_expand=only_expand)

    def get_publishers_info_by_topic(
        self, topic_name: str, no_mangle: bool = False
    ) -> list[TopicEndpointInfo]:
        """A topic's publishers, with their nodes and QoS."""
        self._pipros_check_alive()
        name = self._pipros_asked(topic_name)
        return [
            _info(each, TopicEndpointTypeEnum.PUBLISHER)
            for each in self._pipros_graph.writers(TOPIC)
            if each.name == name
        ]

    def get_subscriptions_info_by_topic(
        self, topic_name: str, no_mangle: bool = False
    ) -> list[TopicEndpointInfo]:
        """A topic's subscriptions, with their nodes and QoS."""
        self._pipros_check_alive()
        name = self._pipros_asked(topic_name)
        return [
            _info(each, TopicEndpointTypeEnum.SUBSCRIPTION)
            for each in self._pipros_graph.readers(TOPIC)
            if each.name == name
        ]


def _names_and_types(endpoints: Iterable[Endpoint]) -> NamesAndTypes:
    found: dict[str, set[str]] = {}
    for endpoint in endpoints:
        kind = endpoint.type_name.removesuffix("_Request").removesuffix("_Response")
        found.setdefault(endpoint.name, set()).add(endpoint.type_name if endpoint.prefix == TOPIC else kind)
    return [(name, sorted(types)) for name, types in sorted(found.items())]


def _of_nodes(endpoints: Iterable[Endpoint]) -> Iterator[Endpoint]:
    """Those of nodes: a server here has a second reader, which tells of requests of Fast DDS."""
    return (each for each in endpoints if each.node is not None)


def _info(endpoint: Endpoint, kind: TopicEndpointTypeEnum) -> TopicEndpointInfo:
    name, namespace = endpoint.node or ("_NODE_NAME_UNKNOWN_", "_NODE_NAMESPACE_UNKNOWN_")
    return TopicEndpointInfo(
        node_name=name,
        node_namespace=namespace,
        topic_type=endpoint.type_name,
        topic_type_hash=endpoint.user_data.get("typehash", ""),
        endpoint_type=kind,
        endpoint_gid=list(endpoint.guid),
        qos_profile=from_endpoint(endpoint.qos),
    )


def _count(node: GraphQueries, endpoints: Iterable[Endpoint], name: str) -> int:
    """How many endpoints have a name; no method, since nodes of users have one of that name."""
    node._pipros_check_alive()
    full = node._pipros_asked(name, only_expand=True)
    return sum(endpoint.name == full for endpoint in endpoints)

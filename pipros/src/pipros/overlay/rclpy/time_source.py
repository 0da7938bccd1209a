"""What moves a node's ROS clock: `use_sim_time` and /clock, as rclpy.time_source."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rcl_interfaces.msg import SetParametersResult
from rosgraph_msgs.msg import Clock as ClockMessage

from rclpy.clock import ROSClock
from rclpy.parameter import Parameter
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.time import Time

if TYPE_CHECKING:
    from rclpy.node import Node

USE_SIM_TIME = "use_sim_time"


class TimeSource:
    """Declares `use_sim_time` on a node and, while it is true, sets the clock from /clock."""

    def __init__(self, node: Node, clock: ROSClock) -> None:
        self._node = node
        self._clock = clock
        self._subscription: object = None
        if not node.has_parameter(USE_SIM_TIME):
            node.declare_parameter(USE_SIM_TIME, False)
        self._switch(node.get_parameter(USE_SIM_TIME).value)
        node.add_on_set_parameters_callback(self._on_set_parameters)

    def _on_set_parameters(self, parameters: list[Parameter]) -> SetParametersResult:
        for parameter in parameters:
            if parameter.name == USE_SIM_TIME:
                if parameter.type_ is not Parameter.Type.BOOL:
                    return SetParametersResult(
                        successful=False, reason=f"{USE_SIM_TIME} parameter set to something besides a bool"
                    )
                self._switch(parameter.value)
        return SetParametersResult(successful=True)

    def _switch(self, simulated: bool) -> None:
        self._clock._set_ros_time_is_active(simulated)
        if simulated and self._subscription is None:
            qos = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
            self._subscription = self._node.create_subscription(ClockMessage, "/clock", self._on_clock, qos)
        elif not simulated and self._subscription is not None:
            self._node.destroy_subscription(self._subscription)
            self._subscription = None

    def _on_clock(self, message: ClockMessage) -> None:
        self._clock.set_ros_time_override(Time.from_msg(message.clock))

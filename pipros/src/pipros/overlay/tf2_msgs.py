"""tf2_msgs of ROS 2 Jazzy, made from the type store."""

from pipros.packages import fill

fill(__name__)

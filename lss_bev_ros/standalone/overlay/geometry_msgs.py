"""geometry_msgs of ROS 2 Jazzy, made from the type store."""

from lss_bev_ros.standalone.packages import fill

fill(__name__)

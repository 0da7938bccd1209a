"""vision_msgs 4.1, as ROS 2 has it from Humble on."""

from pipros.packages import fill

fill(__name__)

"""Parts of rclpy that some code imports by their inner names."""

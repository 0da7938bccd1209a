"""Answers of the multi-sense network as objects: what its heads' numbers stand for.

One module an answer, each with a frozen dataclass of what it found and the function that reads it off a
head's tensor, on the tensor's own device. Nothing here knows ROS.
"""

"""Answers of the multi-sense network as objects: what its heads' numbers stand for."""

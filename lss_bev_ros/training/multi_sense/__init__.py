"""Training of the multi-sense network: pairs of instants with every truth, losses, and the run."""

"""The network on the processor: folded, in half precision, with its own convolutions."""

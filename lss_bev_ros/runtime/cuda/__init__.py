"""The network on an NVIDIA GPU: our own kernels, one CUDA graph, images and tables in place."""

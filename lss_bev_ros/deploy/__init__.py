"""Getting the network onto other machines: files, engines, smaller and faster networks."""

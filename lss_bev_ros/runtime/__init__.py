"""Running the network: frame sets in, probabilities out."""

"""Bags of this package's topics: made of a data set, drawn frame by frame, looked through by the doctor."""

"""Getting the network onto other machines, and measuring what that gains."""

"""Text for the embedding head: phrases, and what they have in common with the things of the street."""

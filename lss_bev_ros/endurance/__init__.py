"""A campaign against the running nodes and the files: what fails, how soon all serves again, what is lost."""

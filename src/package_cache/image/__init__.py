"""A cache as an OCI image: which files go into which layer, what is said of it, and the form that stages by itself."""

"""Business applications: each a package with the same inside; none imports another."""

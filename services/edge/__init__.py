"""The edges of all four services behind one address."""

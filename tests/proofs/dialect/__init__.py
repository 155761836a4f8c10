"""Proofs of the seam between the layer and the room of its database system."""

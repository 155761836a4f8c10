"""Tests; ``db`` belongs to the template, the rest is yours."""

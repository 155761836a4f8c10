"""Tests. The directory ``db`` belongs to the template, and the rest is yours."""

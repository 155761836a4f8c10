"""Transactions: begin hooks, the guarded session, the unit of work, retries, and the database."""

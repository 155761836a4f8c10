"""Transactions: settings at BEGIN, the guarded session, the unit of work, retries, the database."""

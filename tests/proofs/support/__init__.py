"""What several proofs share: tables, faults, projects, loads."""

"""Tables, faults, projects and loads that several proofs share."""

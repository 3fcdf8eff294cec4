"""What several machines share: state, leases, events and proofs in a Redis server."""

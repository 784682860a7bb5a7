"""The case system: one table of moves, the desk that makes them, the store that keeps them, the relay that tells."""

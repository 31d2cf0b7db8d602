"""Real containers and a registry on loopback, for the demo, the tests and the bench: nothing of it is installed."""

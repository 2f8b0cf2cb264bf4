"""The simulated providers: one server, four wire protocols, personas whose truth is known."""

"""The vLLM runner: an owned or attached server, or the engine in process."""

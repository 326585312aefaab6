"""A target behind a stream: the handshake, requests and their answers, registers and memory that were read."""

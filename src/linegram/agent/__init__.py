"""The worker's side: registrations, PBX calls, the pool of media hosts. Driven only by link messages."""

"""What happens in a call: pure state machines as tables, and a thin runner for their commands."""

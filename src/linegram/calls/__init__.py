"""What happens in a call: pure state machines as tables, and a thin runner that carries out their commands."""

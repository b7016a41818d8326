"""Tests of the sandbox MTProto server with real clients."""

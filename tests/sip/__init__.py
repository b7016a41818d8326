"""Tests of the SIP room."""

"""Playout: packets of one source become frames to hear. Joins `rtp/` and `audio/`; pure as they are."""

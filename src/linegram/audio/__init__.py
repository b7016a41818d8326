"""Audio: codecs, resampling, tones, concealment, mixing. Pure: knows no packet, socket, clock or thread."""

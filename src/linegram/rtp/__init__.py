"""RTP and RTCP: packets, sequence, playout, telephone events. Pure: no codec, socket, clock or thread."""

"""Messages between hub and worker: plain data, and what carries them.

The hub decides, the worker does. A command names ids chosen by its sender and
may be repeated without harm; an event carries the number that its worker gave
it. So a worker can live on another machine, and a call can outlive its hub.
"""

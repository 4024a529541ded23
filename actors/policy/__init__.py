"""Pure state machines: the clock is an argument; nothing here awaits, logs or sleeps."""

"""The parts that the wiring puts together: each joins packages that do not know each other, for one purpose."""

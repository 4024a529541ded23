"""How full a model's context window is, and the Context Management Service that knows it exactly."""

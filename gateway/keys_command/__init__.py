"""`llm-gateway keys create|list|rotate|revoke`: options.py says what can be written, actions.py does it."""

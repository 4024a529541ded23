"""`llm-gateway keys create|list|rotate|revoke`: options.py says what one can write, terms.py checks it,
actions.py does it.
"""

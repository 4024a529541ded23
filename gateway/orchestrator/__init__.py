"""The Code Orchestrator Service, and the tools that the gateway offers and runs."""

"""What the gateway keeps beyond one request, behind protocols that memory and a shared store can both serve."""

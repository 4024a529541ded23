"""What the gateway costs, measured beside others in one run; see README.md here."""

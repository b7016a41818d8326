"""The sans-IO core: transactions, registrations and calls over a simulated network and clock."""

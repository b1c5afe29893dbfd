"""A plugin of hashbench: Deep Cauchy Hashing, found through the entry-point group `hashbench.plugins`."""

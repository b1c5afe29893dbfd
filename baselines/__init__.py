"""The peers: every method that hashbench compares, one file each, written from its equations."""

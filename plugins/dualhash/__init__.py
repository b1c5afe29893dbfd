"""DualHash (arXiv:2510.18218): a stochastic primal-dual method for deep hashing, its ablations, and its diagnostics.

The catalogue is registry.yaml beside this file; nothing is imported until a method is used.
"""

"""From a finished run to a program that searches: encoders, queries, exported folders. Import the submodules."""

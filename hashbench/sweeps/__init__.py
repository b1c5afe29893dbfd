"""Many runs: what is to be done, in which order, and the executors that do it. Import the submodules."""

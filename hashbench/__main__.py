"""`python -m hashbench`, which is also how torchrun starts it: `torchrun --nproc_per_node 2 -m hashbench run ...`."""

from hashbench.cli import main

if __name__ == "__main__":
    main()

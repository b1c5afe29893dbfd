"""Result folders, environment, leaderboard, statistics. Import the submodules; this imports none of them."""

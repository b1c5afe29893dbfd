"""What runs leave behind: their folders, records, codes and values per query; and what many of them say together.

Import the submodules; this imports none of them. The words that they use, each for one thing:

run         One training (or fit) and one test: protocol, method, hyper-parameters, bits, seed. It lives in a folder of
            its own, `RunFolder` (`folder`), which is the only class that knows the files in it (`layout`).
state       Of a run. `absent`: never begun, or withdrawn. `unfinished`: begun (there is a spec.json) and without a
            result; a process may be at work on it, then its folder is *in use*, or `--resume` goes on with it.
            `finished`: there is a result.json, which is written last.
spec        What identifies a run (spec.json); `identity` is the same without the fingerprint.
fingerprint Of the protocol, with the data and weights that were really read. Runs of two fingerprints are never ranked
            together.
record      What result.json says of a finished run: `ResultRecord` (`record`).
codes       Packed codes of the test queries and of the database: `RunCodes` (`codes`).
per query   Values of a metric, one per test query (`per_query`).
row         The runs that differ in their seed only: a line of the leaderboard (`leaderboard`).
section     The rows of one fingerprint, as a table (`sections`).
find, open  `find_runs`: all finished runs below some folders. `find_run`: the folder of one identity. `open_run`: one
            finished run by its path (`find`).
pair        Two rows on the same queries (`paired`). *Comparison* is the word for one (fingerprint, bits) over which
            ranks are averaged (`average_rank`).
"""

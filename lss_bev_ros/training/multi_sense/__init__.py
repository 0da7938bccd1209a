"""Training of the multi-sense network: pairs of instants with every truth, losses, and the run.

`training` is a whole run and `trainer` its steps; `recipe` says what it depends on. `variation` draws what a
pair loses, `network` answers, `targets` (with `sight` and `templates`) says what would have been right,
`losses` how far off it is and `balance` what that counts; `validation` scores each set of senses.
"""

"""A suite's shards as jobs for the schedulers that clusters have: Kubernetes with Kueue, Slurm, and KubeRay.

Nothing here sends anything: each module turns groups of shards into text. No text holds a key; keys come from secrets and
variables by their names.
"""

"""Runs inside the sandbox: standard library only, started by ``gapbench.sandbox``, never imported by a run.

``main`` has the order of steps, ``namespaces`` and ``seccomp`` the kernel's part, ``rpc`` the exchange of plain values
over a socket, ``test_runner`` the tests. :mod:`gapbench.sandbox` explains the design.
"""

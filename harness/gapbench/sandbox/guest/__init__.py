"""What runs inside the sandbox: standard library only, started by ``gapbench.sandbox``, never in the harness.

``main`` is the order of steps, ``walls`` the kernel's part, ``bridge`` plain values over a socket,
``judge`` the tests. Why it is built so: see :mod:`gapbench.sandbox`.
"""

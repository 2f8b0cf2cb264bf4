"""Programs of the small stack language to translate; a test runs them in its interpreter."""

from __future__ import annotations

from source import Source

WHOLE = "The arguments are whole numbers, also below 0."
STACK = [
    Source("easy", "stack", "spread(a, b)", WHOLE, """
over over < [ swap ] [ ] if
- 2 - 7 %
""", """
def spread(a, b):
    apart = abs(a - b) - 2
    return apart % 7 if apart >= 0 else apart
""", """
def spread(a, b):
    return (abs(a - b) - 2) % 7
""", ((1, 9), (9, 1), (0, 0), (-3, 4), (4, -3), (-20, -1), (100, 1), (7, 0), (0, 13), (-8, -8), (5, 4), (3, 5), (2, 11))),
    Source("medium", "stack", "measure(a, b)", WHOLE, """
dup [ swap over % dup ] loop
drop
""", """
def remainder(a, b):
    quotient = abs(a) // abs(b)
    if (a < 0) != (b < 0):
        quotient = -quotient
    return a - b * quotient


def measure(a, b):
    while b:
        a, b = b, remainder(a, b)
    return a
""", """
def measure(a, b):
    while b:
        a, b = b, a % b
    return a
""", ((12, 18), (18, 12), (7, 0), (0, 5), (-12, 18), (12, -18), (-7, -21), (1071, 462), (-1071, 462), (17, 5), (-17, 5), (0, 0), (5, -15), (-9, 0))),
    Source("hard", "stack", "digits(n)", WHOLE, """
0 swap
dup [ swap over 10 % + swap 10 / dup ] loop
drop
""", """
def digits(n):
    total = sum(int(digit) for digit in str(abs(n)))
    return total if n > 0 else -total
""", """
def digits(n):
    return sum(int(digit) for digit in str(abs(n)))
""", ((0,), (5,), (123,), (-123,), (-9,), (1000,), (987654321,), (-10,), (99,), (-50607,))),
    Source("hard", "stack", "rounds(n)", WHOLE, """
0 swap
over 20 < over 1 = 0 = *
[ dup 2 % [ 3 * 1 + ] [ 2 / ] if
  swap 1 + swap
  over 20 < over 1 = 0 = * ] loop
swap -
""", """
def rounds(n):
    count = 0
    for _ in range(20):
        if n != 1:
            n = n * 3 + 1 if n % 2 else n // 2
            count += 1
    return n - count
""", """
def rounds(n):
    count = 0
    while n != 1 and count <= 20:
        n = n * 3 + 1 if n % 2 else n // 2
        count += 1
    return n - count
""", ((1,), (2,), (3,), (6,), (7,), (27,), (0,), (-1,), (-5,), (40,), (97,), (1024,), (2097152,))),
]  # fmt: skip

"""Layout, color and row spacing of LaTeX change no value, and inequalities joined by "or" are a union."""

from __future__ import annotations

import pytest

from gapbench.scoring import make_scorer
from gapbench.values import Sample

MATH = make_scorer("math", {})
MATRIX = r"\begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix}"
UNION = r"(-\infty,-1)\cup(3,\infty)"
EQUAL = (
    (MATRIX, r"\boxed{\begin{bmatrix} 1 & 2 \\[6pt] 3 & 4 \end{bmatrix}}"),
    (MATRIX, r"$$\begin{pmatrix} 1 & 2 \\[1ex] 3 & 4 \end{pmatrix}$$"),
    (MATRIX, "\\boxed{\\begin{pmatrix}\n1 & 2 \\\\\n3 & 4 \\\\\n\\end{pmatrix}}"),
    (MATRIX, r"\boxed{\begin{bmatrix}1 & 2\cr 3 & 4\end{bmatrix}}"),
    (MATRIX, r"\boxed{\begin{pmatrix*}[r] 1 & 2 \\ 3 & 4 \end{pmatrix*}}"),
    (r"72\text{ km/h}", r"\boxed{72 \frac{\text{km}}{\text{h}}}"),
    ("72", r"\boxed{72~\text{km/h}}"),
    ("12{,}000", r"\boxed{12\,000}"),
    ("5", r"\boxed{\color{red}5}"),
    ("5", r"\boxed{\textcolor{blue}{5}}"),
    (UNION, r"$x < -1$ or $x > 3$"),
    (UNION, r"The solution is $x > 3$ or $x < -1$."),
    (UNION, r"\boxed{x < -1 \text{ or } x > 3}"),
    (r"(-\infty,-1]\cup[\frac12,\infty)", r"$x\leq -1$ or $x\geq \frac{1}{2}$"),
    (r"(-3,-1)\cup(3,\infty)", r"so $-3 < x < -1$ or $x>3$"),
    ("[2,5)", r"All real numbers $x$ with $2 \le x < 5$."),
)
DIFFERENT = (
    (MATRIX, r"\boxed{\begin{bmatrix} 1 & 3 \\[6pt] 2 & 4 \end{bmatrix}}"),
    ("12{,}000", r"\boxed{12\,00}"),
    (UNION, r"$x \le -1$ or $x > 3$"),
    (UNION, r"$x < 3$ or $x > -1$"),
    (UNION, r"$x < -1$ or $y > 3$"),
    (UNION, r"It is not $x < -1$ or $x > 3$."),
    ("[2,5)", r"All real numbers $x$ with $2 \le x \le 5$."),
)


@pytest.mark.parametrize(("target", "reply"), EQUAL)
def test_layout_changes_no_value(target: str, reply: str) -> None:
    assert "correct" == MATH(reply, Sample("s", (), target=target)).outcome


@pytest.mark.parametrize(("target", "reply"), DIFFERENT)
def test_other_values_stay_wrong(target: str, reply: str) -> None:
    assert "wrong" == MATH(reply, Sample("s", (), target=target)).outcome

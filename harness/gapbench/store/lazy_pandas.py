"""Keep pyarrow from importing pandas in a process that only writes rows."""

from __future__ import annotations

import sys
from importlib.abc import MetaPathFinder

import pyarrow as pa


class _PandasRefused(MetaPathFinder):
    def find_spec(self, fullname: str, path: object, target: object = None) -> None:  # noqa: ARG002 - importlib's signature
        if fullname == "pandas":
            raise ImportError("pandas is imported later, when a table is converted to it")


def defer_pandas_import() -> None:
    """Make pyarrow import pandas only when a table is converted to pandas.

    By default the first ``pa.array`` of a process imports pandas, half a second, to recognize pandas objects among its
    arguments. A run writes its rows from lists; there the import would delay the end of the run, or in a long run the
    requests in flight while the first part is written. pyarrow tries the import once and treats a failure as "no pandas";
    ``to_pandas`` tries again and works as usual (``_PandasAPIShim`` in pyarrow's ``pandas-shim.pxi``).

    Does nothing if pandas is imported already. Call it while no other thread imports pandas.
    """
    if "pandas" in sys.modules:
        return
    refused = _PandasRefused()
    sys.meta_path.insert(0, refused)
    try:
        pa.array([])
    finally:
        sys.meta_path.remove(refused)

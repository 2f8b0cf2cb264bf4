"""The formats that ``bench import`` reads, one module each; a module defines ``IMPORTER``.

:mod:`gapbench.store.importers.registry` finds them by looking into this folder.
"""

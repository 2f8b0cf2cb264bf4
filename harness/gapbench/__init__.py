"""The engine and the analysis of gapbench; knows no vendor."""

"""Reports: results as tables, a page, Markdown, plots and data files. The analyses are computed elsewhere."""

"""Tables to text, Markdown, HTML, plots and files; no arithmetic of its own."""

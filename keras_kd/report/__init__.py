"""One report of a run, and what is made from it: terminal, Markdown, HTML, model card, plots."""

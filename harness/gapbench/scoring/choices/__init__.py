"""Reads which option of a multiple-choice question a reply chooses, as a person would read it.

``markup`` turns LaTeX, HTML, JSON and YAML (``fields``) into plain text, ``words`` lists what words mean in many languages, ``tokens``
turns text into a string with one character per word, ``statements`` finds in it what the reply says about options, and
``reading`` decides. ``other_names`` knows letters that are part of a name, such as "vitamin C", and ``prompt`` finds the
options in the question. Every letter is the same token, so a sentence reads alike for A and for B.
"""

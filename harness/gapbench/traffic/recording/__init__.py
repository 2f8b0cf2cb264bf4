"""Recording: a proxy that passes requests on unchanged, and writes a line for each that asks a model for a reply.

Modules, from the socket to the file::

    protocols       which requests are recorded, and where they go
    proxy           passes on, and keeps what passed
    exchange        one request and its answer, as they passed
    packed_bodies   unpacks compressed bodies
    stream_replies  puts streams together
    reader          an exchange to a draft
    text_shape      lengths and prefix hashes in place of texts
    line_builder    a draft to a line
    record_file     lines to the file
    writer          the thread that does the last four

The proxy needs aiohttp (``pip install 'gapbench[record]'``); import :mod:`gapbench.traffic.recording.proxy` only to serve.
"""

"""Recording: a proxy that passes requests on unchanged, and writes a line for each that asks a model for a reply.

Modules, from the socket to the file::

    protocols            which requests are recorded, and where they go
    peer                 one end of the proxy
    http_messages        heads and bodies of HTTP/1.1
    upstream_connection  connections to upstreams, opened and kept
    client_connection    connections of clients
    passage              one request and its answer on their way: passed on, and kept
    proxy                listens, and says where each request goes
    exchange             one request and its answer, as they passed
    packed_bodies        unpacks compressed bodies
    stream_replies       puts streams together
    reader               an exchange to a draft
    text_shape           lengths and prefix hashes in place of texts
    line_builder         a draft to a line
    record_file          lines to the file
    writer               the thread that does the last four
"""

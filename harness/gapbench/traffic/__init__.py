"""Traffic: the requests that a team sends, from its own logs to one table with one definition for every column."""

from gapbench.traffic.importer import ImportOptions, import_traffic, recognize_file
from gapbench.traffic.record import TRAFFIC_SCHEMA_VERSION, TrafficRecord

__all__ = ["TRAFFIC_SCHEMA_VERSION", "ImportOptions", "TrafficRecord", "import_traffic", "recognize_file"]

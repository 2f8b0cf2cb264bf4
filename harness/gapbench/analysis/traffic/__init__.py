"""What a team's traffic is: volume, tokens, dollars, caching, errors and times, from its traffic tables."""

from gapbench.analysis.traffic.audit import TrafficAudit, audit_traffic
from gapbench.analysis.traffic.requests_frame import read_requests
from gapbench.analysis.traffic.takeover import OpenPrice

__all__ = ["OpenPrice", "TrafficAudit", "audit_traffic", "read_requests"]

"""The six repositories: packages, and the words that their drawn modules use."""

from __future__ import annotations

from typing import NamedTuple


class Catalog(NamedTuple):
    """One repository.

    Attributes:
        package: Its Python package.
        area: Package below it that holds the drawn modules.
        modules: Names that drawn modules may have.
        words: Names for arguments.
    """

    package: str
    area: str
    modules: tuple[str, ...]
    words: tuple[str, ...]


CATALOGS = {
    "ledger": Catalog(
        "ledger",
        "policies",
        (
            "harbour", "airport", "depot", "kiosk", "wholesale", "export", "import_goods", "returns", "seasonal", "clearance", "members",
            "frozen", "fragile", "bulky", "samples", "gifts", "spares", "pallets", "customs", "insurance", "courier", "pickup", "auction",
            "leasing", "recycling", "packaging", "staffing", "forecast", "audit", "outlet", "rental", "warranty",
        ),
        ("units", "days", "cents", "stock", "boxes", "orders"),
    ),
    "query": Catalog(
        "tablequery",
        "measures",
        (
            "population", "rainfall", "traffic", "wages", "harvest", "exports", "schools", "energy", "water", "housing", "tourism",
            "forestry", "fishing", "mining", "banking", "health", "crime", "sports", "libraries", "railways", "harbours", "airports",
            "waste", "noise", "parks", "elections", "taxes", "pensions", "prices", "births", "migration", "roads",
        ),
        ("count", "width", "volume", "period", "sample", "base"),
    ),
    "schedule": Catalog(
        "timetable",
        "kinds",
        (
            "baking", "printing", "welding", "painting", "cutting", "drilling", "polishing", "sewing", "mixing", "casting", "rolling",
            "packing", "sorting", "washing", "drying", "cooling", "heating", "testing", "labelling", "loading", "grinding", "pressing",
            "coating", "etching", "sawing", "glazing", "brewing", "milling", "weaving", "dyeing", "bottling", "sealing",
        ),
        ("minutes", "pieces", "shift", "crew", "load", "queue"),
    ),
    "template": Catalog(
        "pagefill",
        "filters",
        (
            "letters", "invoices", "tickets", "menus", "posters", "badges", "receipts", "calendars", "reports", "manuals", "forms",
            "envelopes", "notices", "programmes", "vouchers", "contracts", "surveys", "recipes", "timetables", "maps", "price_lists",
            "captions", "credits", "indexes", "minutes", "agendas", "articles", "reviews", "profiles", "summaries", "quotes", "bulletins",
        ),
        ("width", "number", "places", "lines", "indent", "column"),
    ),
    "server": Catalog(
        "lineserver",
        "services",
        (
            "weather", "stocks", "currency", "postage", "parking", "ferries", "lighting", "heating", "alarms", "lifts", "gates", "meters",
            "pumps", "valves", "tanks", "ovens", "fans", "doors", "sirens", "clocks", "scales", "boilers", "shutters", "sprinklers",
            "turbines", "chargers", "beacons", "buoys", "cranes", "signals", "trams", "barriers",
        ),
        ("value", "level", "ticks", "zone", "power", "delay"),
    ),
    "build": Catalog(
        "makeplan",
        "tools",
        (
            "compiler", "linker", "archiver", "packer", "signer", "minifier", "bundler", "formatter", "scanner", "indexer", "renderer",
            "encoder", "splitter", "joiner", "stripper", "patcher", "fetcher", "copier", "checker", "tagger", "mirror", "counter",
            "profiler", "tracer", "bench", "publisher", "notary", "translator", "sampler", "reducer", "shaper", "planner",
        ),
        ("size", "depth", "jobs", "files", "steps", "weight"),
    ),
}

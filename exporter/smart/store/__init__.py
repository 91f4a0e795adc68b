"""Reports, records and states in SQLite or PostgreSQL."""

from smart.store.state import ClientState, Event, FileInfo, FileState, Saved
from smart.store.store import Store
from smart.store.writer import ReportWriter

__all__ = ["ClientState", "Event", "FileInfo", "FileState", "ReportWriter", "Saved", "Store"]

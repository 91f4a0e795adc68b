"""The smart_* metrics: SMART about itself, shown at /metrics.

Worker processes return results and the serving process counts, since counters do not cross processes.
"""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram, Info

CONFIG_LAST_RELOAD_SUCCESSFUL = Gauge(
    "smart_config_last_reload_successful", "1 if the last attempt to load the inventory succeeded, else 0."
)
CONFIG_LAST_RELOAD_SUCCESS_TIMESTAMP_SECONDS = Gauge(
    "smart_config_last_reload_success_timestamp_seconds", "When the inventory in force was loaded."
)
BUILD = Info("smart_build", "Version of SMART.")
UPLOADS = Counter("smart_uploads_total", "Requests to the intake by the HTTP code of the answer.", ["code"])
UPLOAD_BYTES = Counter("smart_upload_bytes_total", "Bytes of files accepted by the intake.")
UPLOAD_SECONDS = Histogram(
    "smart_upload_duration_seconds",
    "Time from the first byte of an upload's body to its answer.",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120),
)
SPOOL_FILES = Gauge("smart_spool_files", "Files accepted and not yet parsed.")
SPOOL_OLDEST_TIMESTAMP_SECONDS = Gauge(
    "smart_spool_oldest_file_timestamp_seconds", "When the oldest file in the spool came; 0 when the spool is empty."
)
FILES_PROCESSED = Counter("smart_files_processed_total", "Files taken from the spool by outcome.", ["outcome"])
FILES_REJECTED = Counter("smart_files_rejected_total", "Files that could not be taken, by reason.", ["reason"])
FILE_SECONDS = Histogram(
    "smart_file_processing_seconds",
    "Time to parse and store one file.",
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
)
WORKER_CRASHES = Counter("smart_worker_crashes_total", "Worker processes that died while parsing.")
EXPOSITION_CLIENTS = Gauge("smart_exposition_clients", "Clients that have a page of their own for Prometheus.")
EXPOSITION_SYNC_TIMESTAMP_SECONDS = Gauge(
    "smart_exposition_last_sync_timestamp_seconds", "When the pages were last compared with the store."
)
EXPOSITION_FAILURES = Counter("smart_exposition_failures_total", "Attempts to bring the pages up to date that failed.")
PAGES = Counter("smart_client_pages_total", "Requests for pages of clients and branches by HTTP code.", ["code"])
AUTH_FAILURES = Counter(
    "smart_operations_auth_failures_total", "Requests to the operations side refused for their login."
)
RETENTION_LAST_SUCCESS_TIMESTAMP_SECONDS = Gauge(
    "smart_retention_last_success_timestamp_seconds", "When records were last deleted by age."
)

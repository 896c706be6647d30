"""Names of the features in the order of the columns, as in docs/features.md.

Names serve readers and `ranges` in the manifest. That the columns still mean this is what the
schema identifier vouches for: the proxy refuses a model made for another one.
"""

CANDIDATE = (
    "in_flight",
    "weight",
    "latency_fast",
    "latency_slow",
    "latency_per_load",
    "errors",
    "error_recency",
    "silence",
    "health_rtt",
    "health_age",
    "reported_in_flight",
    "reported_utilization",
    "report_age",
    "reported_latency",
    "registry_in_flight",
    "registry_utilization",
    "registry_age",
    "registry_latency",
    "since_response",
    "recovery",
    "confidence",
    "fused_in_flight",
    "capacity",
    "latency_low",
    "in_flight_work",
    "in_flight_age",
    "send_rate",
    "others_in_flight",
    "utilization_trend",
    "health_min_rtt",
    "silence_relative",
    "latency_last",
    "peak_ewma",
    "error_factor",
)

CONTEXT = (
    "available",
    "class_latency",
    "class_variation",
    "mean_in_flight",
    "mean_utilization",
    "cluster_errors",
    "own_share",
    "candidates",
)

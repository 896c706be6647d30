-- What every service has: counted identifiers, duties that one instance holds at a time, events
-- to be told to others, and events of others that were dealt with.
CREATE TABLE ids (
    name TEXT PRIMARY KEY,
    next BIGINT NOT NULL
);

CREATE TABLE leases (
    name TEXT PRIMARY KEY,
    owner TEXT NOT NULL,
    until_ms BIGINT NOT NULL
);

CREATE TABLE outbox (
    id BIGINT PRIMARY KEY,
    topic TEXT NOT NULL,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    trace_id TEXT NOT NULL,
    payload TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    sent_ms BIGINT
);

CREATE INDEX outbox_unsent ON outbox (id) WHERE sent_ms IS NULL;
CREATE INDEX outbox_sent ON outbox (sent_ms);

CREATE TABLE seen_events (
    id TEXT PRIMARY KEY,
    seen_ms BIGINT NOT NULL
);

CREATE INDEX seen_events_by_time ON seen_events (seen_ms);

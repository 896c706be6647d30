-- What somebody is to be told. `channels` are names with commas between them. NULL in `user_email`
-- means the address that is remembered of the user when the e-mail is sent.
CREATE TABLE notifications (
    id BIGINT PRIMARY KEY,
    user_id BIGINT NOT NULL,
    user_email TEXT,
    user_phone TEXT,
    kind TEXT NOT NULL,
    title TEXT NOT NULL,
    message TEXT NOT NULL,
    channels TEXT NOT NULL,
    priority TEXT NOT NULL,
    status TEXT NOT NULL,
    reason TEXT,
    metadata TEXT NOT NULL,
    template TEXT,
    max_retries BIGINT NOT NULL,
    scheduled_ms BIGINT,
    expires_ms BIGINT,
    sent_ms BIGINT,
    delivered_ms BIGINT,
    trace_id TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    updated_ms BIGINT NOT NULL
);

CREATE INDEX notifications_by_user ON notifications (user_id, id);
CREATE INDEX notifications_by_status ON notifications (user_id, status, id);
CREATE INDEX notifications_by_time ON notifications (created_ms);
CREATE INDEX notifications_expiring ON notifications (expires_ms)
    WHERE status IN ('PENDING', 'PROCESSING');

-- A notification on one channel, as it is sent there. Who works on it holds its lease: `owner` until
-- `lease_until_ms`. `admitted_ms` is when it was counted for the limits of user, kind and channel.
CREATE TABLE deliveries (
    id BIGINT PRIMARY KEY,
    notification_id BIGINT NOT NULL,
    user_id BIGINT NOT NULL,
    kind TEXT NOT NULL,
    channel TEXT NOT NULL,
    subject TEXT NOT NULL,
    body TEXT NOT NULL,
    recipient TEXT,
    status TEXT NOT NULL,
    attempts BIGINT NOT NULL,
    most_attempts BIGINT NOT NULL,
    last_error TEXT,
    owner TEXT NOT NULL,
    lease_until_ms BIGINT NOT NULL,
    next_try_ms BIGINT NOT NULL,
    admitted_ms BIGINT,
    sent_ms BIGINT,
    delivered_ms BIGINT,
    created_ms BIGINT NOT NULL,
    updated_ms BIGINT NOT NULL,
    UNIQUE (notification_id, channel)
);

CREATE INDEX deliveries_due ON deliveries (next_try_ms) WHERE status IN ('PENDING', 'PROCESSING');
CREATE INDEX deliveries_admitted ON deliveries (user_id, kind, channel, admitted_ms);

-- Held while a delivery is admitted, so that two at once do not both take the last place.
CREATE TABLE quotas (
    user_id BIGINT NOT NULL,
    kind TEXT NOT NULL,
    channel TEXT NOT NULL,
    used_ms BIGINT NOT NULL,
    PRIMARY KEY (user_id, kind, channel)
);

CREATE INDEX quotas_by_time ON quotas (used_ms);

-- Where users are reached, as user-service told.
CREATE TABLE contacts (
    user_id BIGINT PRIMARY KEY,
    email TEXT NOT NULL,
    updated_ms BIGINT NOT NULL
);

CREATE TABLE templates (
    id BIGINT PRIMARY KEY,
    name TEXT NOT NULL,
    channel TEXT NOT NULL,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    body TEXT NOT NULL,
    active BIGINT NOT NULL,
    version BIGINT NOT NULL,
    created_ms BIGINT NOT NULL,
    updated_ms BIGINT NOT NULL,
    UNIQUE (name, channel)
);

CREATE INDEX templates_by_kind ON templates (kind, id);
CREATE INDEX templates_by_channel ON templates (channel, id);

-- Wishes that differ from the defaults. Quiet hours are minutes after midnight, UTC.
CREATE TABLE preferences (
    user_id BIGINT NOT NULL,
    kind TEXT NOT NULL,
    channel TEXT NOT NULL,
    enabled BIGINT NOT NULL,
    quiet_on BIGINT NOT NULL,
    quiet_start BIGINT NOT NULL,
    quiet_end BIGINT NOT NULL,
    per_hour BIGINT NOT NULL,
    per_day BIGINT NOT NULL,
    webhook_url TEXT,
    created_ms BIGINT NOT NULL,
    updated_ms BIGINT NOT NULL,
    PRIMARY KEY (user_id, kind, channel)
);

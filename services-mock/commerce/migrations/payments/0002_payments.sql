-- Payments, each decided in the transaction that writes it. The checks are the last defence: every
-- change is guarded by a rule of its own.
CREATE TABLE payments (
    id BIGINT PRIMARY KEY,
    payment_id TEXT NOT NULL UNIQUE,
    order_id TEXT,
    order_number TEXT,
    user_id BIGINT NOT NULL,
    user_email TEXT,
    amount_cents BIGINT NOT NULL CHECK (amount_cents > 0),
    refunded_cents BIGINT NOT NULL CHECK (refunded_cents >= 0 AND refunded_cents <= amount_cents),
    currency TEXT NOT NULL,
    method TEXT NOT NULL,
    description TEXT,
    payment_reference TEXT,
    status TEXT NOT NULL,
    error_message TEXT,
    created_ms BIGINT NOT NULL,
    updated_ms BIGINT NOT NULL
);

-- An order is paid once; attempts that failed do not count.
CREATE UNIQUE INDEX payments_one_per_order ON payments (order_id)
    WHERE order_id IS NOT NULL AND status <> 'FAILED';
CREATE INDEX payments_by_order ON payments (order_id, id);
CREATE INDEX payments_by_user ON payments (user_id, id);

-- The payment that each idempotency key of a caller has led to; `payment` is its `id`. Callers
-- have keys of their own, so that nobody takes the key of somebody else's payment.
CREATE TABLE payment_keys (
    caller_id BIGINT NOT NULL,
    idempotency_key TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    payment BIGINT NOT NULL,
    PRIMARY KEY (caller_id, idempotency_key)
);

-- Money given back. `refunded_cents` is what was back of the payment after this refund, so that a
-- repeated request is answered as the first was.
CREATE TABLE refunds (
    id BIGINT PRIMARY KEY,
    payment BIGINT NOT NULL,
    idempotency_key TEXT,
    fingerprint TEXT NOT NULL,
    amount_cents BIGINT NOT NULL CHECK (amount_cents > 0),
    refunded_cents BIGINT NOT NULL,
    reason TEXT,
    created_ms BIGINT NOT NULL,
    UNIQUE (payment, idempotency_key)
);

-- Who is told of which events. `events` are topics, separated by commas.
CREATE TABLE webhooks (
    id BIGINT PRIMARY KEY,
    url TEXT NOT NULL,
    secret TEXT NOT NULL,
    events TEXT NOT NULL,
    created_ms BIGINT NOT NULL
);

-- An event on its way to a webhook, 0 being that of the settings. Who sends it holds its lease:
-- `owner` until `lease_until_ms`.
CREATE TABLE deliveries (
    id BIGINT PRIMARY KEY,
    webhook BIGINT NOT NULL,
    url TEXT NOT NULL,
    event_id TEXT NOT NULL,
    topic TEXT NOT NULL,
    payment_id TEXT NOT NULL,
    trace_id TEXT NOT NULL,
    body TEXT NOT NULL,
    status TEXT NOT NULL,
    attempts BIGINT NOT NULL,
    status_code BIGINT,
    error TEXT,
    owner TEXT NOT NULL,
    lease_until_ms BIGINT NOT NULL,
    next_try_ms BIGINT NOT NULL,
    created_ms BIGINT NOT NULL,
    updated_ms BIGINT NOT NULL
);

CREATE INDEX deliveries_due ON deliveries (next_try_ms) WHERE status = 'PENDING';
CREATE INDEX deliveries_by_status ON deliveries (status, id);
CREATE INDEX deliveries_ended ON deliveries (updated_ms) WHERE status <> 'PENDING';

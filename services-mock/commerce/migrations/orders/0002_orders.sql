-- Orders, and how far the saga is with them. `step` is what the saga does next, NULL when nothing is
-- left to do. Who works on a step holds its lease: `owner` until `lease_until_ms`. `version` counts
-- every change, so that each is made by one who saw the last. `lines_done` lines of the step are done.
CREATE TABLE orders (
    id BIGINT PRIMARY KEY,
    order_number TEXT NOT NULL UNIQUE,
    user_id BIGINT NOT NULL,
    user_email TEXT NOT NULL,
    status TEXT NOT NULL,
    total_cents BIGINT NOT NULL,
    total_items BIGINT NOT NULL,
    payment_method TEXT NOT NULL,
    payment_id TEXT,
    payment_status TEXT,
    shipping_address TEXT NOT NULL,
    notes TEXT,
    reason TEXT,
    cancel_requested BIGINT NOT NULL,
    idempotency_key TEXT,
    fingerprint TEXT NOT NULL,
    trace_id TEXT NOT NULL,
    version BIGINT NOT NULL,
    step TEXT,
    attempts BIGINT NOT NULL,
    lines_done BIGINT NOT NULL,
    owner TEXT NOT NULL,
    lease_until_ms BIGINT NOT NULL,
    next_try_ms BIGINT NOT NULL,
    deadline_ms BIGINT NOT NULL,
    pay_tried_ms BIGINT NOT NULL,
    created_ms BIGINT NOT NULL,
    updated_ms BIGINT NOT NULL,
    UNIQUE (user_id, idempotency_key)
);

CREATE INDEX orders_by_user ON orders (user_id, id);
CREATE INDEX orders_by_status ON orders (status, id);
CREATE INDEX orders_due ON orders (next_try_ms) WHERE step IS NOT NULL;

-- A product in an order, at the price it had when it was ordered.
CREATE TABLE order_lines (
    id BIGINT PRIMARY KEY,
    order_id BIGINT NOT NULL,
    product_id TEXT NOT NULL,
    product_name TEXT NOT NULL,
    product_image TEXT,
    price_cents BIGINT NOT NULL,
    quantity BIGINT NOT NULL CHECK (quantity > 0),
    UNIQUE (order_id, product_id)
);

-- Every status an order had, by the version that brought it.
CREATE TABLE order_history (
    order_id BIGINT NOT NULL,
    version BIGINT NOT NULL,
    from_status TEXT,
    to_status TEXT NOT NULL,
    reason TEXT,
    at_ms BIGINT NOT NULL,
    PRIMARY KEY (order_id, version)
);

-- The catalogue.
CREATE TABLE products (
    id BIGINT PRIMARY KEY,
    sku TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    description TEXT,
    category TEXT NOT NULL,
    brand TEXT,
    price_cents BIGINT NOT NULL,
    weight_grams BIGINT NOT NULL,
    status TEXT NOT NULL,
    created_ms BIGINT NOT NULL
);

CREATE INDEX products_by_category ON products (LOWER(category));

-- What lies of a product in a warehouse. `low_told` is 1 while the stock is low and that was told.
-- The checks are the last defence: every change is guarded by a condition of its own.
CREATE TABLE stock (
    id BIGINT PRIMARY KEY,
    sku TEXT NOT NULL,
    warehouse TEXT NOT NULL,
    initial BIGINT NOT NULL,
    total BIGINT NOT NULL,
    available BIGINT NOT NULL CHECK (available >= 0),
    reserved BIGINT NOT NULL CHECK (reserved >= 0),
    min_level BIGINT NOT NULL,
    max_level BIGINT NOT NULL,
    reorder_point BIGINT NOT NULL,
    reorder_quantity BIGINT NOT NULL,
    low_told BIGINT NOT NULL,
    updated_ms BIGINT NOT NULL,
    UNIQUE (sku, warehouse),
    CHECK (total = available + reserved)
);

CREATE INDEX stock_by_warehouse ON stock (warehouse);

-- Stock held for a line of an order. The unique pair makes reserving idempotent.
CREATE TABLE reservations (
    id BIGINT PRIMARY KEY,
    order_id TEXT NOT NULL,
    sku TEXT NOT NULL,
    stock_id BIGINT NOT NULL,
    warehouse TEXT NOT NULL,
    quantity BIGINT NOT NULL CHECK (quantity > 0),
    status TEXT NOT NULL,
    expires_ms BIGINT NOT NULL,
    created_ms BIGINT NOT NULL,
    updated_ms BIGINT NOT NULL,
    UNIQUE (order_id, sku)
);

CREATE INDEX reservations_due ON reservations (expires_ms) WHERE status = 'ACTIVE';
CREATE INDEX reservations_ended ON reservations (updated_ms) WHERE status <> 'ACTIVE';

-- Every change of stock, for good: reconciliation adds them up. Quantities are positive but for
-- adjustments, which have a sign. A reference makes an adjustment idempotent.
CREATE TABLE movements (
    id BIGINT PRIMARY KEY,
    sku TEXT NOT NULL,
    warehouse TEXT NOT NULL,
    kind TEXT NOT NULL,
    quantity BIGINT NOT NULL,
    order_id TEXT,
    reason TEXT,
    reference TEXT UNIQUE,
    created_ms BIGINT NOT NULL
);

CREATE INDEX movements_by_sku ON movements (sku, id);

-- Carts as documents, one per owner (`cart:user:<id>`, `cart:session:<id>`). The stamp names the
-- cart and its version: a change is written where the stamp is still the one that was read.
CREATE TABLE carts (
    owner_key TEXT PRIMARY KEY,
    stamp TEXT NOT NULL,
    content TEXT NOT NULL,
    expires_ms BIGINT NOT NULL
);

CREATE INDEX carts_by_expiry ON carts (expires_ms);

-- Conversions that were carried out, with the cart as it was answered: a repeated call gets the
-- same answer and leaves alone what was put into the cart since.
CREATE TABLE conversions (
    mark TEXT PRIMARY KEY,
    content TEXT NOT NULL,
    expires_ms BIGINT NOT NULL
);

CREATE INDEX conversions_by_expiry ON conversions (expires_ms);

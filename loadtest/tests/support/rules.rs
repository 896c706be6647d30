//! What the small shop answers to each request.

use std::collections::{BTreeMap, BTreeSet};

use http::HeaderMap;
use http::header::{AUTHORIZATION, HOST};
use serde_json::{Value, json};

use super::{Order, Seen, Troubles};

#[derive(Debug)]
pub(super) struct State {
    pub(super) troubles: Troubles,
    pub(super) seen: Vec<Seen>,
    pub(super) passwords: BTreeMap<String, String>,
    pub(super) carts: BTreeMap<String, BTreeMap<String, u64>>,
    pub(super) orders: BTreeMap<String, Order>,
    pub(super) not_found: BTreeSet<String>,
}

const PRODUCTS: [(&str, &str, &str, i64); 8] = [
    ("ELEC-1", "Laptop \"Pro\" 14", "Electronics", 129_900),
    ("ELEC-2", "Phone X", "Electronics", 79_999),
    ("ELEC-3", "Cable 2 m", "Electronics", 1_249),
    ("BOOK-1", "Rust in Practice", "Books & Maps", 3_995),
    ("BOOK-2", "Atlas", "Books & Maps", 5_900),
    ("HOME-1", "Kettle", "Home", 2_450),
    ("HOME-2", "Lamp", "Home", 3_300),
    ("HOME-3", "Chair", "Home", 8_875),
];

pub(super) type Answer = (u16, Value);

fn error(status: u16, message: &str) -> Answer {
    (status, json!({"status": status, "message": message}))
}

fn product(place: usize) -> Value {
    let (sku, name, category, cents) = PRODUCTS[place];
    json!({"id": place, "sku": sku, "name": name, "category": category,
        "price": cents as f64 / 100.0, "status": "ACTIVE"})
}

fn products(like: impl Fn(&str, &str) -> bool) -> Answer {
    let places = (0..PRODUCTS.len()).filter(|place| like(PRODUCTS[*place].1, PRODUCTS[*place].2));
    (200, places.map(product).collect())
}

fn place_of(sku: &str) -> Option<usize> {
    PRODUCTS.iter().position(|product| product.0 == sku)
}

/// `+` and percent signs of the paths that journeys send.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        let hex = std::str::from_utf8(tail.get(..2).unwrap_or_default());
        match (first, u8::from_str_radix(hex.unwrap_or_default(), 16)) {
            (b'%', Ok(byte)) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            _ => bytes.push(*first),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn header(headers: &HeaderMap, name: impl http::header::AsHeaderName) -> &str {
    let value = headers.get(name);
    value.and_then(|value| value.to_str().ok()).unwrap_or("")
}

impl State {
    pub(super) fn new(troubles: Troubles) -> Self {
        State {
            troubles,
            seen: Vec::new(),
            passwords: BTreeMap::new(),
            carts: BTreeMap::new(),
            orders: BTreeMap::new(),
            not_found: BTreeSet::new(),
        }
    }

    /// None breaks the connection.
    pub(super) fn answer(
        &mut self,
        line: &str,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Option<Answer> {
        let json: Value = serde_json::from_slice(body).unwrap_or_default();
        let bearer = header(headers, AUTHORIZATION);
        let email = bearer.strip_prefix("Bearer token-of-").unwrap_or("");
        let key = header(headers, "idempotency-key");
        self.seen.push(Seen {
            who: [email, json["email"].as_str().unwrap_or("")].concat(),
            host: header(headers, HOST).to_owned(),
            line: line.to_owned(),
            key: key.to_owned(),
            body: String::from_utf8_lossy(body).into_owned(),
        });
        let nth = self.troubles.every_nth_fails;
        if nth.is_some_and(|nth| self.seen.len().is_multiple_of(nth)) {
            return Some(error(503, "overloaded"));
        }
        if line == "POST /api/orders" {
            return self.check_out(email, key, &json);
        }
        let answer = self.plain(line, email, &json);
        if answer.0 == 404 {
            self.not_found.insert(line.to_owned());
        }
        Some(answer)
    }

    fn plain(&mut self, line: &str, email: &str, json: &Value) -> Answer {
        let (method, path) = line.split_once(' ').unwrap_or_default();
        match (method, path) {
            ("POST", "/api/users/register") => return self.register(json),
            ("POST", "/api/users/login") => return self.log_in(json),
            _ if !self.passwords.contains_key(email) => return error(401, "who are you?"),
            ("GET", "/api/inventory/products") => return products(|_, _| true),
            ("GET", "/api/cart") => return self.cart(email, 200),
            ("POST", "/api/cart/items") => return self.put(email, json, true),
            ("PUT", "/api/cart/items") => return self.put(email, json, false),
            _ => {}
        }
        if let Some(category) = path.strip_prefix("/api/inventory/products/category/") {
            return products(|_, of| of == decoded(category));
        }
        if let Some(query) = path.strip_prefix("/api/inventory/search?query=") {
            return products(|name, _| name.contains(&decoded(query)));
        }
        if let Some(sku) = path.strip_prefix("/api/inventory/products/") {
            let found = place_of(&decoded(sku)).map(|place| (200, product(place)));
            return found.unwrap_or_else(|| error(404, "no such product"));
        }
        if let Some(sku) = path.strip_prefix("/api/cart/items/") {
            let cart = self.carts.entry(email.to_owned()).or_default();
            return match cart.remove(&decoded(sku)) {
                Some(_) => (204, Value::Null),
                None => error(404, "not in the cart"),
            };
        }
        self.order(method, path, email)
    }

    fn register(&mut self, json: &Value) -> Answer {
        let text = |field: &str| json[field].as_str().unwrap_or("").to_owned();
        let complete = ["email", "password", "firstName", "lastName"].map(text);
        if complete.iter().any(String::is_empty) || complete[1].len() < 8 {
            return error(400, "incomplete");
        }
        if self.passwords.contains_key(&complete[0]) {
            return error(409, "known");
        }
        self.passwords.insert(text("email"), text("password"));
        (
            201,
            json!({"id": self.passwords.len(), "email": text("email"), "status": "ACTIVE"}),
        )
    }

    fn log_in(&self, json: &Value) -> Answer {
        let email = json["email"].as_str().unwrap_or("");
        match self.passwords.get(email) {
            Some(password) if json["password"] == password.as_str() => (
                200,
                json!({"token": format!("token-of-{email}"), "type": "Bearer",
                    "user": {"id": 7, "email": email}}),
            ),
            _ => error(401, "wrong"),
        }
    }

    fn items(&self, email: &str) -> (Vec<Value>, i64) {
        let mut total = 0;
        let mut item = |(sku, quantity): (&String, &u64)| {
            let (_, name, _, cents) = PRODUCTS[place_of(sku)?];
            total += cents * *quantity as i64;
            Some(
                json!({"productId": sku, "productName": name, "price": cents as f64 / 100.0,
                "quantity": quantity}),
            )
        };
        let lines = self.carts.get(email).into_iter().flatten();
        let items = lines.filter_map(&mut item).collect();
        (items, total)
    }

    fn cart(&self, email: &str, status: u16) -> Answer {
        let (items, cents) = self.items(email);
        let total = cents as f64 / 100.0;
        (
            status,
            json!({"items": items, "totalAmount": total, "status": "ACTIVE"}),
        )
    }

    fn put(&mut self, email: &str, json: &Value, adds: bool) -> Answer {
        let sku = json["productId"].as_str().unwrap_or("");
        let quantity = json["quantity"].as_u64().unwrap_or(0);
        let priced = json["price"].as_f64().is_some_and(|price| price > 0.0);
        let named = json["productName"].is_string();
        let (Some(place), 1..=100) = (place_of(sku), quantity) else {
            return error(400, "no such product or quantity");
        };
        if adds && !(priced && named) {
            return error(400, "price and productName are needed");
        }
        let cart = self.carts.entry(email.to_owned()).or_default();
        let line = cart.entry(PRODUCTS[place].0.to_owned()).or_default();
        *line = if adds { *line + quantity } else { quantity };
        self.cart(email, if adds { 201 } else { 200 })
    }

    fn check_out(&mut self, email: &str, key: &str, json: &Value) -> Option<Answer> {
        let troubles = &mut self.troubles;
        if troubles.refuses_checkouts {
            return Some(error(400, "sold out"));
        }
        if troubles.failing_checkouts.0 > 0 {
            troubles.failing_checkouts.0 -= 1;
            return Some(error(troubles.failing_checkouts.1, "try again"));
        }
        let answer = self.place(email, key, json);
        if self.troubles.lost_checkouts > 0 {
            self.troubles.lost_checkouts -= 1;
            return None;
        }
        Some(answer)
    }

    fn place(&mut self, email: &str, key: &str, json: &Value) -> Answer {
        if let Some(order) = self.orders.get(key) {
            return (201, order.json());
        }
        let (items, cents) = self.items(email);
        let address = &json["shippingAddress"];
        let fields = ["street", "city", "state", "zipCode", "country", "phone"];
        let addressed = fields.iter().all(|field| address[field].is_string());
        if key.is_empty() || items.is_empty() || !addressed || !json["items"].is_array() {
            return error(400, "incomplete");
        }
        if cents > 1_000_000 || items.len() > 50 {
            return error(400, "too much");
        }
        let order = Order {
            // Not a count, so that paths do not depend on who came first.
            id: u64::from_str_radix(&key[key.len() - 8..], 16).unwrap_or(0),
            email: email.to_owned(),
            cents,
            items: Value::from(items),
            looks: 0,
            cancelled: false,
        };
        let answer = (201, order.json());
        self.carts.remove(email);
        self.orders.insert(key.to_owned(), order);
        answer
    }

    fn order(&mut self, method: &str, path: &str, email: &str) -> Answer {
        let rest = path.strip_prefix("/api/orders/").unwrap_or("");
        let (id, cancels) = match rest.split_once("/cancel?reason=") {
            Some((id, _)) => (id, method == "POST"),
            None => (rest, false),
        };
        let looks_to_settle = self.troubles.looks_to_settle;
        let mut orders = self.orders.values_mut();
        let own = |order: &&mut Order| order.id.to_string() == id && order.email == email;
        let Some(order) = orders.find(own) else {
            return error(404, "no such order");
        };
        if cancels {
            order.cancelled = true;
            order.looks = 0;
        } else {
            order.looks = (order.looks + 1).min(looks_to_settle);
        }
        let mut json = order.json();
        if order.looks >= looks_to_settle {
            json["status"] = json!(if order.cancelled {
                "CANCELLED"
            } else {
                "PROCESSING"
            });
        }
        (200, json)
    }
}

impl Order {
    fn json(&self) -> Value {
        json!({"id": self.id, "orderNumber": format!("ORD-{}", self.id), "userEmail": self.email,
            "items": self.items, "totalAmount": self.cents as f64 / 100.0, "status": "PENDING"})
    }
}

//! Carries out a journey, step by step.

use http::{HeaderValue, Method};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::journeys::answers::{Cart, Item, LoggedIn, Product, products};
use crate::journeys::cents::Cents;
use crate::journeys::journey::Journey;
use crate::journeys::ledger::{Checkout, OrderLine, Token};
use crate::journeys::orders::{self, Placed};
use crate::journeys::plan::Plan;
use crate::journeys::progress::JourneyGuard;
use crate::journeys::script::{Action, Pick};
use crate::journeys::shop::{Call, Reply, Session, Shop, encoded};
use crate::journeys::step::Step;
use crate::journeys::tally::End;

/// The shop takes orders up to 10,000.00 and 50 lines; carts stay below, whatever was drawn.
const MOST_SPENT: Cents = Cents(900_000);
const MOST_LINES: usize = 50;
const CONFLICT: u16 = 409;

/// A customer in the shop.
struct Visit<'a> {
    plan: &'a Plan,
    journey: &'a Journey,
    session: Session<'a>,
    token: Token,
    user_id: Option<String>,
    /// Products shown last.
    listed: Vec<Product>,
    /// The product looked at and not bought yet.
    viewed: Option<Product>,
    lines: Vec<Item>,
    order: Option<Placed>,
}

/// How a step went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Went {
    /// Well, or badly without harm to what follows.
    On,
    /// What follows makes no sense.
    Nowhere,
}

/// Takes a journey's steps one after another. The first one's latency counts from `intended`, the
/// others' from their real start, since the time to think has no exact end.
pub(crate) async fn visit(
    plan: &Plan,
    shop: &Shop,
    journey: &Journey,
    guard: &JourneyGuard,
    intended: Instant,
) -> End {
    let mut visit = Visit {
        plan,
        journey,
        session: Session::new(shop, journey.host, guard),
        token: Token::default(),
        user_id: None,
        listed: Vec::new(),
        viewed: None,
        lines: Vec::new(),
        order: None,
    };
    let mut from = intended;
    for planned in &journey.steps {
        if !planned.think.is_zero() {
            sleep(planned.think).await;
            from = Instant::now();
        }
        if visit.take(planned.action, from).await == Went::Nowhere {
            return End::Abandoned(planned.action.step());
        }
        from = Instant::now();
    }
    End::Completed
}

impl Visit<'_> {
    async fn take(&mut self, action: Action, from: Instant) -> Went {
        match action {
            Action::Register => self.register(from).await,
            Action::LogIn => self.log_in(from).await,
            Action::List => self.list(from).await,
            Action::Category(pick) => self.category(pick, from).await,
            Action::Search(pick) => self.search(pick, from).await,
            Action::Product(pick) => self.product(pick, from).await,
            Action::Add { product, quantity } => self.add(product, quantity, from).await,
            Action::Cart => self.cart(from).await,
            Action::Change { line, quantity } => self.change(line, quantity, from).await,
            Action::Remove(line) => self.remove(line, from).await,
            Action::CheckOut => self.check_out(from).await,
            Action::FollowOrder => self.follow_order(from).await,
            Action::Cancel => self.cancel(from).await,
        }
    }

    async fn register(&self, from: Instant) -> Went {
        let customer = &self.journey.customer;
        let body = json!({
            "email": customer.email,
            "password": customer.password,
            "firstName": customer.first_name,
            "lastName": customer.last_name,
            "phoneNumber": customer.phone,
        });
        let path = "/api/users/register";
        let reply = self
            .send(Step::Register, from, &Method::POST, path, &body)
            .await;
        // Known since an earlier run of this seed: a customer who comes back.
        Went::on_if(reply.is_success() || reply.status() == Some(CONFLICT))
    }

    async fn log_in(&mut self, from: Instant) -> Went {
        let customer = &self.journey.customer;
        let body = json!({"email": customer.email, "password": customer.password});
        let path = "/api/users/login";
        let reply = self
            .send(Step::LogIn, from, &Method::POST, path, &body)
            .await;
        let Some(LoggedIn { token, user }) = reply.read() else {
            return Went::Nowhere;
        };
        let Ok(bearer) = HeaderValue::try_from(format!("Bearer {token}")) else {
            return Went::Nowhere;
        };
        self.session.bearer = Some(bearer);
        self.token = Token(token);
        self.user_id = user.map(|user| user.id);
        Went::On
    }

    async fn list(&mut self, from: Instant) -> Went {
        let path = "/api/inventory/products";
        let reply = self.get(Step::List, from, path).await;
        self.show(&reply);
        Went::on_if(!self.listed.is_empty())
    }

    async fn category(&mut self, pick: Pick, from: Instant) -> Went {
        let product = pick.of(&self.listed);
        let Some(category) = product.and_then(|product| product.category.as_deref()) else {
            return Went::On;
        };
        let path = format!("/api/inventory/products/category/{}", encoded(category));
        let reply = self.get(Step::Category, from, &path).await;
        self.show(&reply);
        Went::On
    }

    async fn search(&mut self, pick: Pick, from: Instant) -> Went {
        let Some(word) = pick.of(&self.listed).map(Product::word) else {
            return Went::On;
        };
        let path = format!("/api/inventory/search?query={}", encoded(word));
        let reply = self.get(Step::Search, from, &path).await;
        self.show(&reply);
        Went::On
    }

    /// A shopper who is shown nothing goes on with what was there before.
    fn show(&mut self, reply: &Reply) {
        if !reply.is_success() {
            return;
        }
        if let Some(products) = products(&reply.body).filter(|products| !products.is_empty()) {
            self.listed = products;
        }
    }

    async fn product(&mut self, pick: Pick, from: Instant) -> Went {
        let Some(product) = pick.of(&self.listed) else {
            return Went::On;
        };
        let path = format!("/api/inventory/products/{}", encoded(&product.sku));
        let reply = self.get(Step::Product, from, &path).await;
        self.viewed = reply.read();
        Went::On
    }

    async fn add(&mut self, pick: Pick, quantity: u32, from: Instant) -> Went {
        let product = self
            .viewed
            .take()
            .or_else(|| pick.of(&self.listed).cloned());
        let Some(product) = product else {
            return Went::On;
        };
        let Some(quantity) = self.affordable(quantity, product.price, self.spent()) else {
            return Went::On;
        };
        let body = json!({
            "productId": product.sku,
            "productName": product.name,
            "price": product.price,
            "quantity": quantity,
        });
        let path = "/api/cart/items";
        let reply = self.send(Step::Add, from, &Method::POST, path, &body).await;
        if reply.is_success() {
            self.put(product, quantity);
        }
        Went::On
    }

    fn put(&mut self, product: Product, quantity: u32) {
        let same = |line: &&mut Item| line.product_id == product.sku;
        match self.lines.iter_mut().find(same) {
            Some(line) => line.quantity += quantity,
            None => self.lines.push(Item {
                product_id: product.sku,
                product_name: product.name,
                price: product.price,
                quantity,
            }),
        }
    }

    async fn cart(&mut self, from: Instant) -> Went {
        let reply = self.get(Step::Cart, from, "/api/cart").await;
        if let Some(Cart { items }) = reply.read() {
            self.lines = items;
        }
        Went::On
    }

    async fn change(&mut self, pick: Pick, quantity: u32, from: Instant) -> Went {
        let Some(index) = pick.index(self.lines.len()) else {
            return Went::On;
        };
        let line = &self.lines[index];
        let spent_otherwise = Cents(self.spent().0 - line.price.times(line.quantity).0);
        let Some(quantity) = self.affordable(quantity, line.price, spent_otherwise) else {
            return Went::On;
        };
        let body = json!({"productId": line.product_id, "quantity": quantity});
        let path = "/api/cart/items";
        let reply = self
            .send(Step::Change, from, &Method::PUT, path, &body)
            .await;
        if reply.is_success() {
            self.lines[index].quantity = quantity;
        }
        Went::On
    }

    /// Never the last line: the script goes on to a check-out.
    async fn remove(&mut self, pick: Pick, from: Instant) -> Went {
        let several = self.lines.len() > 1;
        let Some(index) = pick.index(self.lines.len()).filter(|_| several) else {
            return Went::On;
        };
        let sku = encoded(&self.lines[index].product_id);
        let path = format!("/api/cart/items/{sku}");
        let call = Call::new(Step::Remove, from, &Method::DELETE, &path);
        if self.session.ask(call).await.is_success() {
            self.lines.remove(index);
        }
        Went::On
    }

    async fn check_out(&mut self, from: Instant) -> Went {
        if self.lines.is_empty() {
            return Went::Nowhere;
        }
        let (checkout, body) = (self.checkout(), self.order());
        self.order = orders::check_out(&self.session, self.plan, checkout, &body, from).await;
        Went::on_if(self.order.is_some())
    }

    fn checkout(&self) -> Checkout {
        Checkout {
            journey: self.journey.number,
            shopper: self.journey.shopper,
            host: self.plan.host_names()[self.journey.host].clone(),
            email: self.journey.customer.email.clone(),
            user_id: self.user_id.clone(),
            token: self.token.clone(),
            idempotency_key: self.journey.idempotency_key.clone(),
            attempts: 0,
            expected_total: self.spent(),
        }
    }

    fn order(&self) -> Value {
        let customer = &self.journey.customer;
        let item = |line: &Item| {
            json!({
                "productId": line.product_id,
                "productName": line.product_name,
                "price": line.price,
                "quantity": line.quantity,
            })
        };
        json!({
            "items": self.lines.iter().map(item).collect::<Vec<Value>>(),
            "shippingAddress": {
                "street": customer.street,
                "city": customer.city,
                "state": customer.state,
                "zipCode": customer.zip_code,
                "country": "US",
                "phone": customer.phone,
            },
        })
    }

    async fn follow_order(&self, from: Instant) -> Went {
        if let Some(order) = &self.order {
            orders::follow(&self.session, self.plan, order, from).await;
        }
        Went::On
    }

    async fn cancel(&self, from: Instant) -> Went {
        if let Some(order) = &self.order {
            orders::cancel(&self.session, order, from).await;
        }
        Went::On
    }

    fn spent(&self) -> Cents {
        let line = |line: &Item| line.line().total();
        self.lines.iter().map(line).sum()
    }

    /// As many pieces as wanted, or as many as the rest of the budget pays for; none of nothing.
    fn affordable(&self, wanted: u32, price: Cents, spent: Cents) -> Option<u32> {
        let rest = MOST_SPENT.0.saturating_sub(spent.0);
        let most = rest.checked_div(price.0)?.clamp(0, i64::from(wanted));
        let quantity = u32::try_from(most).ok()?;
        (quantity > 0 && self.lines.len() < MOST_LINES).then_some(quantity)
    }

    async fn get(&self, step: Step, from: Instant, path: &str) -> Reply {
        let call = Call::new(step, from, &Method::GET, path);
        self.session.ask(call).await
    }

    async fn send(
        &self,
        step: Step,
        from: Instant,
        method: &Method,
        path: &str,
        body: &Value,
    ) -> Reply {
        let call = Call::new(step, from, method, path).with(body);
        self.session.ask(call).await
    }
}

impl Went {
    fn on_if(sense: bool) -> Self {
        if sense { Went::On } else { Went::Nowhere }
    }
}

impl Product {
    /// What somebody would search to find it.
    fn word(&self) -> &str {
        let mut words = self.name.split_whitespace();
        words.next().unwrap_or(&self.sku)
    }
}

impl OrderLine {
    fn total(&self) -> Cents {
        self.price.times(self.quantity)
    }
}

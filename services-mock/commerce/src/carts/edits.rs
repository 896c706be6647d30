//! What happens to carts: read, decide, write on condition that nobody else wrote, else again.

use std::time::Duration;

use serde_json::{Value, json};

use super::catalogue;
use super::owner::Owner;
use super::requests::{AddItem, ChangeItem};
use super::rules::{Cart, Line, Status};
use super::store::{CartStore, Commit, Found, mark_of};
use super::wire::Topic;
use crate::error::ApiError;
use crate::events::NewEvent;
use crate::state::AppState;
use crate::trace::Trace;

/// Each lost try means that another change of the same cart was written, so that this many
/// writers at once all get through.
const MOST_TRIES: u64 = 64;
/// Longest pause after the first lost try; grows with each until it is ten times as long.
const FIRST_PAUSE_MS: u64 = 4;

/// Changes carts for one request.
#[derive(Debug)]
pub(super) struct Desk<'a> {
    state: &'a AppState,
    trace: &'a Trace,
    carts: CartStore,
}

/// A cart that is being changed.
struct Edit {
    found: Found,
    cart: Cart,
    told: Vec<NewEvent<'static>>,
}

impl<'a> Desk<'a> {
    /// For a request of this trace.
    pub(super) fn new(state: &'a AppState, trace: &'a Trace) -> Desk<'a> {
        let carts = CartStore::of(state);
        Desk {
            state,
            trace,
            carts,
        }
    }

    /// The owner's cart; makes an empty one when there is none.
    pub(super) async fn cart(&self, owner: &Owner) -> Result<Cart, ApiError> {
        let mut tries = Tries::new(self.state);
        loop {
            let found = self.load(owner).await?;
            if let Some(cart) = found.cart {
                return Ok(cart);
            }
            let edit = self.open_or_new(found);
            if let Some(cart) = self.save(edit).await? {
                return Ok(cart);
            }
            tries.lost().await?;
        }
    }

    /// Puts a quantity of a product into the owner's cart, beside what is there of it.
    pub(super) async fn add(&self, owner: &Owner, item: &AddItem) -> Result<Cart, ApiError> {
        let sku = &item.product_id;
        let goods = catalogue::goods(self.state, self.trace, sku, item.quantity).await?;
        let mut tries = Tries::new(self.state);
        loop {
            let mut edit = self.open_or_new(self.load(owner).await?);
            let quantity = edit.cart.quantity_of(sku) + item.quantity;
            edit.cart
                .put(&goods, quantity, item.product_image.clone())?;
            let details = json!({"productId": sku, "quantity": item.quantity});
            edit.tell(Topic::ItemAdded, details);
            if let Some(cart) = self.save(edit).await? {
                return Ok(cart);
            }
            tries.lost().await?;
        }
    }

    /// Gives a product in the cart another quantity, and its price and name of today; 404 when
    /// it is not in the cart.
    pub(super) async fn change(&self, owner: &Owner, item: &ChangeItem) -> Result<Cart, ApiError> {
        let (sku, quantity) = (&item.product_id, item.quantity);
        if quantity == 0 {
            return self.remove(owner, sku).await;
        }
        let found = open(self.load(owner).await?)?;
        found.cart.expect_line(sku)?;
        let goods = catalogue::goods(self.state, self.trace, sku, quantity).await?;
        let mut tries = Tries::new(self.state);
        loop {
            let mut edit = open(self.load(owner).await?)?;
            edit.cart.expect_line(sku)?;
            edit.cart.put(&goods, quantity, None)?;
            let details = json!({"productId": sku, "quantity": quantity});
            edit.tell(Topic::ItemUpdated, details);
            if let Some(cart) = self.save(edit).await? {
                return Ok(cart);
            }
            tries.lost().await?;
        }
    }

    /// Takes a product out; 404 when it is not in the cart.
    pub(super) async fn remove(&self, owner: &Owner, sku: &str) -> Result<Cart, ApiError> {
        let mut tries = Tries::new(self.state);
        loop {
            let mut edit = open(self.load(owner).await?)?;
            edit.cart.remove(sku)?;
            edit.tell(Topic::ItemRemoved, json!({"productId": sku}));
            if let Some(cart) = self.save(edit).await? {
                return Ok(cart);
            }
            tries.lost().await?;
        }
    }

    /// Empties the cart; 404 when there is none.
    pub(super) async fn clear(&self, owner: &Owner) -> Result<Cart, ApiError> {
        let mut tries = Tries::new(self.state);
        loop {
            let mut edit = open(self.load(owner).await?)?;
            if edit.cart.status == Status::Cleared {
                return Ok(edit.cart);
            }
            edit.cart.empty(Status::Cleared);
            edit.tell(Topic::Cleared, Value::Null);
            if let Some(cart) = self.save(edit).await? {
                return Ok(cart);
            }
            tries.lost().await?;
        }
    }

    /// Adds the guest's cart to the target's and deletes it; 404 when there is none, or when the
    /// id names neither the session nor its cart.
    pub(super) async fn merge(
        &self,
        session: &str,
        id: &str,
        target: &Owner,
    ) -> Result<Cart, ApiError> {
        let guest = Owner::Session(session.to_owned());
        let missing = || ApiError::not_found("no such guest cart");
        let mut tries = Tries::new(self.state);
        loop {
            let found = self.load(&guest).await?;
            let from = found.cart.as_ref().ok_or_else(missing)?;
            if id != session && id != from.cart_id {
                return Err(missing());
            }
            let mut edit = self.open_or_new(self.load(target).await?);
            edit.cart.absorb(from)?;
            edit.tell(Topic::Merged, json!({"anonymousCartId": from.cart_id}));
            let (cart, mut commit) = edit.finish(self.state.now_ms())?;
            commit.writes.push(found.delete());
            if self.commit(&commit).await? {
                return Ok(cart);
            }
            tries.lost().await?;
        }
    }

    /// Empties the cart because it became the order; 404 when there is none. Repeated for the
    /// same order it answers as at first and leaves alone what was put in since.
    pub(super) async fn convert(&self, owner: &Owner, order_id: &str) -> Result<Cart, ApiError> {
        let key = owner.conversion_key(order_id);
        let mut tries = Tries::new(self.state);
        loop {
            if let Some(cart) = self.carts.conversion(self.state, &key).await? {
                return Ok(cart);
            }
            let mut edit = open(self.load(owner).await?)?;
            let details = converted(&edit.cart, order_id);
            edit.cart.empty(Status::ConvertedToOrder);
            edit.tell(Topic::ConvertedToOrder, details);
            let (cart, mut commit) = edit.finish(self.state.now_ms())?;
            commit.mark = Some(mark_of(key.clone(), &cart)?);
            if self.commit(&commit).await? {
                return Ok(cart);
            }
            tries.lost().await?;
        }
    }

    async fn load(&self, owner: &Owner) -> Result<Found, ApiError> {
        self.carts.load(self.state, owner).await
    }

    /// What was found, or a new cart.
    fn open_or_new(&self, found: Found) -> Edit {
        let (state, owner) = (self.state, found.owner.clone());
        match found.cart.clone() {
            Some(cart) => Edit::of(found, cart),
            None => {
                let cart = Cart::new(state.ids.uuid(), owner, state.now_ms());
                let mut edit = Edit::of(found, cart);
                edit.tell(Topic::Created, Value::Null);
                edit
            }
        }
    }

    /// The cart as it is now; none when another change came first.
    async fn save(&self, edit: Edit) -> Result<Option<Cart>, ApiError> {
        let (cart, commit) = edit.finish(self.state.now_ms())?;
        Ok(self.commit(&commit).await?.then_some(cart))
    }

    async fn commit(&self, commit: &Commit) -> Result<bool, ApiError> {
        let written = self.carts.commit(self.state, self.trace, commit).await?;
        if written {
            self.state.wake.tasks();
        }
        Ok(written)
    }
}

/// What was found; 404 when that is nothing.
fn open(found: Found) -> Result<Edit, ApiError> {
    let missing = || ApiError::not_found("there is no cart");
    let cart = found.cart.clone().ok_or_else(missing)?;
    Ok(Edit::of(found, cart))
}

/// What the order was made of, as far as the cart knows.
fn converted(cart: &Cart, order_id: &str) -> Value {
    let item = |line: &Line| json!({"productId": line.product_id, "quantity": line.quantity, "price": line.price});
    let items: Vec<Value> = cart.lines.iter().map(item).collect();
    json!({
        "orderId": order_id,
        "items": items,
        "totalItems": cart.total_items(),
        "totalAmount": cart.total_amount(),
    })
}

impl Edit {
    fn of(found: Found, cart: Cart) -> Edit {
        let told = Vec::new();
        Edit { found, cart, told }
    }

    /// Of the cart as it is at this point.
    fn tell(&mut self, topic: Topic, details: Value) {
        self.told.push(topic.event(&self.cart, details));
    }

    fn finish(mut self, now_ms: i64) -> Result<(Cart, Commit), ApiError> {
        self.cart.touch(now_ms);
        let commit = Commit {
            writes: vec![self.found.replace(&self.cart)?],
            mark: None,
            told: self.told,
        };
        Ok((self.cart, commit))
    }
}

/// Bounds how often a change is tried.
struct Tries<'a> {
    state: &'a AppState,
    lost: u64,
}

impl Tries<'_> {
    fn new(state: &AppState) -> Tries<'_> {
        Tries { state, lost: 0 }
    }

    /// Waits for a drawn time, so that writers get out of each other's way; 503 after too many.
    async fn lost(&mut self) -> Result<(), ApiError> {
        self.lost += 1;
        if self.lost >= MOST_TRIES {
            let cause = format!("{MOST_TRIES} changes came first");
            return Err(ApiError::unavailable("cart", cause));
        }
        let longest_ms = FIRST_PAUSE_MS * self.lost.min(10);
        let pause = Duration::from_millis(self.state.ids.below(longest_ms));
        tokio::time::sleep(pause).await;
        Ok(())
    }
}

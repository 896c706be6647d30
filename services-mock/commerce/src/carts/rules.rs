//! What a cart is and what may become of it, without store and time.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::owner::Owner;
use crate::error::ApiError;
use crate::money::Money;

/// The largest quantity of one product in a cart, however often it is added.
pub(super) const MOST_OF_A_LINE: i64 = 100;
/// An order takes no more lines.
pub(super) const MOST_LINES: usize = 50;
/// A cart is forgotten when it was not changed for two hours.
pub(super) const LIFE_MS: i64 = 7_200_000;

/// What state a cart is in.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum Status {
    /// In use, empty or not.
    Active,
    /// Part of the wire's vocabulary; a cart that is left alone is forgotten instead.
    Abandoned,
    /// Emptied by its owner; active again with the next product.
    Cleared,
    /// Became an order and is empty; active again with the next product.
    ConvertedToOrder,
}

/// A product in a cart, with name and price as inventory gave them when it was last put in.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(super) struct Line {
    pub(super) product_id: String,
    pub(super) product_name: String,
    pub(super) product_image: Option<String>,
    pub(super) price: Money,
    pub(super) quantity: i64,
}

/// What inventory says of a product.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Goods {
    pub(super) sku: String,
    pub(super) name: String,
    pub(super) price: Money,
    /// Pieces that can be had now.
    pub(super) available: i64,
}

/// A cart, in the form in which it is kept.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(super) struct Cart {
    pub(super) cart_id: String,
    pub(super) owner: Owner,
    pub(super) lines: Vec<Line>,
    pub(super) status: Status,
    /// Counts changes.
    pub(super) version: i64,
    pub(super) created_ms: i64,
    pub(super) updated_ms: i64,
    pub(super) expires_ms: i64,
}

impl Cart {
    /// An empty cart that was never saved.
    pub(super) fn new(cart_id: String, owner: Owner, now_ms: i64) -> Cart {
        Cart {
            cart_id,
            owner,
            lines: Vec::new(),
            status: Status::Active,
            version: 0,
            created_ms: now_ms,
            updated_ms: now_ms,
            expires_ms: now_ms + LIFE_MS,
        }
    }

    /// Tells this state of this cart from every other.
    pub(super) fn stamp(&self) -> String {
        format!("{}:{}", self.cart_id, self.version)
    }

    /// Notes a change; the cart's life begins anew.
    pub(super) fn touch(&mut self, now_ms: i64) {
        self.version += 1;
        self.updated_ms = now_ms;
        self.expires_ms = now_ms + LIFE_MS;
    }

    /// The quantity of a product, 0 when it is not in the cart.
    pub(super) fn quantity_of(&self, product_id: &str) -> i64 {
        self.line(product_id).map_or(0, |line| line.quantity)
    }

    /// The product's line; 404 when it is not in the cart.
    pub(super) fn expect_line(&self, product_id: &str) -> Result<&Line, ApiError> {
        let missing = || ApiError::not_found(format!("product {product_id:?} is not in the cart"));
        self.line(product_id).ok_or_else(missing)
    }

    /// Pieces in the cart.
    pub(super) fn total_items(&self) -> i64 {
        self.lines.iter().map(|line| line.quantity).sum()
    }

    /// What the pieces cost.
    pub(super) fn total_amount(&self) -> Money {
        self.lines.iter().map(Line::subtotal).sum()
    }

    /// Has the product in this quantity from now on, at inventory's price and by its name. 400
    /// when the quantity, the stock or the number of lines does not allow it.
    pub(super) fn put(
        &mut self,
        goods: &Goods,
        quantity: i64,
        image: Option<String>,
    ) -> Result<(), ApiError> {
        expect_quantity(goods, quantity)?;
        let known = self.line(&goods.sku);
        if known.is_none() && self.lines.len() >= MOST_LINES {
            let message = format!("a cart has at most {MOST_LINES} products");
            return Err(ApiError::invalid(message));
        }
        let image = image.or_else(|| known.and_then(|line| line.product_image.clone()));
        self.set(Line {
            product_id: goods.sku.clone(),
            product_name: goods.name.clone(),
            product_image: image,
            price: goods.price,
            quantity,
        });
        self.status = Status::Active;
        Ok(())
    }

    /// Takes the product out; 404 when it is not in.
    pub(super) fn remove(&mut self, product_id: &str) -> Result<(), ApiError> {
        self.expect_line(product_id)?;
        self.lines.retain(|line| line.product_id != product_id);
        Ok(())
    }

    /// Empties the cart for the reason that the status names.
    pub(super) fn empty(&mut self, status: Status) {
        self.lines.clear();
        self.status = status;
    }

    /// Adds the lines of a guest's cart. A quantity beyond the limit is cut to it: half a merge
    /// is worth more than none. 400 when there would be too many lines.
    pub(super) fn absorb(&mut self, guest: &Cart) -> Result<(), ApiError> {
        for line in &guest.lines {
            let quantity = line.quantity + self.quantity_of(&line.product_id);
            let mut sum = self.line(&line.product_id).unwrap_or(line).clone();
            sum.quantity = quantity.min(MOST_OF_A_LINE);
            self.set(sum);
            self.status = Status::Active;
        }
        if self.lines.len() > MOST_LINES {
            let message = format!("the carts together have more than {MOST_LINES} products");
            return Err(ApiError::invalid(message));
        }
        Ok(())
    }

    fn line(&self, product_id: &str) -> Option<&Line> {
        self.lines.iter().find(|line| line.product_id == product_id)
    }

    /// In the place of the product's line, or at the end.
    fn set(&mut self, new: Line) {
        let mut lines = self.lines.iter_mut();
        match lines.find(|line| line.product_id == new.product_id) {
            Some(line) => *line = new,
            None => self.lines.push(new),
        }
    }
}

impl Line {
    /// What the line's pieces cost together.
    pub(super) fn subtotal(&self) -> Money {
        self.price.times(self.quantity)
    }
}

fn expect_quantity(goods: &Goods, quantity: i64) -> Result<(), ApiError> {
    let Goods { sku, available, .. } = goods;
    let message = if quantity > MOST_OF_A_LINE {
        format!("quantity must be at most {MOST_OF_A_LINE} per product, got {quantity} of {sku:?}")
    } else if *available <= 0 {
        format!("product {sku:?} is out of stock")
    } else if quantity > *available {
        format!("not enough of product {sku:?} in stock: {quantity} wanted, {available} available")
    } else {
        return Ok(());
    };
    Err(ApiError::invalid(message))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cart() -> Cart {
        Cart::new("c".into(), Owner::User(7), 0)
    }

    fn goods(sku: &str, cents: i64, available: i64) -> Goods {
        Goods {
            sku: sku.into(),
            name: sku.to_lowercase(),
            price: Money::cents(cents),
            available,
        }
    }

    #[test]
    fn totals_count_pieces_and_what_they_cost() {
        let mut cart = cart();
        cart.put(&goods("A", 999, 9), 2, None).unwrap();
        cart.put(&goods("B", 1, 9), 3, None).unwrap();
        assert_eq!(cart.total_items(), 5);
        assert_eq!(cart.total_amount(), Money::cents(2001));
    }

    #[test]
    fn stock_limit_and_number_of_lines_are_kept_and_a_refusal_changes_nothing() {
        let mut cart = cart();
        for (available, quantity) in [(0, 1), (4, 5), (1000, 101)] {
            let refused = cart.put(&goods("A", 1, available), quantity, None);
            assert_eq!(refused.unwrap_err().status(), 400);
        }
        assert_eq!(cart.lines, []);
        for n in 0..MOST_LINES {
            cart.put(&goods(&n.to_string(), 1, 9), 1, None).unwrap();
        }
        assert!(cart.put(&goods("A", 1, 9), 1, None).is_err());
        assert!(cart.put(&goods("0", 1, 9), 2, None).is_ok());
    }

    #[test]
    fn an_emptied_cart_is_active_again_with_the_next_product() {
        for status in [Status::Cleared, Status::ConvertedToOrder] {
            let mut cart = cart();
            cart.put(&goods("A", 1, 9), 1, None).unwrap();
            cart.empty(status);
            assert_eq!((cart.status, cart.total_items()), (status, 0));
            cart.put(&goods("A", 1, 9), 1, None).unwrap();
            assert_eq!(cart.status, Status::Active);
        }
    }

    #[test]
    fn an_image_stays_until_another_comes() {
        let mut cart = cart();
        cart.put(&goods("A", 1, 9), 1, Some("one.png".into()))
            .unwrap();
        cart.put(&goods("A", 1, 9), 2, None).unwrap();
        assert_eq!(cart.lines[0].product_image.as_deref(), Some("one.png"));
    }

    #[test]
    fn carts_of_too_many_products_together_do_not_merge() {
        let (mut one, mut two) = (cart(), cart());
        for n in 0..30 {
            one.put(&goods(&format!("A{n}"), 1, 9), 1, None).unwrap();
            two.put(&goods(&format!("B{n}"), 1, 9), 1, None).unwrap();
        }
        assert_eq!(one.absorb(&two).unwrap_err().status(), 400);
    }

    proptest! {
        #[test]
        fn a_merge_adds_up_to_the_limit(of_user in 0..=100_i64, of_guest in 0..=100_i64) {
            let (mut user, mut guest) = (cart(), cart());
            for (cart, quantity) in [(&mut user, of_user), (&mut guest, of_guest)] {
                if quantity > 0 {
                    cart.put(&goods("A", 1, 1000), quantity, None).unwrap();
                }
            }
            user.absorb(&guest).unwrap();
            prop_assert_eq!(user.quantity_of("A"), (of_user + of_guest).min(100));
            prop_assert!(user.lines.len() <= 1);
        }
    }
}

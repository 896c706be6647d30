//! The goods of a new shop.

use super::requests::{NewItem, NewProduct};
use super::rules::ProductStatus;
use super::stocking::inbound;
use super::store::{movements, products, stock};
use crate::error::ApiError;
use crate::money::Money;
use crate::state::AppState;
use crate::store::{Tx, next_id, next_ids};

const WAREHOUSES: [&str; 4] = ["US_EAST", "US_WEST", "EU_CENTRAL", "ASIA_PACIFIC"];

/// SKU, name, description, category, brand, cents, grams, warehouses, pieces in each.
type Goods = (
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    i64,
    u32,
    usize,
    i64,
);

/// Thousands of most things, so that a minute of load finds goods to the end; the two limited
/// editions at the end of the list do sell out.
#[rustfmt::skip]
const GOODS: [Goods; 21] = [
    ("ELEC-PHONE-001", "Smartphone X1", "6.1 inch display, 128 GB", "Electronics", "Nova", 69_900, 180, 4, 5000),
    ("ELEC-LAPTOP-001", "Laptop Air 13", "13 inch, 16 GB memory, 512 GB disk", "Electronics", "Nova", 119_900, 1240, 4, 3000),
    ("ELEC-HEADPH-001", "Headphones Quiet", "Wireless, noise cancelling", "Electronics", "Sonar", 24_900, 260, 4, 5000),
    ("ELEC-TABLET-001", "Tablet 10", "10 inch display, 64 GB", "Electronics", "Nova", 39_900, 480, 3, 4000),
    ("ELEC-WATCH-001", "Watch Active", "Heart rate, GPS, seven days of battery", "Electronics", "Pulse", 19_900, 45, 3, 4000),
    ("BOOK-RUST-001", "Systems Programming in Practice", "Hardcover, 560 pages", "Books", "Harbour Press", 4_995, 980, 3, 8000),
    ("BOOK-NOVEL-001", "The Lighthouse Keeper", "Paperback, 320 pages", "Books", "Harbour Press", 1_299, 310, 4, 9000),
    ("BOOK-COOK-001", "Thirty Minute Kitchen", "Hardcover, 240 pages, photographs", "Books", "Table & Co", 2_495, 870, 2, 6000),
    ("BOOK-ATLAS-001", "Atlas of Rivers", "Large format, 180 maps", "Books", "Meridian", 3_950, 1650, 2, 4000),
    ("CLTH-SHIRT-001", "Cotton T-Shirt", "Organic cotton, white", "Clothing", "Plainwear", 1_990, 160, 4, 9000),
    ("CLTH-JEANS-001", "Straight Jeans", "Dark blue denim", "Clothing", "Plainwear", 5_990, 620, 4, 6000),
    ("CLTH-JACKET-001", "Rain Jacket", "Waterproof, taped seams", "Clothing", "Fjell", 12_900, 410, 3, 4000),
    ("CLTH-SOCKS-001", "Wool Socks", "Pack of three", "Clothing", "Fjell", 1_490, 120, 4, 9000),
    ("HOME-MUG-001", "Stoneware Mug", "350 ml, dishwasher safe", "Home", "Table & Co", 1_250, 390, 4, 9000),
    ("HOME-LAMP-001", "Desk Lamp", "Dimmable, warm light", "Home", "Lumen", 4_590, 1100, 3, 5000),
    ("HOME-KNIFE-001", "Chef's Knife", "20 cm blade", "Home", "Table & Co", 6_900, 230, 2, 4000),
    ("SPRT-MAT-001", "Yoga Mat", "6 mm, non-slip", "Sports", "Pulse", 2_990, 1200, 4, 7000),
    ("SPRT-BOTTLE-001", "Steel Bottle", "750 ml, keeps cold for a day", "Sports", "Fjell", 2_490, 340, 4, 9000),
    ("SPRT-BALL-001", "Football", "Size 5, stitched", "Sports", "Pulse", 2_795, 430, 3, 6000),
    ("SPRT-SHOES-001", "Running Shoes, First Edition", "Numbered, 60 pairs", "Sports", "Pulse", 17_900, 540, 1, 60),
    ("HOME-PRINT-001", "Harbour at Dawn, Signed Print", "Limited to 40 sheets", "Home", "Meridian", 9_900, 150, 1, 40),
];

/// Fills an empty catalogue. Instances may do so at the same time; one does it.
pub(super) async fn run(state: AppState) -> Result<(), ApiError> {
    if !products::list(&state.store, ONE).await?.is_empty() {
        return Ok(());
    }
    let now_ms = state.now_ms();
    let mut tx = state.store.begin().await?;
    // Holds the counter until the commit: who comes second waits here, and then finds products.
    let first = next_ids(&mut tx, "product", count()).await?;
    if first != 1 {
        return Ok(());
    }
    for (id, goods) in (first..).zip(&GOODS) {
        products::insert(&mut tx, id, &product(goods), now_ms).await?;
    }
    stock_up(&mut tx, now_ms).await?;
    tx.commit().await?;
    Ok(())
}

const ONE: super::paging::Span = super::paging::Span {
    limit: 1,
    offset: 0,
};

fn count() -> i64 {
    i64::try_from(GOODS.len()).unwrap_or(i64::MAX)
}

async fn stock_up(tx: &mut Tx, now_ms: i64) -> sqlx::Result<()> {
    let items: Vec<NewItem> = GOODS.iter().flat_map(items).collect();
    for item in &items {
        let id = next_id(tx, "stock").await?;
        stock::insert(tx, id, item, now_ms).await?;
    }
    let arrived: Vec<_> = items.iter().map(inbound).collect();
    movements::log(tx, now_ms, &arrived).await?;
    Ok(())
}

fn product(goods: &Goods) -> NewProduct {
    let &(sku, name, description, category, brand, cents, grams, ..) = goods;
    NewProduct {
        sku: sku.into(),
        name: name.into(),
        description: Some(description.into()),
        category: category.into(),
        brand: Some(brand.into()),
        price: Money::cents(cents),
        weight: f64::from(grams) / 1000.0,
        status: ProductStatus::Active,
    }
}

/// Low at a hundredth of what is there first.
fn items(goods: &Goods) -> impl Iterator<Item = NewItem> {
    let &(sku, .., warehouses, pieces) = goods;
    let some = WAREHOUSES.iter().take(warehouses);
    some.map(move |warehouse| NewItem {
        product_sku: sku.into(),
        warehouse_location: (*warehouse).into(),
        total_quantity: pieces,
        min_stock_level: (pieces / 100).max(5),
        max_stock_level: pieces * 2,
        reorder_point: (pieces / 50).max(10),
        reorder_quantity: pieces / 2,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::settings::ServiceName;
    use crate::testing::on_each_store;

    #[test]
    fn the_goods_fit_what_is_asked_of_new_ones() {
        for goods in &GOODS {
            product(goods).check().unwrap();
            items(goods).for_each(|item| item.check().unwrap());
        }
        let categories: BTreeSet<_> = GOODS.iter().map(|goods| goods.3).collect();
        assert_eq!((GOODS.len(), categories.len()), (21, 5));
    }

    #[tokio::test]
    async fn a_second_start_leaves_the_goods_as_they_are() {
        on_each_store(ServiceName::Inventory, async |shop| {
            let other = shop.another().await;
            run(other.state().clone()).await.unwrap();
            let products = shop.get("/api/inventory/products", "").await;
            assert_eq!(products.body.as_array().unwrap().len(), 21);
            let items = shop
                .get("/api/inventory/items?size=500", &shop.user_token(1))
                .await;
            let rows: usize = GOODS.iter().map(|goods| goods.7).sum();
            assert_eq!(items.body.as_array().unwrap().len(), rows);
            assert_eq!(shop.events().await, [], "nothing is low at first");
        })
        .await;
    }
}

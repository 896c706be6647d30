//! The catalogue.

use sqlx::Row;
use sqlx::any::AnyRow;

use super::super::paging::Span;
use super::super::requests::NewProduct;
use super::super::rules::ProductStatus;
use super::unreadable;
use crate::money::Money;
use crate::store::{Store, Tx};

/// A product.
#[derive(Clone, Debug)]
pub(in super::super) struct Product {
    pub(in super::super) id: i64,
    pub(in super::super) sku: String,
    pub(in super::super) name: String,
    pub(in super::super) description: Option<String>,
    pub(in super::super) category: String,
    pub(in super::super) brand: Option<String>,
    pub(in super::super) price: Money,
    pub(in super::super) weight_grams: i64,
    pub(in super::super) status: ProductStatus,
}

/// Makes the product; none when the SKU is taken.
pub(in super::super) async fn insert(
    tx: &mut Tx,
    id: i64,
    new: &NewProduct,
    now_ms: i64,
) -> sqlx::Result<Option<Product>> {
    let row = sqlx::query(
        "INSERT INTO products (id, sku, name, description, category, brand, price_cents,
                               weight_grams, status, created_ms)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
         ON CONFLICT (sku) DO NOTHING
         RETURNING *",
    )
    .bind(id)
    .bind(&new.sku)
    .bind(&new.name)
    .bind(new.description.clone())
    .bind(&new.category)
    .bind(new.brand.clone())
    .bind(new.price.to_cents())
    .bind(new.weight_grams())
    .bind(new.status.name())
    .bind(now_ms)
    .fetch_optional(&mut **tx)
    .await?;
    row.as_ref().map(from_row).transpose()
}

/// The product of a SKU.
pub(in super::super) async fn by_sku(store: &Store, sku: &str) -> sqlx::Result<Option<Product>> {
    let row = sqlx::query("SELECT * FROM products WHERE sku = $1")
        .bind(sku)
        .fetch_optional(store.pool())
        .await?;
    row.as_ref().map(from_row).transpose()
}

/// The catalogue in its order.
pub(in super::super) async fn list(store: &Store, span: Span) -> sqlx::Result<Vec<Product>> {
    let rows = sqlx::query("SELECT * FROM products ORDER BY id LIMIT $1 OFFSET $2")
        .bind(span.limit)
        .bind(span.offset)
        .fetch_all(store.pool())
        .await?;
    rows.iter().map(from_row).collect()
}

/// Products of a category, however it is typed.
pub(in super::super) async fn of_category(
    store: &Store,
    category: &str,
    span: Span,
) -> sqlx::Result<Vec<Product>> {
    let rows = sqlx::query(
        "SELECT * FROM products WHERE LOWER(category) = LOWER($1) ORDER BY id LIMIT $2 OFFSET $3",
    )
    .bind(category)
    .bind(span.limit)
    .bind(span.offset)
    .fetch_all(store.pool())
    .await?;
    rows.iter().map(from_row).collect()
}

/// Products in whose texts the query occurs.
pub(in super::super) async fn search(
    store: &Store,
    query: &str,
    span: Span,
) -> sqlx::Result<Vec<Product>> {
    let rows = sqlx::query(
        "SELECT * FROM products
         WHERE LOWER(sku || ' ' || name || ' ' || category || ' ' || COALESCE(brand, '') || ' '
                     || COALESCE(description, '')) LIKE LOWER($1) ESCAPE '!'
         ORDER BY id LIMIT $2 OFFSET $3",
    )
    .bind(pattern(query))
    .bind(span.limit)
    .bind(span.offset)
    .fetch_all(store.pool())
    .await?;
    rows.iter().map(from_row).collect()
}

/// Anywhere in the text, with its own wildcards taken as they are.
fn pattern(query: &str) -> String {
    let mut pattern = String::from("%");
    for c in query.trim().chars() {
        if matches!(c, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}

fn from_row(row: &AnyRow) -> sqlx::Result<Product> {
    let status: String = row.try_get("status")?;
    Ok(Product {
        id: row.try_get("id")?,
        sku: row.try_get("sku")?,
        name: row.try_get("name")?,
        description: row.try_get("description")?,
        category: row.try_get("category")?,
        brand: row.try_get("brand")?,
        price: Money::cents(row.try_get("price_cents")?),
        weight_grams: row.try_get("weight_grams")?,
        status: ProductStatus::from_name(&status).ok_or_else(|| unreadable("status", &status))?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_of_a_query_stand_for_themselves() {
        assert_eq!(pattern(" 50%_off! "), "%50!%!_off!!%");
    }
}

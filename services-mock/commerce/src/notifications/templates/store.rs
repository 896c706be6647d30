//! SQL of templates.

use sqlx::Row;
use sqlx::any::AnyRow;

use super::super::names::{Channel, NotificationType, from_column};
use crate::store::{Store, Tx, next_id};

/// A text for a name and a channel.
#[derive(Clone, Debug)]
pub(crate) struct Template {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) channel: Channel,
    pub(crate) kind: NotificationType,
    pub(crate) subject: String,
    pub(crate) body: String,
    /// Only then it is used.
    pub(crate) active: bool,
    /// Counts changes, from 1.
    pub(crate) version: i64,
    pub(crate) created_ms: i64,
    pub(crate) updated_ms: i64,
}

/// A template that is to be made.
#[derive(Clone, Debug)]
pub(crate) struct NewTemplate {
    pub(crate) name: String,
    pub(crate) channel: Channel,
    pub(crate) kind: NotificationType,
    pub(crate) subject: String,
    pub(crate) body: String,
    pub(crate) active: bool,
}

/// Which templates a list holds; none of both means all.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Filter {
    pub(crate) kind: Option<NotificationType>,
    pub(crate) channel: Option<Channel>,
}

/// Makes the template; none when name and channel have one.
pub(crate) async fn insert(
    tx: &mut Tx,
    new: &NewTemplate,
    now_ms: i64,
) -> sqlx::Result<Option<Template>> {
    let id = next_id(tx, "template").await?;
    let row = sqlx::query(
        "INSERT INTO templates (id, name, channel, kind, subject, body, active, version,
                                created_ms, updated_ms)
         VALUES ($1, $2, $3, $4, $5, $6, $7, 1, $8, $8)
         ON CONFLICT (name, channel) DO NOTHING
         RETURNING *",
    )
    .bind(id)
    .bind(&new.name)
    .bind(new.channel.name())
    .bind(new.kind.name())
    .bind(&new.subject)
    .bind(&new.body)
    .bind(i64::from(new.active))
    .bind(now_ms)
    .fetch_optional(&mut **tx)
    .await?;
    row.as_ref().map(from_row).transpose()
}

/// Writes the template if nobody changed it since it was read; none otherwise.
pub(crate) async fn update(
    store: &Store,
    changed: &Template,
    now_ms: i64,
) -> sqlx::Result<Option<Template>> {
    let row = sqlx::query(
        "UPDATE templates SET kind = $1, subject = $2, body = $3, active = $4, updated_ms = $5,
            version = version + 1
         WHERE id = $6 AND version = $7
         RETURNING *",
    )
    .bind(changed.kind.name())
    .bind(&changed.subject)
    .bind(&changed.body)
    .bind(i64::from(changed.active))
    .bind(now_ms)
    .bind(changed.id)
    .bind(changed.version)
    .fetch_optional(store.pool())
    .await?;
    row.as_ref().map(from_row).transpose()
}

/// Whether there was one.
pub(crate) async fn delete(store: &Store, id: i64) -> sqlx::Result<bool> {
    let deleted = sqlx::query("DELETE FROM templates WHERE id = $1")
        .bind(id)
        .execute(store.pool())
        .await?;
    Ok(deleted.rows_affected() == 1)
}

/// The template of a number.
pub(crate) async fn by_id(store: &Store, id: i64) -> sqlx::Result<Option<Template>> {
    let row = sqlx::query("SELECT * FROM templates WHERE id = $1")
        .bind(id)
        .fetch_optional(store.pool())
        .await?;
    row.as_ref().map(from_row).transpose()
}

/// The template of a name on a channel.
pub(crate) async fn by_name(
    store: &Store,
    name: &str,
    channel: Channel,
) -> sqlx::Result<Option<Template>> {
    let row = sqlx::query("SELECT * FROM templates WHERE name = $1 AND channel = $2")
        .bind(name)
        .bind(channel.name())
        .fetch_optional(store.pool())
        .await?;
    row.as_ref().map(from_row).transpose()
}

/// The template of a name on a channel, if it is to be used.
pub(crate) async fn active(
    store: &Store,
    name: &str,
    channel: Channel,
) -> sqlx::Result<Option<Template>> {
    let found = by_name(store, name, channel).await?;
    Ok(found.filter(|template| template.active))
}

/// Templates in the order in which they were made.
pub(crate) async fn list(
    store: &Store,
    filter: Filter,
    limit: i64,
    offset: i64,
) -> sqlx::Result<Vec<Template>> {
    let rows = sqlx::query(
        "SELECT * FROM templates
         WHERE (CAST($1 AS TEXT) IS NULL OR kind = $1)
           AND (CAST($2 AS TEXT) IS NULL OR channel = $2)
         ORDER BY id LIMIT $3 OFFSET $4",
    )
    .bind(filter.kind.map(NotificationType::name))
    .bind(filter.channel.map(Channel::name))
    .bind(limit)
    .bind(offset)
    .fetch_all(store.pool())
    .await?;
    rows.iter().map(from_row).collect()
}

fn from_row(row: &AnyRow) -> sqlx::Result<Template> {
    let active: i64 = row.try_get("active")?;
    Ok(Template {
        id: row.try_get("id")?,
        name: row.try_get("name")?,
        channel: from_column(row, "channel", Channel::from_name)?,
        kind: from_column(row, "kind", NotificationType::from_name)?,
        subject: row.try_get("subject")?,
        body: row.try_get("body")?,
        active: active != 0,
        version: row.try_get("version")?,
        created_ms: row.try_get("created_ms")?,
        updated_ms: row.try_get("updated_ms")?,
    })
}

//! The endpoints of templates: every caller reads, administrators write.

use axum::extract::State;
use http::StatusCode;

use super::super::names::{Channel, NotificationType};
use super::super::paging::Span;
use super::requests::{
    ChangeTemplate, CreateTemplate, Draft, RenderedBody, TemplateBody, Values, Verdict,
};
use super::store::{self, Filter, Template};
use crate::auth::{Caller, Role};
use crate::error::{ApiError, ErrorBody};
use crate::extract::{Json, Path, Query, created};
use crate::openapi::{CallerErrors, GuardedErrors};
use crate::state::AppState;

/// Makes a template
#[utoipa::path(post, path = "/api/templates", tag = "templates", security(("bearer" = [])),
    request_body = CreateTemplate,
    responses(
        (status = 201, description = "The template", body = TemplateBody),
        (status = 409, description = "Name and channel have one", body = ErrorBody),
        GuardedErrors))]
pub(crate) async fn create(
    State(state): State<AppState>,
    caller: Caller,
    Json(wish): Json<CreateTemplate>,
) -> Result<(StatusCode, Json<TemplateBody>), ApiError> {
    caller.require(&[Role::Admin])?;
    let new = wish.checked()?;
    let mut tx = state.store.begin().await?;
    let made = store::insert(&mut tx, &new, state.now_ms()).await?;
    let taken = || {
        let (name, channel) = (&new.name, new.channel.name());
        ApiError::conflict(format!("template {name:?} for {channel} exists"))
    };
    let made = made.ok_or_else(taken)?;
    tx.commit().await?;
    Ok(created(made.into()))
}

/// Templates in the order in which they were made
#[utoipa::path(get, path = "/api/templates", tag = "templates", security(("bearer" = [])),
    params(Span),
    responses((status = 200, description = "A part of them", body = Vec<TemplateBody>),
        CallerErrors))]
pub(crate) async fn list(
    State(state): State<AppState>,
    _: Caller,
    Query(span): Query<Span>,
) -> Result<Json<Vec<TemplateBody>>, ApiError> {
    listed(&state, Filter::default(), span).await
}

/// Templates of a type
#[utoipa::path(get, path = "/api/templates/type/{type}", tag = "templates",
    security(("bearer" = [])),
    params(("type" = NotificationType, Path, description = "The type"), Span),
    responses((status = 200, description = "A part of them", body = Vec<TemplateBody>),
        CallerErrors))]
pub(crate) async fn by_type(
    State(state): State<AppState>,
    _: Caller,
    Path(kind): Path<NotificationType>,
    Query(span): Query<Span>,
) -> Result<Json<Vec<TemplateBody>>, ApiError> {
    let filter = Filter {
        kind: Some(kind),
        channel: None,
    };
    listed(&state, filter, span).await
}

/// Templates for a channel
#[utoipa::path(get, path = "/api/templates/channel/{channel}", tag = "templates",
    security(("bearer" = [])),
    params(("channel" = Channel, Path, description = "The channel"), Span),
    responses((status = 200, description = "A part of them", body = Vec<TemplateBody>),
        CallerErrors))]
pub(crate) async fn by_channel(
    State(state): State<AppState>,
    _: Caller,
    Path(channel): Path<Channel>,
    Query(span): Query<Span>,
) -> Result<Json<Vec<TemplateBody>>, ApiError> {
    let filter = Filter {
        kind: None,
        channel: Some(channel),
    };
    listed(&state, filter, span).await
}

async fn listed(
    state: &AppState,
    filter: Filter,
    span: Span,
) -> Result<Json<Vec<TemplateBody>>, ApiError> {
    span.check()?;
    let found = store::list(&state.store, filter, span.size, span.offset()).await?;
    Ok(Json(found.into_iter().map(TemplateBody::from).collect()))
}

/// A template by its number
#[utoipa::path(get, path = "/api/templates/{id}", tag = "templates", security(("bearer" = [])),
    params(("id" = i64, Path, description = "The template's id")),
    responses(
        (status = 200, description = "The template", body = TemplateBody),
        (status = 404, description = "No such template", body = ErrorBody),
        CallerErrors))]
pub(crate) async fn by_id(
    State(state): State<AppState>,
    _: Caller,
    Path(id): Path<i64>,
) -> Result<Json<TemplateBody>, ApiError> {
    let found = existing(&state, id).await?;
    Ok(Json(found.into()))
}

async fn existing(state: &AppState, id: i64) -> Result<Template, ApiError> {
    let found = store::by_id(&state.store, id).await?;
    found.ok_or_else(|| ApiError::not_found(format!("no template with id {id}")))
}

/// A template by name and channel
#[utoipa::path(get, path = "/api/templates/name/{name}/channel/{channel}", tag = "templates",
    security(("bearer" = [])),
    params(("name" = String, Path, description = "The template's name"),
        ("channel" = Channel, Path, description = "The channel")),
    responses(
        (status = 200, description = "The template", body = TemplateBody),
        (status = 404, description = "No such template", body = ErrorBody),
        CallerErrors))]
pub(crate) async fn by_name(
    State(state): State<AppState>,
    _: Caller,
    Path((name, channel)): Path<(String, Channel)>,
) -> Result<Json<TemplateBody>, ApiError> {
    let found = named(&state, &name, channel).await?;
    Ok(Json(found.into()))
}

async fn named(state: &AppState, name: &str, channel: Channel) -> Result<Template, ApiError> {
    let missing = || {
        let channel = channel.name();
        ApiError::not_found(format!("no template {name:?} for {channel}"))
    };
    let found = store::by_name(&state.store, name, channel).await?;
    found.ok_or_else(missing)
}

/// Changes a template; what is missing stays as it is
#[utoipa::path(put, path = "/api/templates/{id}", tag = "templates", security(("bearer" = [])),
    params(("id" = i64, Path, description = "The template's id")),
    request_body = ChangeTemplate,
    responses(
        (status = 200, description = "The next version", body = TemplateBody),
        (status = 404, description = "No such template", body = ErrorBody),
        (status = 409, description = "Somebody else changed it", body = ErrorBody),
        GuardedErrors))]
pub(crate) async fn change(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<i64>,
    Json(wish): Json<ChangeTemplate>,
) -> Result<Json<TemplateBody>, ApiError> {
    caller.require(&[Role::Admin])?;
    let template = existing(&state, id).await?;
    let current = template.version;
    let outdated = || ApiError::conflict(format!("the template has a version after {current}"));
    if wish.version.is_some_and(|version| version != current) {
        let message = format!("the template's version is {current}");
        return Err(ApiError::conflict(message));
    }
    let changed = wish.applied_to(template)?;
    let written = store::update(&state.store, &changed, state.now_ms()).await?;
    Ok(Json(written.ok_or_else(outdated)?.into()))
}

/// Deletes a template
#[utoipa::path(delete, path = "/api/templates/{id}", tag = "templates", security(("bearer" = [])),
    params(("id" = i64, Path, description = "The template's id")),
    responses(
        (status = 204, description = "It is gone"),
        (status = 404, description = "No such template", body = ErrorBody),
        GuardedErrors))]
pub(crate) async fn delete(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<i64>,
) -> Result<StatusCode, ApiError> {
    caller.require(&[Role::Admin])?;
    if store::delete(&state.store, id).await? {
        return Ok(StatusCode::NO_CONTENT);
    }
    Err(ApiError::not_found(format!("no template with id {id}")))
}

/// Fills in a template's variables
#[utoipa::path(post, path = "/api/templates/{name}/channel/{channel}/render", tag = "templates",
    security(("bearer" = [])),
    params(("name" = String, Path, description = "The template's name"),
        ("channel" = Channel, Path, description = "The channel")),
    request_body = Values,
    responses(
        (status = 200, description = "What it says", body = RenderedBody),
        (status = 404, description = "No such template", body = ErrorBody),
        CallerErrors))]
pub(crate) async fn render(
    State(state): State<AppState>,
    _: Caller,
    Path((name, channel)): Path<(String, Channel)>,
    Json(values): Json<Values>,
) -> Result<Json<RenderedBody>, ApiError> {
    let found = named(&state, &name, channel).await?;
    let rendered = super::fill(&found.subject, &found.body, &values.variables)
        .map_err(|problem| ApiError::invalid(problem.to_string()))?;
    Ok(Json(RenderedBody {
        name: found.name,
        channel,
        version: found.version,
        subject: rendered.subject,
        body: rendered.body,
    }))
}

/// Whether texts could be a template
#[utoipa::path(post, path = "/api/templates/validate", tag = "templates",
    security(("bearer" = [])),
    request_body = Draft,
    responses((status = 200, description = "What is wrong, if anything", body = Verdict),
        CallerErrors))]
pub(crate) async fn validate(
    _: Caller,
    Json(draft): Json<Draft>,
) -> Result<Json<Verdict>, ApiError> {
    Ok(Json(draft.verdict()))
}

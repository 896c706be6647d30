//! The frame of a service's OpenAPI document, and the refusals that endpoints share.

use std::collections::BTreeMap;

use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{
    ComponentsBuilder, ContentBuilder, InfoBuilder, OpenApi, OpenApiBuilder, Ref, RefOr, Response,
    ResponseBuilder,
};
use utoipa::{IntoResponses, PartialSchema, ToSchema};

use crate::error::ErrorBody;
use crate::settings::ServiceName;

/// Refusals of an endpoint open to all: 400, 503.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PublicErrors;

/// Refusals of an endpoint that needs a token: 400, 401, 503.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CallerErrors;

/// Refusals of an endpoint that needs a role or ownership: 400, 401, 403, 503.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GuardedErrors;

type Responses = BTreeMap<String, RefOr<Response>>;

impl IntoResponses for PublicErrors {
    fn responses() -> Responses {
        errors(&[(400, "The request is not valid"), (503, "Try again later")])
    }
}

impl IntoResponses for CallerErrors {
    fn responses() -> Responses {
        let mut responses = PublicErrors::responses();
        responses.extend(errors(&[(401, "No valid token")]));
        responses
    }
}

impl IntoResponses for GuardedErrors {
    fn responses() -> Responses {
        let mut responses = CallerErrors::responses();
        responses.extend(errors(&[(403, "Not allowed for the caller")]));
        responses
    }
}

fn errors(statuses: &[(u16, &str)]) -> Responses {
    let schema = || Ref::from_schema_name(ErrorBody::name());
    let response = |about: &str| {
        let content = ContentBuilder::new().schema(Some(schema())).build();
        ResponseBuilder::new()
            .description(about)
            .content("application/json", content)
            .build()
    };
    let named = statuses.iter();
    named
        .map(|(status, about)| (status.to_string(), RefOr::T(response(about))))
        .collect()
}

/// Title, version, the bearer scheme and the error body.
pub(crate) fn frame(service: ServiceName, about: &str) -> OpenApi {
    let info = InfoBuilder::new()
        .title(service.name())
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(about));
    let bearer = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
    let components = ComponentsBuilder::new()
        .schema(ErrorBody::name(), ErrorBody::schema())
        .security_scheme("bearer", bearer);
    OpenApiBuilder::new()
        .info(info)
        .components(Some(components.build()))
        .build()
}

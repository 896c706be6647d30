//! What requests about templates must look like, and what they are answered with.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::super::names::{Channel, NotificationType};
use super::rules::{self, Problem};
use super::store::{NewTemplate, Template};
use crate::clock::iso_local;
use crate::error::{ApiError, Problems};

const LONGEST_NAME: usize = 100;
const LONGEST_SUBJECT: usize = 255;
const LONGEST_BODY: usize = 5000;

/// A template that is to be made.
#[derive(Clone, Debug, Deserialize, ToSchema)]
pub(crate) struct CreateTemplate {
    #[schema(min_length = 1, max_length = 100, pattern = "^[A-Za-z0-9._-]+$")]
    name: String,
    channel: Channel,
    #[serde(rename = "type")]
    kind: NotificationType,
    #[serde(default)]
    #[schema(max_length = 255)]
    subject: String,
    #[serde(alias = "content")]
    #[schema(min_length = 1, max_length = 5000)]
    body: String,
    #[serde(default = "yes")]
    active: bool,
}

fn yes() -> bool {
    true
}

impl CreateTemplate {
    /// 400 that names all that is wrong.
    pub(crate) fn checked(self) -> Result<NewTemplate, ApiError> {
        let mut problems = Problems::default();
        let length = self.name.len();
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
        let named = (1..=LONGEST_NAME).contains(&length) && self.name.bytes().all(allowed);
        let rule = "must have 1 to 100 letters, digits, '.', '_' or '-'";
        problems.check(named, "name", &self.name, rule);
        check_texts(&mut problems, &self.subject, &self.body);
        problems.finish()?;
        Ok(NewTemplate {
            name: self.name,
            channel: self.channel,
            kind: self.kind,
            subject: self.subject,
            body: self.body,
            active: self.active,
        })
    }
}

/// A change of a template; what is missing stays as it is.
#[derive(Clone, Debug, Deserialize, ToSchema)]
pub(crate) struct ChangeTemplate {
    #[serde(rename = "type")]
    kind: Option<NotificationType>,
    #[schema(max_length = 255)]
    subject: Option<String>,
    #[serde(alias = "content")]
    #[schema(min_length = 1, max_length = 5000)]
    body: Option<String>,
    active: Option<bool>,
    /// The version that the change was made on; 409 when it is not the current one.
    pub(crate) version: Option<i64>,
}

impl ChangeTemplate {
    /// The template as it will be; 400 that names all that is wrong.
    pub(crate) fn applied_to(self, template: Template) -> Result<Template, ApiError> {
        let changed = Template {
            kind: self.kind.unwrap_or(template.kind),
            subject: self.subject.unwrap_or(template.subject),
            body: self.body.unwrap_or(template.body),
            active: self.active.unwrap_or(template.active),
            ..template
        };
        let mut problems = Problems::default();
        check_texts(&mut problems, &changed.subject, &changed.body);
        problems.finish()?;
        Ok(changed)
    }
}

fn check_texts(problems: &mut Problems, subject: &str, body: &str) {
    let kept = subject.chars().count() <= LONGEST_SUBJECT && !subject.chars().any(char::is_control);
    let rule = "must have at most 255 characters in one line";
    problems.check(kept, "subject", subject, rule);
    problems.text("body", body, LONGEST_BODY);
    for (field, text) in [("subject", subject), ("body", body)] {
        if let Err(problem) = rules::variables(text) {
            problems.add(field, text, &problem.to_string());
        }
    }
}

/// Values for variables.
#[derive(Clone, Debug, Deserialize, ToSchema)]
pub(crate) struct Values {
    /// Texts, numbers and booleans by the variable's name.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub(crate) variables: Map<String, Value>,
}

/// Texts that might become a template.
#[derive(Clone, Debug, Deserialize, ToSchema)]
pub(crate) struct Draft {
    #[serde(default)]
    #[schema(max_length = 255)]
    subject: String,
    #[serde(alias = "content")]
    #[schema(min_length = 1, max_length = 5000)]
    body: String,
    /// When they are given, every variable must have a value.
    #[schema(value_type = Option<Object>)]
    variables: Option<Map<String, Value>>,
}

/// Whether a draft could be a template.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Verdict {
    valid: bool,
    /// Names of all variables.
    variables: Vec<String>,
    /// What is wrong.
    errors: Vec<String>,
}

impl Draft {
    /// Looks at the draft with the rules of a template.
    pub(crate) fn verdict(&self) -> Verdict {
        let mut errors = Vec::new();
        let mut problems = Problems::default();
        check_texts(&mut problems, &self.subject, &self.body);
        if let Err(error) = problems.finish() {
            errors.push(error.message().to_owned());
        } else if let Err(problem) = self.fill() {
            errors.push(problem.to_string());
        }
        let texts = [&self.subject, &self.body].into_iter();
        let names = texts.filter_map(|text| rules::variables(text).ok());
        let names: std::collections::BTreeSet<_> = names.flatten().collect();
        Verdict {
            valid: errors.is_empty(),
            variables: names.into_iter().collect(),
            errors,
        }
    }

    fn fill(&self) -> Result<(), Problem> {
        let Some(values) = &self.variables else {
            return Ok(());
        };
        super::fill(&self.subject, &self.body, values).map(drop)
    }
}

/// A template.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TemplateBody {
    id: i64,
    name: String,
    channel: Channel,
    #[serde(rename = "type")]
    kind: NotificationType,
    subject: String,
    body: String,
    active: bool,
    /// Counts changes, from 1.
    version: i64,
    /// ISO 8601 without zone, UTC.
    created_at: String,
    updated_at: String,
}

impl From<Template> for TemplateBody {
    fn from(template: Template) -> TemplateBody {
        TemplateBody {
            id: template.id,
            name: template.name,
            channel: template.channel,
            kind: template.kind,
            subject: template.subject,
            body: template.body,
            active: template.active,
            version: template.version,
            created_at: iso_local(template.created_ms),
            updated_at: iso_local(template.updated_ms),
        }
    }
}

/// What a template says with its variables filled in.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RenderedBody {
    pub(crate) name: String,
    pub(crate) channel: Channel,
    pub(crate) version: i64,
    pub(crate) subject: String,
    pub(crate) body: String,
}

//! Why a contender cannot take part.

use lb_policy::model::ModelError;

/// Why a contender cannot take part.
#[derive(Debug, thiserror::Error)]
pub enum ContenderError {
    /// No policy has this name.
    #[error("policy `{name}` is unknown; known are {known}")]
    Unknown {
        /// What was asked for.
        name: String,
        /// What there is.
        known: String,
    },
    /// A parameter is wrong.
    #[error("policy `{spec}`: {key}: {reason}")]
    Parameter {
        /// The contender as written.
        spec: String,
        /// The parameter.
        key: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A learned contender and no model for it.
    #[error("policy `{spec}`: {reason}")]
    Model {
        /// The contender as written.
        spec: String,
        /// What is missing.
        reason: String,
    },
    /// A `--model` that cannot be read as `NAME=DIR` or `DIR`.
    #[error("model `{written}`: {reason}")]
    ModelName {
        /// The argument as written.
        written: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A model that the proxy would not serve.
    #[error("model {name}: {cause}")]
    Refused {
        /// Its name.
        name: String,
        /// File and cause.
        cause: Box<ModelError>,
    },
}

//! The routes and what they answer.

mod documents;
mod fetch;
mod indexes;
mod keys;
mod multi;
mod search;
mod settings;
mod system;
mod tasks;

pub mod routes;

use serde_json::Value;
use tempfile::NamedTempFile;

use crate::auth::Grant;
use crate::decode::Params;
use crate::error::{code, ApiError, Result};

/// A request that was let through, with its body received.
pub struct Call {
    pub grant: Grant,
    /// The index of the path; empty for routes without one.
    pub index: String,
    /// What follows in the path: an id, a key, a name of a setting; empty when nothing does.
    pub tail: String,
    pub params: Params,
    /// The query string as it came, with its `?`.
    pub query: String,
    pub content_type: Option<String>,
    pub body: Body,
    /// Who asks will merge the answer with those of other nodes, and wants to know what hits are compared by.
    pub for_merge: bool,
}

pub enum Body {
    None,
    Bytes(Vec<u8>),
    /// A document payload, on disk.
    File(NamedTempFile),
}

pub struct Answer {
    pub status: u16,
    pub body: Option<Value>,
}

impl Answer {
    pub fn ok(body: Value) -> Self {
        Answer { status: 200, body: Some(body) }
    }

    pub fn with(status: u16, body: Value) -> Self {
        Answer { status, body: Some(body) }
    }

    pub fn empty(status: u16) -> Self {
        Answer { status, body: None }
    }
}

impl From<ApiError> for Answer {
    fn from(err: ApiError) -> Self {
        let body = serde_json::to_value(err.body()).unwrap_or_default();
        Answer { status: err.code.status, body: Some(body) }
    }
}

/// The type of a content, without its parameters, in lower case.
pub fn essence(content_type: &str) -> String {
    content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

fn content_type_error(found: Option<&str>, accepted: &[&str]) -> ApiError {
    let accepted = crate::decode::listed(accepted);
    match found {
        None => ApiError::new(
            code::missing_content_type,
            format!("A Content-Type header is missing. Accepted values for the Content-Type header are: {accepted}"),
        ),
        Some(found) => ApiError::new(
            code::invalid_content_type,
            format!(
                "The Content-Type `{found}` is invalid. Accepted values for the Content-Type header are: {accepted}"
            ),
        ),
    }
}

impl Call {
    /// The JSON body.
    pub fn json(&self) -> Result<Value> {
        serde_json::from_slice(self.json_bytes()?).map_err(|err| {
            ApiError::new(code::malformed_payload, format!("The json payload provided is malformed. `{err}`."))
        })
    }

    /// The bytes of a body that is said to be JSON.
    pub fn json_bytes(&self) -> Result<&[u8]> {
        let found = self.content_type.as_deref();
        let kind = found.map(essence).unwrap_or_default();
        let is_json = kind == "application/json" || kind == "text/json" || kind.ends_with("+json");
        if !is_json {
            return Err(content_type_error(found, &["application/json"]));
        }
        match &self.body {
            Body::Bytes(bytes) if !bytes.is_empty() => Ok(bytes),
            _ => Err(ApiError::new(code::missing_payload, "A json payload is missing.")),
        }
    }
}

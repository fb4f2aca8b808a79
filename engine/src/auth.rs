//! Who is asking, and what that allows.

use serde_json::Value;
use time::OffsetDateTime;

use crate::error::{code, ApiError, Result};
use crate::keys::{self, Key};
use crate::store::register::Register;
use crate::token::{self, Refusal, Rules};

/// What the bearer of a request may do.
#[derive(Debug, Clone)]
pub enum Grant {
    /// The master key, or a node without one.
    Everything,
    Key(Box<Key>),
    Tenant(Box<Key>, Rules),
}

/// The token of the `Authorization` header.
pub enum Bearer<'a> {
    Missing,
    OtherScheme,
    Empty,
    Token(&'a str),
}

impl<'a> Bearer<'a> {
    pub fn read(header: Option<&'a str>) -> Self {
        match header.map(|header| header.split_once(' ').unwrap_or((header, ""))) {
            None => Bearer::Missing,
            Some(("Bearer", "")) => Bearer::Empty,
            Some(("Bearer", token)) => Bearer::Token(token),
            Some(_) => Bearer::OtherScheme,
        }
    }
}

fn refused(message: impl Into<String>) -> ApiError {
    ApiError::new(code::invalid_api_key, message)
}

fn invalid() -> ApiError {
    refused("The provided API key is invalid.")
}

fn missing_header() -> ApiError {
    ApiError::new(
        code::missing_authorization_header,
        "The Authorization header is missing. It must use the bearer authorization method.",
    )
}

pub struct Gate<'a> {
    pub register: &'a Register,
    pub master: Option<&'a str>,
}

impl Gate<'_> {
    /// Lets a request for `action` on the `index` of its path through, or says why not.
    pub fn admit(&self, bearer: Bearer<'_>, action: &str, index: Option<&str>) -> Result<Grant> {
        let Some(master) = self.master else {
            return if action.starts_with("keys.") {
                Err(ApiError::new(
                    code::missing_master_key,
                    "Meilisearch is running without a master key. To access this API endpoint, you must have set a \
                     master key at launch.",
                ))
            } else {
                Ok(Grant::Everything)
            };
        };
        let token = match bearer {
            Bearer::Missing | Bearer::OtherScheme => return Err(missing_header()),
            Bearer::Empty => return Err(invalid()),
            Bearer::Token(token) => token,
        };
        if keys::same_secret(token, master) {
            return Ok(Grant::Everything);
        }
        let grant = match self.tenant(master, token, action)? {
            Some(grant) => grant,
            None => Grant::Key(Box::new(keys::by_value(self.register, master, token)?.ok_or_else(invalid)?)),
        };
        if let Some(index) = index {
            grant.check_index(index)?;
        }
        match grant.key() {
            Some(key) if !key.permits(action) || key.expired() => Err(invalid()),
            _ => Ok(grant),
        }
    }

    fn tenant(&self, master: &str, text: &str, action: &str) -> Result<Option<Grant>> {
        if !matches!(action, "search" | "chatCompletions") {
            return Ok(None);
        }
        let Some(unverified) = token::read(text) else { return Ok(None) };
        let Some(key) = keys::by_uid(self.register, unverified.key_uid)? else { return Err(invalid()) };
        let now = OffsetDateTime::now_utc().unix_timestamp();
        match unverified.verify(&keys::value_of(master, key.uid), now) {
            Ok(rules) => Ok(Some(Grant::Tenant(Box::new(key), rules))),
            Err(Refusal::Signature) => Err(refused("Could not decode tenant token, InvalidSignature.")),
            Err(Refusal::Expired { at, now }) => {
                Err(refused(format!("Tenant token expired. Was valid up to `{at}` and we're now `{now}`.")))
            }
        }
    }
}

impl Grant {
    fn key(&self) -> Option<&Key> {
        match self {
            Grant::Everything => None,
            Grant::Key(key) | Grant::Tenant(key, _) => Some(key),
        }
    }

    /// Refuses an index that the bearer may not see, saying which it may.
    pub fn check_index(&self, index: &str) -> Result<()> {
        match self {
            Grant::Tenant(_, rules) if rules.rule_for(index).is_none() => Err(refused(format!(
                "The provided tenant token cannot acces the index `{index}`, allowed indexes are {:?}.",
                rules.patterns()
            ))),
            Grant::Tenant(key, _) if !key.covers(index) => Err(refused(format!(
                "The API key used to generate this tenant token cannot acces the index `{index}`."
            ))),
            Grant::Key(key) if !key.covers(index) => Err(refused(format!(
                "The API key cannot acces the index `{index}`, authorized indexes are {:?}.",
                key.indexes
            ))),
            _ => Ok(()),
        }
    }

    pub fn sees(&self, index: &str) -> bool {
        self.check_index(index).is_ok()
    }

    /// Whether the bearer sees every index, and so also what belongs to none.
    pub fn sees_all(&self) -> bool {
        match self {
            Grant::Everything => true,
            Grant::Key(key) => key.indexes.iter().any(|pattern| pattern == "*"),
            Grant::Tenant(..) => false,
        }
    }

    pub fn may_create(&self, index: &str) -> bool {
        self.key().is_none_or(|key| key.permits("indexes.create") && key.covers(index))
    }

    /// The filter that a tenant token adds to every search in `index`.
    pub fn tenant_filter(&self, index: &str) -> Option<Value> {
        match self {
            Grant::Tenant(_, rules) => rules.rule_for(index).flatten(),
            _ => None,
        }
    }
}

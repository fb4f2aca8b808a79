//! Routes about API keys.

use serde_json::{json, Map, Value};
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{Date, OffsetDateTime, PrimitiveDateTime};
use uuid::Uuid;

use super::indexes::page;
use super::{Answer, Call};
use crate::app::App;
use crate::decode::At;
use crate::error::{code, ApiError, Result};
use crate::keys::{self, Key, ACTIONS};
use crate::uid;

/// Routes about keys are open only when there is a master key.
fn master(app: &App) -> Result<&str> {
    app.master_key.as_deref().ok_or_else(|| ApiError::internal("no master key"))
}

pub fn list(app: &App, call: &mut Call) -> Result<Answer> {
    let (offset, limit) = page(&call.params, code::invalid_api_key_offset, code::invalid_api_key_limit)?;
    let all = keys::newest_first(&app.register)?;
    let master = master(app)?;
    let results: Vec<Value> = all.iter().skip(offset).take(limit).map(|key| key.view(master)).collect();
    Ok(Answer::ok(json!({"results": results, "offset": offset, "limit": limit, "total": all.len()})))
}

pub fn get(app: &App, call: &mut Call) -> Result<Answer> {
    let master = master(app)?;
    Ok(Answer::ok(keys::find(&app.register, master, &call.tail)?.view(master)))
}

pub fn delete(app: &App, call: &mut Call) -> Result<Answer> {
    let key = keys::find(&app.register, master(app)?, &call.tail)?;
    keys::remove(&app.register, key.uid)?;
    Ok(Answer::empty(204))
}

pub fn update(app: &App, call: &mut Call) -> Result<Answer> {
    const FIELDS: [&str; 2] = ["description", "name"];
    let body = call.json()?;
    let root = At::root(&body);
    let (mut name, mut description) = (None, None);
    for (field, value) in root.object(code::bad_request)? {
        let at = root.key(field, value);
        let immutable = |code| Err(root.immutable_field(code, field, &FIELDS));
        match field.as_str() {
            "name" => name = Some(at.nullable(|at| at.string(code::invalid_api_key_name))?),
            "description" => description = Some(at.nullable(|at| at.string(code::invalid_api_key_description))?),
            "uid" => return immutable(code::immutable_api_key_uid),
            "actions" => return immutable(code::immutable_api_key_actions),
            "indexes" => return immutable(code::immutable_api_key_indexes),
            "expiresAt" => return immutable(code::immutable_api_key_expires_at),
            "createdAt" => return immutable(code::immutable_api_key_created_at),
            "updatedAt" => return immutable(code::immutable_api_key_updated_at),
            _ => return Err(root.unknown_field(field, &FIELDS)),
        }
    }
    let master = master(app)?;
    let mut key = keys::find(&app.register, master, &call.tail)?;
    if let Some(name) = name {
        key.name = name;
    }
    if let Some(description) = description {
        key.description = description;
    }
    key.updated_at = OffsetDateTime::now_utc();
    keys::put(&app.register, &key)?;
    Ok(Answer::ok(key.view(master)))
}

pub fn create(app: &App, call: &mut Call) -> Result<Answer> {
    let body = call.json()?;
    let root = At::root(&body);
    let key = read(&root, root.object(code::bad_request)?)?;
    if keys::by_uid(&app.register, key.uid)?.is_some() {
        let message = format!("`uid` field value `{}` is already an existing API key.", key.uid);
        return Err(ApiError::new(code::api_key_already_exists, message));
    }
    keys::put(&app.register, &key)?;
    Ok(Answer::with(201, key.view(master(app)?)))
}

fn read(root: &At<'_>, members: &Map<String, Value>) -> Result<Key> {
    const FIELDS: [&str; 6] = ["description", "name", "uid", "actions", "indexes", "expiresAt"];
    let now = OffsetDateTime::now_utc();
    let (mut actions, mut indexes, mut expires_at) = (None, None, None);
    let (mut name, mut description, mut uid) = (None, None, None);
    for (field, value) in members {
        let at = root.key(field, value);
        match field.as_str() {
            "name" => name = at.nullable(|at| at.string(code::invalid_api_key_name))?,
            "description" => description = at.nullable(|at| at.string(code::invalid_api_key_description))?,
            "uid" => uid = at.nullable(key_uid)?,
            "actions" => {
                let code = code::invalid_api_key_actions;
                actions = Some(at.each(code, |at| at.word(code, &ACTIONS).map(str::to_owned))?);
            }
            "indexes" => indexes = Some(at.each(code::invalid_api_key_indexes, pattern)?),
            "expiresAt" => expires_at = Some(at.nullable(|at| expiry(at, now))?),
            _ => return Err(root.unknown_field(field, &FIELDS)),
        }
    }
    let actions: Vec<String> = actions.ok_or_else(|| root.missing_field(code::missing_api_key_actions, "actions"))?;
    let indexes: Vec<String> = indexes.ok_or_else(|| root.missing_field(code::missing_api_key_indexes, "indexes"))?;
    let expires_at = expires_at.ok_or_else(|| root.missing_field(code::missing_api_key_expires_at, "expiresAt"))?;
    if !indexes.iter().any(|pattern| pattern == "*") {
        if let Some(action) = actions.iter().find(|action| !indexes.is_empty() && keys::is_global(action)) {
            return Err(ApiError::new(
                code::index_scoped_api_key_with_global_action,
                format!(
                    "cannot create index-scoped API key with global action `\"{action}\"`\n  - Hint: remove action \
                     `\"{action}\"` from the action list, or remove `indexes` to make the key global"
                ),
            ));
        }
    }
    Ok(Key {
        uid: uid.unwrap_or_else(Uuid::new_v4),
        name,
        description,
        actions,
        indexes,
        expires_at,
        created_at: now,
        updated_at: now,
    })
}

fn key_uid(at: &At<'_>) -> Result<Uuid> {
    let code = code::invalid_api_key_uid;
    let text = at.string(code)?;
    Uuid::parse_str(&text).map_err(|err| at.invalid(code, err))
}

fn pattern(at: &At<'_>) -> Result<String> {
    let code = code::invalid_api_key_indexes;
    let text = at.string(code)?;
    match uid::pattern_complaint(&text) {
        Some(complaint) => Err(at.invalid(code, complaint)),
        None => Ok(text),
    }
}

/// A moment in the future: RFC 3339, a date with a time, or a date.
fn expiry(at: &At<'_>, now: OffsetDateTime) -> Result<OffsetDateTime> {
    let code = code::invalid_api_key_expires_at;
    let text = at.string(code)?;
    let spaced =
        format_description!("[year repr:full base:calendar]-[month repr:numerical]-[day] [hour]:[minute]:[second]");
    let joined =
        format_description!("[year repr:full base:calendar]-[month repr:numerical]-[day]T[hour]:[minute]:[second]");
    let date = format_description!("[year repr:full base:calendar]-[month repr:numerical]-[day]");
    let moment = OffsetDateTime::parse(&text, &Rfc3339)
        .or_else(|_| PrimitiveDateTime::parse(&text, spaced).map(PrimitiveDateTime::assume_utc))
        .or_else(|_| PrimitiveDateTime::parse(&text, joined).map(PrimitiveDateTime::assume_utc))
        .or_else(|_| Date::parse(&text, date).map(|date| date.midnight().assume_utc()));
    moment.ok().filter(|moment| *moment > now).ok_or_else(|| {
        at.invalid(
            code,
            format_args!(
                "`{text}` is not a valid date. It should follow the RFC 3339 format to represents a date or datetime \
                 in the future or specified as a null value. e.g. 'YYYY-MM-DD' or 'YYYY-MM-DD HH:MM:SS'.\n"
            ),
        )
    })
}

//! Routes about the node itself.

use std::collections::BTreeMap;

use serde_json::{json, Map, Value};
use time::OffsetDateTime;

use super::indexes::{index_stats, Sizes};
use super::{Answer, Call};
use crate::app::App;
use crate::decode::At;
use crate::error::{code, ApiError, Result};
use crate::queue::task::rfc3339;

pub fn root(_: &App, _: &mut Call) -> Result<Answer> {
    Ok(Answer::ok(json!({"status": "Meilisearch is running"})))
}

pub fn health(_: &App, _: &mut Call) -> Result<Answer> {
    Ok(Answer::ok(json!({"status": "available"})))
}

/// Answers the routes of Meilisearch that this node does not have.
pub fn absent(_: &App, _: &mut Call) -> Result<Answer> {
    Err(ApiError::new(code::not_implemented, "This engine does not have this route of Meilisearch."))
}

/// The version of the engine, which is what a client wants to know.
pub fn version(_: &App, _: &mut Call) -> Result<Answer> {
    Ok(Answer::ok(json!({"commitSha": "unknown", "commitDate": "unknown", "pkgVersion": env!("CARGO_PKG_VERSION")})))
}

pub fn stats(app: &App, call: &mut Call) -> Result<Answer> {
    let sizes = Sizes::of(&call.params)?;
    let (mut size, mut used) = app.register.sizes()?;
    let mut last: Option<OffsetDateTime> = None;
    let mut shown = BTreeMap::new();
    for (name, opened) in app.indexes.all() {
        size += opened.index.on_disk_size()?;
        used += opened.index.used_size()?;
        if !call.grant.sees(&name) {
            continue;
        }
        let txn = opened.index.read_txn()?;
        last = last.max(Some(opened.index.updated_at(&txn)?));
        shown.insert(name.clone(), index_stats(app, &name, &opened.index, &txn, sizes)?);
    }
    Ok(Answer::ok(json!({
        "databaseSize": sizes.show(size),
        "usedDatabaseSize": sizes.show(used),
        "lastUpdate": last.map(rfc3339),
        "indexes": shown,
    })))
}

/// The features a client may switch. None of them exists here but `containsFilter`; the others stay off.
const FEATURES: [&str; 15] = [
    "metrics", "logsRoute", "editDocumentsByFunction", "containsFilter", "dynamicSearchRules", "network",
    "getTaskDocumentsRoute", "taskQueueCompactionRoute", "compositeEmbedders", "chatCompletions", "multimodal",
    "foreignKeys", "disableDocumentsFetchQueue", "legacySearch", "renderRoute",
];

fn all_features(kept: &Map<String, Value>) -> Value {
    let switch = |name: &&str| kept.get(*name).cloned().unwrap_or(json!(false));
    Value::Object(FEATURES.iter().map(|name| ((*name).to_owned(), switch(name))).collect())
}

pub fn features(app: &App, _: &mut Call) -> Result<Answer> {
    Ok(Answer::ok(all_features(&app.register.features()?)))
}

pub fn change_features(app: &App, call: &mut Call) -> Result<Answer> {
    let body = call.json()?;
    let root = At::root(&body);
    let mut kept = app.register.features()?;
    for (name, value) in root.object(code::bad_request)? {
        if !FEATURES.contains(&name.as_str()) {
            return Err(root.unknown_field(name, &FEATURES));
        }
        if let Some(on) = root.key(name, value).nullable(|at| at.boolean(code::bad_request))? {
            if on && name != "containsFilter" {
                let message = format!("This engine does not have the experimental feature `{name}`.");
                return Err(ApiError::new(code::not_implemented, message));
            }
            kept.insert(name.clone(), json!(on));
        }
    }
    let mut txn = app.register.write()?;
    app.register.put_fact(&mut txn, "features", &Value::Object(kept.clone()))?;
    txn.commit()?;
    Ok(Answer::ok(all_features(&kept)))
}

//! Routes about indexes.

use std::collections::BTreeMap;

use heed::{RoTxn, WithoutTls};
use milli_core::Index;
use serde_json::{json, Value};

use super::{Answer, Call};
use crate::app::App;
use crate::decode::{At, Params};
use crate::error::{code, ApiError, Code, Result};
use crate::queue::task::{rfc3339, Swap, Work};
use crate::uid;

/// `offset` and `limit` of a list.
pub fn page(params: &Params, offset_code: Code, limit_code: Code) -> Result<(usize, usize)> {
    let (mut offset, mut limit) = (0, 20);
    for param in params.iter() {
        match param.name {
            "offset" => offset = param.unsigned(offset_code)?,
            "limit" => limit = param.unsigned(limit_code)?,
            _ => return Err(param.unknown(&["offset", "limit"])),
        }
    }
    Ok((offset, limit))
}

fn view(name: &str, index: &Index) -> Result<Value> {
    let txn = index.read_txn()?;
    Ok(json!({
        "uid": name,
        "createdAt": rfc3339(index.created_at(&txn)?),
        "updatedAt": rfc3339(index.updated_at(&txn)?),
        "primaryKey": index.primary_key(&txn)?,
    }))
}

pub fn list(app: &App, call: &mut Call) -> Result<Answer> {
    let (offset, limit) = page(&call.params, code::invalid_index_offset, code::invalid_index_limit)?;
    let visible: Vec<_> = app.indexes.all().into_iter().filter(|(name, _)| call.grant.sees(name)).collect();
    let shown = visible.iter().skip(offset).take(limit);
    let results: Vec<Value> = shown.map(|(name, opened)| view(name, &opened.index)).collect::<Result<_>>()?;
    Ok(Answer::ok(json!({"results": results, "offset": offset, "limit": limit, "total": visible.len()})))
}

pub fn get(app: &App, call: &mut Call) -> Result<Answer> {
    uid::check(&call.index)?;
    Ok(Answer::ok(view(&call.index, &app.indexes.require(&call.index)?.index)?))
}

pub fn create(app: &App, call: &mut Call) -> Result<Answer> {
    const FIELDS: [&str; 2] = ["uid", "primaryKey"];
    let body = call.json()?;
    let root = At::root(&body);
    let (mut name, mut primary_key) = (None, None);
    for (field, value) in root.object(code::bad_request)? {
        let at = root.key(field, value);
        match field.as_str() {
            "uid" => name = Some(index_uid(&at, code::invalid_index_uid)?),
            "primaryKey" => primary_key = at.nullable(|at| at.string(code::invalid_index_primary_key))?,
            _ => return Err(root.unknown_field(field, &FIELDS)),
        }
    }
    let name = name.ok_or_else(|| root.missing_field(code::missing_index_uid, "uid"))?;
    call.grant.check_index(&name)?;
    let task = app.book.enqueue(Work::CreateIndex { primary_key }, Some(&name), None)?;
    Ok(Answer::with(202, task.receipt()))
}

fn index_uid(at: &At<'_>, code: Code) -> Result<String> {
    let name = at.string(code)?;
    match uid::complaint(&name) {
        Some(complaint) => Err(at.invalid(code, complaint)),
        None => Ok(name),
    }
}

pub fn update(app: &App, call: &mut Call) -> Result<Answer> {
    const FIELDS: [&str; 2] = ["primaryKey", "uid"];
    let body = call.json()?;
    let root = At::root(&body);
    let (mut new_uid, mut primary_key) = (None, None);
    for (field, value) in root.object(code::bad_request)? {
        let at = root.key(field, value);
        match field.as_str() {
            "primaryKey" => primary_key = at.nullable(|at| at.string(code::invalid_index_primary_key))?,
            "uid" => new_uid = at.nullable(|at| index_uid(at, code::invalid_index_uid))?,
            "createdAt" => return Err(root.immutable_field(code::immutable_index_created_at, field, &FIELDS)),
            "updatedAt" => return Err(root.immutable_field(code::immutable_index_updated_at, field, &FIELDS)),
            _ => return Err(root.unknown_field(field, &FIELDS)),
        }
    }
    uid::check(&call.index)?;
    if let Some(new_uid) = &new_uid {
        call.grant.check_index(new_uid)?;
    }
    let work = Work::UpdateIndex { primary_key, new_uid };
    let task = app.book.enqueue(work, Some(&call.index), None)?;
    Ok(Answer::with(202, task.receipt()))
}

pub fn delete(app: &App, call: &mut Call) -> Result<Answer> {
    uid::check(&call.index)?;
    let task = app.book.enqueue(Work::DeleteIndex, Some(&call.index), None)?;
    Ok(Answer::with(202, task.receipt()))
}

/// How sizes are shown.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Sizes {
    Raw,
    Human,
}

impl Sizes {
    pub fn of(params: &Params) -> Result<Self> {
        const PARAMS: [&str; 2] = ["showInternalDatabaseSizes", "sizeFormat"];
        let mut sizes = Sizes::Raw;
        for param in params.iter() {
            match param.name {
                // The engine does not know the sizes of its tables: none is shown.
                "showInternalDatabaseSizes" => {
                    param.boolean(code::invalid_stats_show_internal_database_sizes)?;
                }
                "sizeFormat" => {
                    sizes = match param.value {
                        "raw" => Sizes::Raw,
                        "human" => Sizes::Human,
                        _ => return Err(param.unknown_value(code::invalid_stats_size_format, &["human", "raw"])),
                    }
                }
                _ => return Err(param.unknown(&PARAMS)),
            }
        }
        Ok(sizes)
    }

    pub fn show(self, bytes: u64) -> Value {
        match self {
            Sizes::Raw => json!(bytes),
            Sizes::Human => json!(human_size(bytes)),
        }
    }
}

/// Bytes in units of 1024, with at most two digits after the point.
fn human_size(bytes: u64) -> String {
    let (mut size, mut unit) = (bytes as f64, "B");
    for larger in ["KiB", "MiB", "GiB", "TiB"] {
        if size < 1024.0 {
            break;
        }
        (size, unit) = (size / 1024.0, larger);
    }
    let digits = format!("{size:.2}");
    format!("{} {unit}", digits.trim_end_matches('0').trim_end_matches('.'))
}

pub fn index_stats(app: &App, name: &str, index: &Index, txn: &RoTxn<'_, WithoutTls>, sizes: Sizes) -> Result<Value> {
    let stored = index.documents_stats(txn)?.unwrap_or_default();
    let vectors = index.arroy_stats(txn)?;
    Ok(json!({
        "numberOfDocuments": index.number_of_documents(txn)?,
        "rawDocumentDbSize": sizes.show(stored.total_size()),
        "avgDocumentSize": sizes.show(stored.average_value_size()),
        "isIndexing": app.book.is_indexing(name),
        "numberOfEmbeddings": vectors.number_of_embeddings,
        "numberOfEmbeddedDocuments": vectors.documents.len(),
        "fieldDistribution": index.field_distribution(txn)?,
    }))
}

pub fn stats(app: &App, call: &mut Call) -> Result<Answer> {
    let sizes = Sizes::of(&call.params)?;
    uid::check(&call.index)?;
    let index = app.indexes.require(&call.index)?.index;
    let txn = index.read_txn()?;
    Ok(Answer::ok(index_stats(app, &call.index, &index, &txn, sizes)?))
}

pub fn swap(app: &App, call: &mut Call) -> Result<Answer> {
    const FIELDS: [&str; 2] = ["indexes", "rename"];
    let body = call.json()?;
    let root = At::root(&body);
    let mut swaps = Vec::new();
    let mut named: BTreeMap<String, usize> = BTreeMap::new();
    for (i, value) in root.array(code::bad_request)?.iter().enumerate() {
        let at = root.index(i, value);
        let (mut names, mut rename) = (None, false);
        for (field, value) in at.object(code::bad_request)? {
            let at_value = at.key(field, value);
            match field.as_str() {
                "indexes" => {
                    let code = code::invalid_swap_indexes;
                    names = Some(at_value.each(code, |at| index_uid(at, code))?);
                }
                "rename" => rename = at_value.boolean(code::invalid_swap_rename)?,
                _ => return Err(at.unknown_field(field, &FIELDS)),
            }
        }
        let names = names.ok_or_else(|| at.missing_field(code::missing_swap_indexes, "indexes"))?;
        let indexes: [String; 2] = names.clone().try_into().map_err(|_| {
            ApiError::new(
                code::invalid_swap_indexes,
                format!(
                    "Two indexes must be given for each swap. The list `{names:?}` contains {} indexes.",
                    names.len()
                ),
            )
        })?;
        for name in &indexes {
            call.grant.check_index(name)?;
            *named.entry(name.clone()).or_default() += 1;
        }
        swaps.push(Swap { indexes, rename });
    }
    let repeated: Vec<String> =
        named.into_iter().filter(|(_, count)| *count > 1).map(|(name, _)| format!("`{name}`")).collect();
    if !repeated.is_empty() {
        let verb = if repeated.len() == 1 { "was" } else { "were" };
        return Err(ApiError::new(
            code::invalid_swap_duplicate_index_found,
            format!(
                "Indexes must be declared only once during a swap. {} {verb} specified several times.",
                repeated.join(", ")
            ),
        ));
    }
    let task = app.book.enqueue(Work::SwapIndexes { swaps }, None, None)?;
    Ok(Answer::with(202, task.receipt()))
}

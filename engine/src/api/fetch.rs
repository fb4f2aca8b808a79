//! Routes that read documents.

use std::borrow::Cow;

use heed::{RoTxn, WithoutTls};
use milli_core::{FieldsIdsMap, Index};
use roaring::RoaringBitmap;
use serde_json::{json, Map, Value};

use super::{Answer, Call};
use crate::app::App;
use crate::decode::{document_id, At, Param, Params};
use crate::error::{code, ApiError, Result};
use crate::filter;
use crate::pick;
use crate::search::hits;
use crate::search::query::{filter_param, not_enabled, sort_param, NETWORK};
use crate::search::sorted::{SortKey, Sorter};
use crate::uid;

const FIELDS: [&str; 8] = ["offset", "limit", "fields", "retrieveVectors", "ids", "filter", "sort", "useNetwork"];

struct Fetch {
    offset: usize,
    limit: usize,
    fields: Option<Vec<String>>,
    vectors: bool,
    ids: Option<Vec<String>>,
    filter: Option<Value>,
    sort: Option<Vec<String>>,
    /// Who asks will merge the documents with those of other nodes.
    merged: bool,
}

impl Fetch {
    fn new() -> Self {
        Fetch { offset: 0, limit: 20, fields: None, vectors: false, ids: None, filter: None, sort: None, merged: false }
    }

    fn from_params(params: &Params) -> Result<Self> {
        let mut fetch = Fetch::new();
        for param in params.iter() {
            match param.name {
                "offset" => fetch.offset = param.unsigned(code::invalid_document_offset)?,
                "limit" => fetch.limit = param.unsigned(code::invalid_document_limit)?,
                "fields" => fetch.fields = all_or(param.list()),
                "retrieveVectors" => fetch.vectors = param.boolean(code::invalid_document_retrieve_vectors)?,
                "ids" => fetch.ids = Some(ids(param.parts().map(|id| Cow::Owned(json!(id))))?),
                "filter" => fetch.filter = filter_param(param.value),
                "sort" => fetch.sort = Some(sort_param(param.value)),
                "useNetwork" => return Err(network_param(&param)),
                _ => return Err(param.unknown(&FIELDS)),
            }
        }
        Ok(fetch)
    }

    fn from_body(body: &Value) -> Result<Self> {
        let root = At::root(body);
        let mut fetch = Fetch::new();
        for (name, value) in root.object(code::bad_request)? {
            let at = root.key(name, value);
            match name.as_str() {
                "offset" => fetch.offset = at.unsigned(code::invalid_document_offset)?,
                "limit" => fetch.limit = at.unsigned(code::invalid_document_limit)?,
                "fields" => {
                    fetch.fields = at.nullable(|at| at.strings(code::invalid_document_fields))?.and_then(all_or)
                }
                "retrieveVectors" => fetch.vectors = at.boolean(code::invalid_document_retrieve_vectors)?,
                "ids" => {
                    let list = at.nullable(|at| at.array(code::invalid_document_ids))?;
                    fetch.ids = list.map(|list| ids(list.iter().map(Cow::Borrowed))).transpose()?;
                }
                "filter" => fetch.filter = Some(value.clone()).filter(|value| !value.is_null()),
                "sort" => fetch.sort = at.nullable(|at| at.strings(code::invalid_document_sort))?,
                "useNetwork" => network(&at)?,
                _ => return Err(root.unknown_field(name, &FIELDS)),
            }
        }
        Ok(fetch)
    }
}

/// A list with a star selects everything.
fn all_or(names: Vec<String>) -> Option<Vec<String>> {
    Some(names).filter(|names| !names.iter().any(|name| name == "*"))
}

fn ids<'a>(values: impl Iterator<Item = Cow<'a, Value>>) -> Result<Vec<String>> {
    let code = code::invalid_document_ids;
    let read = |(i, value): (usize, Cow<'_, Value>)| {
        document_id(&value, code).map_err(|err| err.prefixed(&format!("In `.ids[{i}]`: ")))
    };
    values.enumerate().map(read).collect()
}

/// Asking other nodes is a feature this node does not have.
fn network(at: &At<'_>) -> Result<()> {
    match at.nullable(|at| at.boolean(code::invalid_document_use_network))? {
        Some(true) => Err(not_enabled("passing `useNetwork` in a search query", NETWORK)),
        _ => Ok(()),
    }
}

/// As Meilisearch says it, which does not read the parameter at all.
fn network_param(param: &Param<'_>) -> ApiError {
    let value = param.value;
    ApiError::new(
        code::invalid_document_use_network,
        format!("Invalid value type for parameter `useNetwork`: expected a string, but found a string: `{value}`"),
    )
}

pub fn by_params(app: &App, call: &mut Call) -> Result<Answer> {
    let fetch = Fetch::from_params(&call.params)?;
    uid::check(&call.index)?;
    run(app, &call.index, &fetch)
}

pub fn by_body(app: &App, call: &mut Call) -> Result<Answer> {
    let body = call.json()?;
    let fetch = Fetch { merged: call.for_merge, ..Fetch::from_body(&body)? };
    uid::check(&call.index)?;
    run(app, &call.index, &fetch)
}

pub fn one(app: &App, call: &mut Call) -> Result<Answer> {
    const PARAMS: [&str; 3] = ["fields", "retrieveVectors", "useNetwork"];
    let (mut fields, mut vectors) = (None, false);
    for param in call.params.iter() {
        match param.name {
            "fields" => fields = all_or(param.list()),
            "retrieveVectors" => vectors = param.boolean(code::invalid_document_retrieve_vectors)?,
            "useNetwork" => return Err(network_param(&param)),
            _ => return Err(param.unknown(&PARAMS)),
        }
    }
    uid::check(&call.index)?;
    let index = app.indexes.require(&call.index)?.index;
    let txn = index.read_txn()?;
    let not_found = || ApiError::new(code::document_not_found, format!("Document `{}` not found.", call.tail));
    let id = index.external_documents_ids().get(&txn, &call.tail)?.ok_or_else(not_found)?;
    let known = index.fields_ids_map(&txn)?;
    Ok(Answer::ok(show(&index, &txn, &known, id, fields.as_deref(), vectors)?))
}

fn run(app: &App, name: &str, fetch: &Fetch) -> Result<Answer> {
    let index = app.indexes.require(name)?.index;
    let txn = index.read_txn()?;
    let fields = index.fields_ids_map(&txn)?;
    let mut candidates = match &fetch.ids {
        None => index.documents_ids(&txn)?,
        Some(wanted) => {
            let known = index.external_documents_ids();
            let mut found = RoaringBitmap::new();
            for id in wanted {
                found.extend(known.get(&txn, id)?);
            }
            found
        }
    };
    if let Some(filter) = &fetch.filter {
        let code = code::invalid_document_filter;
        if let Some(filter) = filter::read(filter, code, &app.register)? {
            candidates &= filter.evaluate(&txn, &index).map_err(|err| filter::error(err, code))?;
        }
    }
    let total = candidates.len();
    let sorter = match &fetch.sort {
        Some(rules) if !rules.is_empty() => Some(Sorter::new(&index, &txn, &fields, rules)?),
        _ => None,
    };
    let page: Vec<(u32, Vec<SortKey>)> = match &sorter {
        Some(sorter) => sorter.sort(candidates)?.into_iter().skip(fetch.offset).take(fetch.limit).collect(),
        None => candidates.into_iter().skip(fetch.offset).take(fetch.limit).map(|id| (id, Vec::new())).collect(),
    };
    let mut results = Vec::with_capacity(page.len());
    for (id, keys) in page {
        let mut document = show(&index, &txn, &fields, id, fetch.fields.as_deref(), fetch.vectors)?;
        if fetch.merged {
            let values = sorter.as_ref().map(|sorter| sorter.values(&keys)).unwrap_or_default();
            document["_federation"] = json!({"weightedScoreValues": values});
        }
        results.push(document);
    }
    Ok(Answer::ok(json!({"results": results, "offset": fetch.offset, "limit": fetch.limit, "total": total})))
}

/// A document with the wanted fields, whatever the index displays.
fn show(
    index: &Index,
    txn: &RoTxn<'_, WithoutTls>,
    known: &FieldsIdsMap,
    id: u32,
    fields: Option<&[String]>,
    vectors: bool,
) -> Result<Value> {
    let stored = index.document(txn, id)?;
    let mut document = milli_core::all_obkv_to_json(stored, known)?;
    let kept = document.remove("_vectors");
    if vectors {
        let kept = match kept {
            Some(Value::Object(kept)) => kept,
            _ => Map::new(),
        };
        document.insert("_vectors".into(), hits::vectors(index, txn, id, kept)?);
    }
    if let Some(fields) = fields {
        let names: Vec<&str> = fields.iter().map(String::as_str).collect();
        document = pick::select(document, &names);
    }
    Ok(Value::Object(document))
}

//! Routes that read documents.

use std::cmp::Ordering;

use heed::types::Bytes;
use heed::{RoTxn, WithoutTls};
use milli_core::{AscDesc, Error, FieldsIdsMap, Filter, Index, Member, UserError};
use roaring::RoaringBitmap;
use serde_json::{json, Map, Value};

use super::{Answer, Call};
use crate::app::App;
use crate::decode::{At, Params};
use crate::error::{code, ApiError, Result};
use crate::pick;
use crate::search::hits;
use crate::search::query::{filter_param, sort_param};
use crate::search::run::sort as parse_sort;
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
}

impl Fetch {
    fn new() -> Self {
        Fetch { offset: 0, limit: 20, fields: None, vectors: false, ids: None, filter: None, sort: None }
    }

    fn from_params(params: &Params) -> Result<Self> {
        let mut fetch = Fetch::new();
        for param in params.iter() {
            match param.name {
                "offset" => fetch.offset = param.unsigned(code::invalid_document_offset)?,
                "limit" => fetch.limit = param.unsigned(code::invalid_document_limit)?,
                "fields" => fetch.fields = all_or(param.list()),
                "retrieveVectors" => fetch.vectors = param.boolean(code::invalid_document_retrieve_vectors)?,
                "ids" => fetch.ids = Some(param.list()),
                "filter" => fetch.filter = filter_param(param.value),
                "sort" => fetch.sort = Some(sort_param(param.value)),
                "useNetwork" => {
                    param.boolean(code::invalid_document_use_network)?;
                }
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
                "ids" => fetch.ids = at.nullable(ids)?,
                "filter" => fetch.filter = Some(value.clone()).filter(|value| !value.is_null()),
                "sort" => fetch.sort = at.nullable(|at| at.strings(code::invalid_document_sort))?,
                "useNetwork" => {
                    at.nullable(|at| at.boolean(code::invalid_document_use_network))?;
                }
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

fn ids(at: &At<'_>) -> Result<Vec<String>> {
    let code = code::invalid_document_ids;
    let read = |(i, value): (usize, &Value)| match value {
        Value::String(id) => Ok(id.clone()),
        Value::Number(id) if !id.is_f64() => Ok(id.to_string()),
        other => {
            let err = UserError::InvalidDocumentId { document_id: other.clone() };
            Err(ApiError::new(code, format!("In `.ids[{i}]`: {err}")))
        }
    };
    at.array(code)?.iter().enumerate().map(read).collect()
}

pub fn by_params(app: &App, call: &mut Call) -> Result<Answer> {
    uid::check(&call.index)?;
    run(app, &call.index, &Fetch::from_params(&call.params)?)
}

pub fn by_body(app: &App, call: &mut Call) -> Result<Answer> {
    uid::check(&call.index)?;
    let body = call.json()?;
    run(app, &call.index, &Fetch::from_body(&body)?)
}

pub fn one(app: &App, call: &mut Call) -> Result<Answer> {
    const PARAMS: [&str; 3] = ["fields", "retrieveVectors", "useNetwork"];
    uid::check(&call.index)?;
    let (mut fields, mut vectors) = (None, false);
    for param in call.params.iter() {
        match param.name {
            "fields" => fields = all_or(param.list()),
            "retrieveVectors" => vectors = param.boolean(code::invalid_document_retrieve_vectors)?,
            "useNetwork" => {
                param.boolean(code::invalid_document_use_network)?;
            }
            _ => return Err(param.unknown(&PARAMS)),
        }
    }
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
        let filter_error = |err: Error| match err {
            err @ Error::UserError(_) => ApiError { code: code::invalid_document_filter, ..ApiError::from(err) },
            err => err.into(),
        };
        if let Some(filter) = Filter::from_json(filter).map_err(filter_error)? {
            candidates &= filter.evaluate(&txn, &index).map_err(filter_error)?;
        }
    }
    let total = candidates.len();
    let page: Vec<u32> = match &fetch.sort {
        Some(rules) if !rules.is_empty() => {
            let sorted = sorted(&index, &txn, &fields, candidates, rules)?;
            sorted.into_iter().skip(fetch.offset).take(fetch.limit).collect()
        }
        _ => candidates.into_iter().skip(fetch.offset).take(fetch.limit).collect(),
    };
    let results = page.into_iter().map(|id| show(&index, &txn, &fields, id, fetch.fields.as_deref(), fetch.vectors));
    Ok(Answer::ok(json!({
        "results": results.collect::<Result<Vec<Value>>>()?,
        "offset": fetch.offset,
        "limit": fetch.limit,
        "total": total,
    })))
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

/// What one sort rule compares: numbers before texts before nothing, whatever the direction.
#[derive(Debug, Clone, PartialEq, PartialOrd)]
enum SortKey {
    Number(f64),
    Text(String),
    Missing,
}

fn sorted(
    index: &Index,
    txn: &RoTxn<'_, WithoutTls>,
    fields: &FieldsIdsMap,
    candidates: RoaringBitmap,
    rules: &[String],
) -> Result<Vec<u32>> {
    let as_document_sort = |err: ApiError| ApiError { code: code::invalid_document_sort, ..err };
    let rules = parse_sort(rules).map_err(as_document_sort)?;
    let sortable = index.sortable_fields(txn)?;
    for rule in &rules {
        let name = match rule.member() {
            Member::Field(name) => name.as_str(),
            Member::Geo(_) => "_geo",
        };
        if !sortable.contains(name) {
            let err = UserError::InvalidSortableAttribute {
                field: name.to_owned(),
                valid_fields: sortable.into_iter().collect(),
                hidden_fields: false,
            };
            return Err(as_document_sort(Error::UserError(err).into()));
        }
    }
    let mut keyed = Vec::with_capacity(candidates.len() as usize);
    for id in candidates {
        let keys: Vec<SortKey> =
            rules.iter().map(|rule| sort_key(index, txn, fields, id, rule)).collect::<Result<_>>()?;
        keyed.push((keys, id));
    }
    keyed.sort_by(|(a, x), (b, y)| {
        let by_rule = rules.iter().zip(a.iter().zip(b)).map(|(rule, (a, b))| compare(rule, a, b));
        by_rule.fold(Ordering::Equal, Ordering::then).then(x.cmp(y))
    });
    Ok(keyed.into_iter().map(|(_, id)| id).collect())
}

fn compare(rule: &AscDesc, a: &SortKey, b: &SortKey) -> Ordering {
    let order = a.partial_cmp(b).unwrap_or(Ordering::Equal);
    let same_kind = std::mem::discriminant(a) == std::mem::discriminant(b);
    match rule {
        AscDesc::Desc(_) if same_kind => order.reverse(),
        _ => order,
    }
}

/// The value a document is sorted by: its smallest one ascending, its largest one descending.
fn sort_key(
    index: &Index,
    txn: &RoTxn<'_, WithoutTls>,
    fields: &FieldsIdsMap,
    id: u32,
    rule: &AscDesc,
) -> Result<SortKey> {
    let name = match rule.member() {
        Member::Field(name) => name,
        Member::Geo(origin) => return distance(index, txn, fields, id, origin),
    };
    let Some(field) = fields.id(name) else { return Ok(SortKey::Missing) };
    let mut prefix = field.to_be_bytes().to_vec();
    prefix.extend_from_slice(&id.to_be_bytes());
    let ascending = matches!(rule, AscDesc::Asc(_));
    let numbers = index.field_id_docid_facet_f64s.remap_key_type::<Bytes>();
    let number = match ascending {
        true => numbers.prefix_iter(txn, &prefix)?.next().transpose()?,
        false => numbers.rev_prefix_iter(txn, &prefix)?.next().transpose()?,
    };
    // The key ends with the number itself, after the form of it that sorts.
    if let Some(bytes) = number.and_then(|(key, ())| key.get(key.len().checked_sub(8)?..)) {
        return Ok(bytes.try_into().map_or(SortKey::Missing, |bytes| SortKey::Number(f64::from_be_bytes(bytes))));
    }
    let texts = index.field_id_docid_facet_strings.remap_key_type::<Bytes>();
    let text = match ascending {
        true => texts.prefix_iter(txn, &prefix)?.next().transpose()?,
        false => texts.rev_prefix_iter(txn, &prefix)?.next().transpose()?,
    };
    let text = text.map(|(key, _)| String::from_utf8_lossy(&key[prefix.len()..]).into_owned());
    Ok(text.map_or(SortKey::Missing, SortKey::Text))
}

fn distance(
    index: &Index,
    txn: &RoTxn<'_, WithoutTls>,
    fields: &FieldsIdsMap,
    id: u32,
    origin: &[f64; 2],
) -> Result<SortKey> {
    let Some(field) = fields.id("_geo") else { return Ok(SortKey::Missing) };
    let Some(bytes) = index.document(txn, id)?.get(field) else { return Ok(SortKey::Missing) };
    let geo: Value = serde_json::from_slice(bytes)?;
    let number = |value: &Value| value.as_f64().or_else(|| value.as_str().and_then(|text| text.parse().ok()));
    Ok(match (number(&geo["lat"]), number(&geo["lng"])) {
        (Some(lat), Some(lng)) => SortKey::Number(milli_core::distance_between_two_points(origin, &[lat, lng])),
        _ => SortKey::Missing,
    })
}

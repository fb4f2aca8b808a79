//! Documents in the order of sort rules, without a search; and the values that tell documents apart under `distinct`.

use std::cmp::Ordering;

use heed::types::Bytes;
use heed::{RoTxn, WithoutTls};
use milli_core::{AscDesc, Error, FieldsIdsMap, Index, Member, UserError};
use roaring::RoaringBitmap;
use serde_json::{json, Value};

use super::run::sort as parse_sort;
use crate::error::{code, ApiError, Result};

/// What one sort rule compares: numbers before texts before nothing, whatever the direction.
#[derive(Debug, Clone, PartialEq, PartialOrd)]
pub enum SortKey {
    Number(f64),
    Text(String),
    Missing,
}

impl SortKey {
    fn value(&self) -> Value {
        match self {
            SortKey::Number(number) if number.fract() == 0.0 && number.abs() < (1u64 << 53) as f64 => {
                json!(*number as i64)
            }
            SortKey::Number(number) => json!(number),
            SortKey::Text(text) => json!(text),
            SortKey::Missing => Value::Null,
        }
    }
}

/// Sort rules that the index allows.
pub struct Sorter<'a> {
    index: &'a Index,
    txn: &'a RoTxn<'a, WithoutTls>,
    fields: &'a FieldsIdsMap,
    rules: Vec<AscDesc>,
}

impl<'a> Sorter<'a> {
    pub fn new(
        index: &'a Index,
        txn: &'a RoTxn<'a, WithoutTls>,
        fields: &'a FieldsIdsMap,
        rules: &[String],
    ) -> Result<Self> {
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
        Ok(Sorter { index, txn, fields, rules })
    }

    /// The documents with what they were sorted by.
    pub fn sort(&self, candidates: RoaringBitmap) -> Result<Vec<(u32, Vec<SortKey>)>> {
        let mut keyed = Vec::with_capacity(candidates.len() as usize);
        for id in candidates {
            let keys: Vec<SortKey> = self.rules.iter().map(|rule| self.key(id, rule)).collect::<Result<_>>()?;
            keyed.push((id, keys));
        }
        keyed.sort_by(|(x, a), (y, b)| {
            let by_rule = self.rules.iter().zip(a.iter().zip(b)).map(|(rule, (a, b))| compare(rule, a, b));
            by_rule.fold(Ordering::Equal, Ordering::then).then(x.cmp(y))
        });
        Ok(keyed)
    }

    /// What a document was sorted by, as one Meilisearch tells another.
    pub fn values(&self, keys: &[SortKey]) -> Vec<Value> {
        let of = |(rule, key): (&AscDesc, &SortKey)| {
            let asc = matches!(rule, AscDesc::Asc(_));
            match rule.member() {
                Member::Field(_) => json!({"sort": {"asc": asc, "value": key.value()}}),
                Member::Geo(_) => json!({"geoSort": {"asc": asc, "distance": key.value()}}),
            }
        };
        self.rules.iter().zip(keys).map(of).collect()
    }

    /// The value a document is sorted by: its smallest one ascending, its largest one descending.
    fn key(&self, id: u32, rule: &AscDesc) -> Result<SortKey> {
        let name = match rule.member() {
            Member::Field(name) => name,
            Member::Geo(origin) => return self.distance(id, origin),
        };
        let Some(prefix) = prefix(self.fields, name, id) else { return Ok(SortKey::Missing) };
        let ascending = matches!(rule, AscDesc::Asc(_));
        let numbers = self.index.field_id_docid_facet_f64s.remap_key_type::<Bytes>();
        let number = match ascending {
            true => numbers.prefix_iter(self.txn, &prefix)?.next().transpose()?,
            false => numbers.rev_prefix_iter(self.txn, &prefix)?.next().transpose()?,
        };
        if let Some(number) = number.and_then(|(key, ())| number_of(key)) {
            return Ok(SortKey::Number(number));
        }
        let texts = self.index.field_id_docid_facet_strings.remap_key_type::<Bytes>();
        let text = match ascending {
            true => texts.prefix_iter(self.txn, &prefix)?.next().transpose()?,
            false => texts.rev_prefix_iter(self.txn, &prefix)?.next().transpose()?,
        };
        Ok(text.map_or(SortKey::Missing, |(key, _)| SortKey::Text(text_of(key, &prefix))))
    }

    fn distance(&self, id: u32, origin: &[f64; 2]) -> Result<SortKey> {
        let Some(field) = self.fields.id("_geo") else { return Ok(SortKey::Missing) };
        let Some(bytes) = self.index.document(self.txn, id)?.get(field) else { return Ok(SortKey::Missing) };
        let geo: Value = serde_json::from_slice(bytes)?;
        let number = |value: &Value| value.as_f64().or_else(|| value.as_str().and_then(|text| text.parse().ok()));
        Ok(match (number(&geo["lat"]), number(&geo["lng"])) {
            (Some(lat), Some(lng)) => SortKey::Number(milli_core::distance_between_two_points(origin, &[lat, lng])),
            _ => SortKey::Missing,
        })
    }
}

fn compare(rule: &AscDesc, a: &SortKey, b: &SortKey) -> Ordering {
    let order = a.partial_cmp(b).unwrap_or(Ordering::Equal);
    let same_kind = std::mem::discriminant(a) == std::mem::discriminant(b);
    match rule {
        AscDesc::Desc(_) if same_kind => order.reverse(),
        _ => order,
    }
}

/// Where the values of a document's field start in the engine's tables.
fn prefix(fields: &FieldsIdsMap, name: &str, id: u32) -> Option<Vec<u8>> {
    let mut prefix = fields.id(name)?.to_be_bytes().to_vec();
    prefix.extend_from_slice(&id.to_be_bytes());
    Some(prefix)
}

/// The key ends with the number itself, after the form of it that sorts.
fn number_of(key: &[u8]) -> Option<f64> {
    let bytes = key.get(key.len().checked_sub(8)?..)?;
    bytes.try_into().ok().map(f64::from_be_bytes)
}

fn text_of(key: &[u8], prefix: &[u8]) -> String {
    String::from_utf8_lossy(&key[prefix.len()..]).into_owned()
}

/// The values of a document in the field that makes documents distinct, numbers and normalised texts alike.
pub fn distinct_values(index: &Index, txn: &RoTxn<'_, WithoutTls>, field: &str, id: u32) -> Result<Vec<String>> {
    let fields = index.fields_ids_map(txn)?;
    let Some(prefix) = prefix(&fields, field, id) else { return Ok(Vec::new()) };
    let mut values = Vec::new();
    for entry in index.field_id_docid_facet_f64s.remap_key_type::<Bytes>().prefix_iter(txn, &prefix)? {
        values.extend(number_of(entry?.0).map(|number| format!("n{number}")));
    }
    for entry in index.field_id_docid_facet_strings.remap_key_type::<Bytes>().prefix_iter(txn, &prefix)? {
        values.push(format!("t{}", text_of(entry?.0, &prefix)));
    }
    Ok(values)
}

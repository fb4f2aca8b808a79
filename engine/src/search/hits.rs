//! Documents as hits: the fields to show, formatted parts, scores.

use std::collections::{BTreeMap, BTreeSet};

use heed::{RoTxn, WithoutTls};
use milli_core::score_details::ScoreDetails;
use milli_core::tokenizer::{Language, TokenizerBuilder};
use milli_core::{
    obkv_to_json, FieldId, FieldsIdsMap, FormatOptions, Index, LocalizedAttributesRule, MatcherBuilder, MatchingWords,
};
use serde_json::{json, Map, Value};

use super::format::Formatter;
use super::query::Query;
use super::run::Place;
use crate::error::Result;
use crate::pick::{self, Document};
use crate::settings::rules;

/// A document as the engine stores it.
type Stored = obkv::KvReaderU16;

const VECTORS: &str = "_vectors";

/// What a query says about the shape of its hits.
#[derive(Default)]
pub struct ShapeOptions<'a> {
    pub retrieve: Option<&'a [String]>,
    pub crop: &'a [String],
    pub crop_length: usize,
    pub crop_marker: &'a str,
    pub highlight: &'a [String],
    pub pre_tag: &'a str,
    pub post_tag: &'a str,
    pub positions: bool,
    pub sort: &'a [String],
    pub score: bool,
    pub score_details: bool,
    pub vectors: bool,
    pub locales: Option<&'a [Language]>,
}

impl<'a> ShapeOptions<'a> {
    pub fn of(query: &'a Query) -> Self {
        ShapeOptions {
            retrieve: query.attributes_to_retrieve.as_deref(),
            crop: query.attributes_to_crop.as_deref().unwrap_or_default(),
            crop_length: query.crop_length,
            crop_marker: &query.crop_marker,
            highlight: query.attributes_to_highlight.as_deref().unwrap_or_default(),
            pre_tag: &query.highlight_pre_tag,
            post_tag: &query.highlight_post_tag,
            positions: query.show_matches_position,
            sort: query.sort.as_deref().unwrap_or_default(),
            score: query.show_ranking_score,
            score_details: query.show_ranking_score_details,
            vectors: query.retrieve_vectors,
            locales: query.locales.as_deref(),
        }
    }
}

/// How the hits of one answer are made.
pub struct Shape<'a> {
    index: &'a Index,
    txn: &'a RoTxn<'a, WithoutTls>,
    options: ShapeOptions<'a>,
    fields: FieldsIdsMap,
    displayed: BTreeSet<FieldId>,
    retrieved: BTreeSet<FieldId>,
    formatted: BTreeMap<FieldId, FormatOptions>,
    localized: Vec<LocalizedAttributesRule>,
    show_vectors: bool,
    geo_origin: Option<[f64; 2]>,
    split_rules: bool,
}

impl<'a> Shape<'a> {
    pub fn new(place: &Place<'a>, options: ShapeOptions<'a>) -> Result<Self> {
        let Place { index, txn, split_rules, .. } = *place;
        let fields = index.fields_ids_map(txn)?;
        let explicit: Option<BTreeSet<FieldId>> = index.displayed_fields_ids(txn)?.map(|ids| ids.into_iter().collect());
        let vectors_field = fields.id(VECTORS);
        // An explicit list that names an existing `_vectors` field hides it: so does the original.
        let vectors_hidden = match (&explicit, vectors_field) {
            (None, _) => false,
            (Some(ids), Some(field)) => ids.contains(&field),
            (Some(_), None) => index.displayed_fields(txn)?.is_some_and(|names| !names.contains(&VECTORS)),
        };
        let displayed = explicit.unwrap_or_else(|| fields.ids().collect());
        let retrieved = match options.retrieve {
            None => displayed.clone(),
            Some(names) if names.iter().any(|name| name == "*") => displayed.clone(),
            Some(names) => {
                names.iter().filter_map(|name| fields.id(name)).filter(|id| displayed.contains(id)).collect()
            }
        };
        let formatted = formatted_fields(&options, &fields, &displayed, &retrieved);
        Ok(Shape {
            localized: index.localized_attributes_rules(txn)?.unwrap_or_default(),
            show_vectors: options.vectors && !vectors_hidden,
            geo_origin: options.sort.iter().find_map(|rule| geo_origin(rule)),
            index,
            txn,
            split_rules,
            options,
            fields,
            displayed,
            retrieved,
            formatted,
        })
    }

    pub fn hits(&self, words: MatchingWords, ids: &[u32], scores: &[Vec<ScoreDetails>]) -> Result<Vec<Value>> {
        let dictionary = self.index.dictionary(self.txn)?;
        let dictionary: Option<Vec<&str>> = dictionary.as_ref().map(|words| words.iter().map(String::as_str).collect());
        let separators = self.index.allowed_separators(self.txn)?;
        let separators: Option<Vec<&str>> = separators.as_ref().map(|words| words.iter().map(String::as_str).collect());
        let mut tokenizer = TokenizerBuilder::default();
        tokenizer.create_char_map(true);
        if let Some(separators) = &separators {
            tokenizer.separators(separators);
        }
        if let Some(dictionary) = &dictionary {
            tokenizer.words_dict(dictionary);
        }
        let mut matcher = MatcherBuilder::new(words, tokenizer.into_tokenizer());
        matcher.crop_marker(self.options.crop_marker.to_owned());
        matcher.highlight_prefix(self.options.pre_tag.to_owned());
        matcher.highlight_suffix(self.options.post_tag.to_owned());
        ids.iter().zip(scores).map(|(id, scores)| self.hit(*id, scores, &matcher).map(Value::Object)).collect()
    }

    fn hit(&self, id: u32, scores: &[ScoreDetails], matcher: &MatcherBuilder<'_>) -> Result<Document> {
        let vectors_field = self.fields.id(VECTORS);
        let shown: Vec<FieldId> = self
            .retrieved
            .iter()
            .copied()
            .filter(|field| Some(*field) != vectors_field)
            .chain(vectors_field.filter(|_| self.show_vectors))
            .collect();
        let mut hit = self.document(id, &shown)?;
        if self.show_vectors {
            let stored = match hit.remove(VECTORS) {
                Some(Value::Object(stored)) => stored,
                _ => Map::new(),
            };
            hit.insert(VECTORS.into(), vectors(self.index, self.txn, id, stored)?);
        }
        let (formatted, positions) = self.format(id, matcher)?;
        if let Some(origin) = self.geo_origin {
            insert_distance(origin, &mut hit);
        }
        if let Some(formatted) = formatted {
            hit.insert("_formatted".into(), Value::Object(formatted));
        }
        if let Some(positions) = positions {
            hit.insert("_matchesPosition".into(), positions);
        }
        if self.options.score {
            hit.insert("_rankingScore".into(), json!(ScoreDetails::global_score(scores.iter())));
        }
        if self.options.score_details {
            hit.insert("_rankingScoreDetails".into(), Value::Object(rules::details(scores, self.split_rules)));
        }
        Ok(hit)
    }

    fn document(&self, id: u32, fields: &[FieldId]) -> Result<Document> {
        let stored = self.index.document(self.txn, id)?;
        document(stored, &self.fields, fields)
    }

    fn format(&self, id: u32, matcher: &MatcherBuilder<'_>) -> Result<(Option<Document>, Option<Value>)> {
        if !self.options.positions && self.formatted.is_empty() {
            return Ok((None, None));
        }
        let fields: Vec<FieldId> = match self.options.positions {
            true => self.displayed.iter().copied().collect(),
            false => self.formatted.keys().copied().collect(),
        };
        let document = self.document(id, &fields)?;
        let name = |id: &FieldId| self.fields.name(*id).unwrap_or_default();
        let displayed: Vec<&str> = self.displayed.iter().map(name).collect();
        let formatter = Formatter {
            matcher,
            options: self.formatted.iter().map(|(id, o)| (name(id), *o)).collect(),
            positions: self.options.positions,
            locales: self.options.locales,
            localized: &self.localized,
        };
        let (formatted, positions) = formatter.run(document, &displayed);
        let names: Vec<&str> = self.formatted.keys().map(name).collect();
        let formatted = pick::select(formatted, &names);
        let positions = self.options.positions.then(|| json!(positions));
        Ok((Some(formatted).filter(|_| !self.formatted.is_empty()).filter(|f| !f.is_empty()), positions))
    }
}

/// A stored document's named fields, dotted names included.
pub fn document(stored: &Stored, fields: &FieldsIdsMap, wanted: &[FieldId]) -> Result<Document> {
    let present: Vec<FieldId> = stored.iter().map(|(field, _)| field).collect();
    let whole = obkv_to_json(&present, fields, stored)?;
    let names: Vec<&str> = wanted.iter().filter_map(|field| fields.name(*field)).collect();
    Ok(pick::select(whole, &names))
}

/// `_vectors` of a document: what the embedders hold, over what was stored.
pub fn vectors(index: &Index, txn: &RoTxn<'_, WithoutTls>, id: u32, mut stored: Map<String, Value>) -> Result<Value> {
    let configs = index.embedding_configs(txn)?;
    for (name, embeddings) in index.embeddings(txn, id)? {
        let provided = configs.iter().any(|config| config.name == name && config.user_provided.contains(id));
        stored.insert(name, json!({"embeddings": embeddings, "regenerate": !provided}));
    }
    Ok(Value::Object(stored))
}

fn formatted_fields(
    options: &ShapeOptions<'_>,
    fields: &FieldsIdsMap,
    displayed: &BTreeSet<FieldId>,
    retrieved: &BTreeSet<FieldId>,
) -> BTreeMap<FieldId, FormatOptions> {
    let mut formatted: BTreeMap<FieldId, FormatOptions> = BTreeMap::new();
    let named = |name: &str| -> Vec<FieldId> {
        match name {
            "*" => displayed.iter().copied().collect(),
            name => fields.id(name).filter(|id| displayed.contains(id)).into_iter().collect(),
        }
    };
    for name in options.highlight {
        for field in named(name) {
            formatted.entry(field).or_default().highlight = true;
        }
    }
    for name in options.crop {
        // `name:length` sets a length of its own.
        let (name, length) = match name.rsplit_once(':') {
            Some((name, length)) => (name, length.parse().unwrap_or(options.crop_length)),
            None => (name.as_str(), options.crop_length),
        };
        for field in named(name) {
            formatted.entry(field).or_default().crop = Some(length);
        }
    }
    if !formatted.is_empty() {
        for field in retrieved {
            formatted.entry(*field).or_default();
        }
    }
    formatted
}

/// The point of a `_geoPoint(lat, lng)` sort rule.
fn geo_origin(rule: &str) -> Option<[f64; 2]> {
    let (_, rest) = rule.split_once("_geoPoint(")?;
    let (lat, lng) = rest.split_once(')')?.0.split_once(',')?;
    Some([lat.trim().parse().ok()?, lng.trim().parse().ok()?])
}

fn insert_distance(origin: [f64; 2], hit: &mut Document) {
    let coordinate = |value: &Value| match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    };
    let point = hit.get("_geo").and_then(|geo| Some([coordinate(geo.get("lat")?)?, coordinate(geo.get("lng")?)?]));
    if let Some(point) = point {
        let distance = milli_core::distance_between_two_points(&origin, &point);
        hit.insert("_geoDistance".into(), json!(distance.round() as u64));
    }
}

//! Facet counts, and the search for facet values.

use std::time::Instant;

use heed::{RoTxn, WithoutTls};
use milli_core::{
    AttributePatterns, FilterableAttributesRule, Index, OrderBy, PatternMatch, SearchForFacetValues,
    DEFAULT_VALUES_PER_FACET,
};
use roaring::RoaringBitmap;
use serde_json::{json, Map, Value};

use super::kind::Kind;
use super::query::{self, Query};
use super::run::Place;
use crate::decode::At;
use crate::error::{code, ApiError, Result};
use crate::filter;

pub struct Facets {
    pub distribution: Value,
    pub stats: Value,
}

/// Counts the values of every facet that a wanted pattern names.
pub fn distribution(
    index: &Index,
    txn: &RoTxn<'_, WithoutTls>,
    wanted: &[String],
    candidates: RoaringBitmap,
) -> Result<Facets> {
    let rules = index.filterable_attributes_rules(txn)?;
    for pattern in wanted {
        check_pattern(pattern, &rules)?;
    }
    let orders = index.sort_facet_values_by(txn)?;
    let patterns = AttributePatterns::from(wanted.to_vec());
    let fields = index.fields_ids_map(txn)?;
    let names: Vec<(&str, OrderBy)> = fields
        .names()
        .filter(|name| patterns.match_str(name) == PatternMatch::Match && is_filterable(name, &rules))
        .map(|name| (name, orders.get(name)))
        .collect();
    let mut facets = index.facets_distribution(txn);
    facets.facets(names.iter().copied());
    facets.max_values_per_facet(index.max_values_per_facet(txn)?.map_or(DEFAULT_VALUES_PER_FACET, |max| max as usize));
    facets.candidates(candidates).default_order_by(orders.get("*"));
    let shown = |name: &String| names.iter().any(|(known, _)| known == name);
    let distribution: Map<String, Value> = facets
        .execute()?
        .into_iter()
        .filter(|(name, _)| shown(name))
        .map(|(name, counts)| (name, json!(counts)))
        .collect();
    let stats: Map<String, Value> = facets
        .compute_stats()?
        .into_iter()
        .filter(|(name, _)| shown(name))
        .map(|(name, (min, max))| (name, json!({"min": min, "max": max})))
        .collect();
    Ok(Facets { distribution: Value::Object(distribution), stats: Value::Object(stats) })
}

fn is_filterable(name: &str, rules: &[FilterableAttributesRule]) -> bool {
    let matching = rules.iter().find(|rule| rule.match_str(name) == PatternMatch::Match);
    matching.is_some_and(|rule| rule.features().is_filterable())
}

/// The names and patterns of a rule.
fn words(rule: &FilterableAttributesRule) -> &[String] {
    match rule {
        FilterableAttributesRule::Field(name) => std::slice::from_ref(name),
        FilterableAttributesRule::Pattern(patterns) => &patterns.attribute_patterns.patterns,
    }
}

fn check_pattern(pattern: &str, rules: &[FilterableAttributesRule]) -> Result<()> {
    let as_pattern = AttributePatterns::from(vec![pattern.to_owned()]);
    for (number, rule) in rules.iter().enumerate() {
        let covered = rule.match_str(pattern) == PatternMatch::Match;
        if rule.features().is_filterable() {
            let covers = words(rule).iter().any(|word| as_pattern.match_str(word) == PatternMatch::Match);
            if covered || covers {
                return Ok(());
            }
        } else if covered {
            return Err(ApiError::new(
                code::invalid_search_facets,
                format!(
                    "Invalid facet distribution: Pattern `{pattern}` matched rule #{number} in filterableAttributes, but \
                     this rule does not enable filtering.\nHint: enable filtering in rule #{number} by modifying the \
                     features.filter object\nHint: prepend another rule matching `{pattern}` with appropriate filter \
                     features before rule #{number}"
                ),
            ));
        }
    }
    let filterable = rules.iter().filter(|rule| rule.features().is_filterable());
    let known: std::collections::BTreeSet<&str> = filterable.flat_map(words).map(String::as_str).collect();
    let rest = match known.is_empty() {
        true => "This index does not have configured filterable attributes.".to_owned(),
        false => {
            let known: Vec<&str> = known.into_iter().collect();
            format!("Available filterable attributes patterns are: `{}`.", known.join(", "))
        }
    };
    Err(ApiError::new(
        code::invalid_search_facets,
        format!("Invalid facet distribution: Pattern `{pattern}` is not filterable. {rest}"),
    ))
}

/// A search for the values of one facet.
pub struct FacetQuery {
    name: String,
    text: Option<String>,
    search: Query,
}

impl FacetQuery {
    /// Members that a facet search does not have are ignored.
    pub fn from_body(body: &Value) -> Result<Self> {
        let root = At::root(body);
        let (mut name, mut text, mut exhaustive) = (None, None, None);
        let mut search = Query::default();
        for (field, value) in root.object(code::bad_request)? {
            let at = root.key(field, value);
            match field.as_str() {
                "facetName" => name = Some(at.string(code::invalid_facet_search_facet_name)?),
                "facetQuery" => text = at.nullable(|at| at.string(code::invalid_facet_search_query))?,
                "exhaustiveFacetCount" => {
                    exhaustive = at.nullable(|at| at.boolean(code::invalid_facet_search_exhaustive_facet_count))?
                }
                "q"
                | "vector"
                | "hybrid"
                | "filter"
                | "matchingStrategy"
                | "attributesToSearchOn"
                | "rankingScoreThreshold"
                | "locales"
                | "media"
                | "useNetwork" => {
                    search.read(field, &at)?;
                }
                _ => {}
            }
        }
        let name = name.ok_or_else(|| root.missing_field(code::missing_facet_search_facet_name, "facetName"))?;
        if exhaustive == Some(true) {
            search.page = Some(0);
        }
        Ok(FacetQuery { name, text, search })
    }
}

pub fn search_values(place: &Place<'_>, facet: &FacetQuery) -> Result<Value> {
    let started = Instant::now();
    let Place { index, txn, .. } = place;
    if !index.facet_search(txn)? {
        return Err(ApiError::new(code::facet_search_disabled, "The facet search is disabled for this index"));
    }
    let kind = Kind::of(&facet.search, index, txn, place.embedders)?;
    let prepared = place.prepare(&facet.search, &kind, 0, query::DEFAULT_LIMIT)?;
    let mut search = SearchForFacetValues::new(facet.name.clone(), prepared.search, matches!(kind, Kind::Hybrid(..)));
    if let Some(text) = &facet.text {
        search.query(text);
    }
    if let Some(max) = index.max_values_per_facet(txn)? {
        search.max_values(max as usize);
    }
    let rules = index.localized_attributes_rules(txn)?.unwrap_or_default();
    if let Some(rule) = rules.into_iter().find(|rule| rule.match_str(&facet.name) == PatternMatch::Match) {
        let asked = facet.search.locales.as_ref();
        let locales = rule.locales.into_iter().filter(|locale| asked.is_none_or(|asked| asked.contains(locale)));
        search.locales(locales.collect());
    }
    let hits = search.execute()?;
    if hits.is_empty() {
        // Without values the engine may not have looked at the filter, which may be wrong all the same.
        let code = code::invalid_search_filter;
        if let Some(filter) = place.filter(facet.search.filter.as_ref(), code)? {
            filter.evaluate(txn, index).map_err(|err| filter::error(err, code))?;
        }
    }
    let hits: Vec<Value> = hits.into_iter().map(|hit| json!({"value": hit.value, "count": hit.count})).collect();
    Ok(json!({
        "facetHits": hits,
        "facetQuery": facet.text,
        "processingTimeMs": started.elapsed().as_millis() as u64,
    }))
}

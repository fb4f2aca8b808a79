//! The settings of an index as clients see them: every one, with its default filled in, sets sorted, secrets hidden.

use std::collections::{BTreeMap, BTreeSet};

use heed::{RoTxn, WithoutTls};
use milli_core::update::Setting as EngineSetting;
use milli_core::vector::settings::EmbeddingSettings;
use milli_core::{Index, OrderBy, DEFAULT_VALUES_PER_FACET};
use serde_json::{json, Map, Value};

use super::mask_secrets;
use crate::error::{ApiError, Result};

/// `rules` are the ranking rules as the client named them.
pub fn view(index: &Index, txn: &RoTxn<'_, WithoutTls>, rules: &[String]) -> Result<Map<String, Value>> {
    let stop_words = index.stop_words(txn)?.map(|set| set.stream().into_strs()).transpose();
    let stop_words = stop_words.map_err(ApiError::internal)?.unwrap_or_default();
    let mut sortable: Vec<String> = index.sortable_fields(txn)?.into_iter().collect();
    sortable.sort_unstable();
    let star = || vec!["*"];
    let settings = json!({
        "displayedAttributes": index.displayed_fields(txn)?.unwrap_or_else(star),
        "searchableAttributes": index.user_defined_searchable_fields(txn)?.unwrap_or_else(star),
        "filterableAttributes": index.filterable_attributes_rules(txn)?,
        "sortableAttributes": sortable,
        "rankingRules": rules,
        "stopWords": stop_words,
        "nonSeparatorTokens": index.non_separator_tokens(txn)?.unwrap_or_default(),
        "separatorTokens": index.separator_tokens(txn)?.unwrap_or_default(),
        "dictionary": index.dictionary(txn)?.unwrap_or_default(),
        "synonyms": index.user_defined_synonyms(txn)?,
        "distinctAttribute": index.distinct_field(txn)?,
        "proximityPrecision": index.proximity_precision(txn)?.unwrap_or_default(),
        "typoTolerance": typo_tolerance(index, txn)?,
        "faceting": faceting(index, txn)?,
        "pagination": {"maxTotalHits": index.pagination_max_total_hits(txn)?.unwrap_or(1000)},
        "embedders": embedders(index, txn)?,
        "searchCutoffMs": index.search_cutoff(txn)?,
        "localizedAttributes": localized(index, txn)?,
        "facetSearch": index.facet_search(txn)?,
        "prefixSearch": index.prefix_search(txn)?.unwrap_or_default(),
    });
    match settings {
        Value::Object(settings) => Ok(settings),
        _ => Err(ApiError::internal("settings are an object")),
    }
}

fn typo_tolerance(index: &Index, txn: &RoTxn<'_, WithoutTls>) -> Result<Value> {
    let words = index.exact_words(txn)?.map(|set| set.stream().into_strs()).transpose();
    let words = words.map_err(ApiError::internal)?.unwrap_or_default();
    let attributes: BTreeSet<&str> = index.exact_attributes(txn)?.into_iter().collect();
    Ok(json!({
        "enabled": index.authorize_typos(txn)?,
        "minWordSizeForTypos": {
            "oneTypo": index.min_word_len_one_typo(txn)?,
            "twoTypos": index.min_word_len_two_typos(txn)?,
        },
        "disableOnWords": words,
        "disableOnAttributes": attributes,
        "disableOnNumbers": index.disabled_typos_terms(txn)?.disable_on_numbers,
    }))
}

fn faceting(index: &Index, txn: &RoTxn<'_, WithoutTls>) -> Result<Value> {
    let orders: BTreeMap<String, &str> = index
        .sort_facet_values_by(txn)?
        .into_iter()
        .map(|(facet, order)| (facet, if matches!(order, OrderBy::Count) { "count" } else { "alpha" }))
        .collect();
    let max = index.max_values_per_facet(txn)?.unwrap_or(DEFAULT_VALUES_PER_FACET as u64);
    Ok(json!({"maxValuesPerFacet": max, "sortFacetValuesBy": orders}))
}

fn embedders(index: &Index, txn: &RoTxn<'_, WithoutTls>) -> Result<Value> {
    let mut shown = Map::new();
    for config in index.embedding_configs(txn)? {
        let settings: EmbeddingSettings = config.config.into();
        shown.insert(config.name, serde_json::to_value(EngineSetting::Set(settings))?);
    }
    let mut shown = Value::Object(shown);
    mask_secrets(&mut shown);
    Ok(shown)
}

fn localized(index: &Index, txn: &RoTxn<'_, WithoutTls>) -> Result<Value> {
    let Some(rules) = index.localized_attributes_rules(txn)? else { return Ok(Value::Null) };
    let shown: Vec<Value> = rules
        .iter()
        .map(|rule| {
            let locales: Vec<&str> = rule.locales.iter().map(|language| language.code()).collect();
            json!({"attributePatterns": rule.attribute_patterns.patterns, "locales": locales})
        })
        .collect();
    Ok(Value::Array(shown))
}

//! Handing a checked change to the engine.

use std::str::FromStr;

use milli_core::index::PrefixSearch;
use milli_core::order_by_map::OrderByMap;
use milli_core::proximity::ProximityPrecision;
use milli_core::update::{Setting as EngineSetting, Settings};
use milli_core::vector::settings::EmbeddingSettings;
use milli_core::{Criterion, LocalizedAttributesRule, OrderBy};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::{language, rules};
use crate::error::{code, ApiError, Result};

fn read<T: DeserializeOwned>(value: &Value) -> Result<T> {
    Ok(T::deserialize(value)?)
}

/// Tells the engine's builder everything that `change` sets or resets.
pub fn apply(change: &Map<String, Value>, to: &mut Settings<'_, '_, '_>) -> Result<()> {
    for (field, value) in change {
        if value.is_null() {
            reset(field, to);
        } else {
            set(field, value, to)?;
        }
    }
    Ok(())
}

fn reset(field: &str, to: &mut Settings<'_, '_, '_>) {
    match field {
        "displayedAttributes" => to.reset_displayed_fields(),
        "searchableAttributes" => to.reset_searchable_fields(),
        "filterableAttributes" => to.reset_filterable_fields(),
        "sortableAttributes" => to.reset_sortable_fields(),
        "rankingRules" => to.reset_criteria(),
        "stopWords" => to.reset_stop_words(),
        "nonSeparatorTokens" => to.reset_non_separator_tokens(),
        "separatorTokens" => to.reset_separator_tokens(),
        "dictionary" => to.reset_dictionary(),
        "synonyms" => to.reset_synonyms(),
        "distinctAttribute" => to.reset_distinct_field(),
        "proximityPrecision" => to.reset_proximity_precision(),
        "prefixSearch" => to.reset_prefix_search(),
        "facetSearch" => to.reset_facet_search(),
        "searchCutoffMs" => to.reset_search_cutoff(),
        "localizedAttributes" => to.reset_localized_attributes_rules(),
        "embedders" => to.reset_embedder_settings(),
        "pagination" => to.reset_pagination_max_total_hits(),
        "faceting" => {
            to.reset_max_values_per_facet();
            to.reset_sort_facet_values_by();
        }
        "typoTolerance" => {
            to.reset_authorize_typos();
            to.reset_min_word_len_one_typo();
            to.reset_min_word_len_two_typos();
            to.reset_exact_words();
            to.reset_exact_attributes();
            to.reset_disable_on_numbers();
        }
        // Settings of features this node does not have are never set.
        _ => {}
    }
}

fn set(field: &str, value: &Value, to: &mut Settings<'_, '_, '_>) -> Result<()> {
    match field {
        "displayedAttributes" => to.set_displayed_fields(read(value)?),
        "searchableAttributes" => to.set_searchable_fields(read(value)?),
        "filterableAttributes" => to.set_filterable_fields(read(value)?),
        "sortableAttributes" => to.set_sortable_fields(read(value)?),
        "rankingRules" => {
            let names: Vec<String> = read(value)?;
            let parse = |name: &str| {
                Criterion::from_str(name)
                    .map_err(|err| ApiError::new(code::invalid_settings_ranking_rules, err.to_string()))
            };
            to.set_criteria(rules::to_engine(&names).into_iter().map(parse).collect::<Result<_>>()?);
        }
        "stopWords" => to.set_stop_words(read(value)?),
        "nonSeparatorTokens" => to.set_non_separator_tokens(read(value)?),
        "separatorTokens" => to.set_separator_tokens(read(value)?),
        "dictionary" => to.set_dictionary(read(value)?),
        "synonyms" => to.set_synonyms(read(value)?),
        "distinctAttribute" => to.set_distinct_field(read(value)?),
        "proximityPrecision" => to.set_proximity_precision(read::<ProximityPrecision>(value)?),
        "prefixSearch" => to.set_prefix_search(read::<PrefixSearch>(value)?),
        "facetSearch" => to.set_facet_search(read(value)?),
        "searchCutoffMs" => to.set_search_cutoff(read(value)?),
        "localizedAttributes" => to.set_localized_attributes_rules(localized(value)?),
        "embedders" => {
            let embedders: std::collections::BTreeMap<String, Option<EmbeddingSettings>> = read(value)?;
            let as_setting = |embedder: Option<_>| embedder.map_or(EngineSetting::Reset, EngineSetting::Set);
            to.set_embedder_settings(embedders.into_iter().map(|(name, e)| (name, as_setting(e))).collect());
        }
        "pagination" => match &value["maxTotalHits"] {
            Value::Null => to.reset_pagination_max_total_hits(),
            hits => to.set_pagination_max_total_hits(read(hits)?),
        },
        "faceting" => faceting(value, to)?,
        "typoTolerance" => typo_tolerance(value, to)?,
        _ => {}
    }
    Ok(())
}

fn localized(value: &Value) -> Result<Vec<LocalizedAttributesRule>> {
    let mut rules = Vec::new();
    for rule in value.as_array().into_iter().flatten() {
        let words: Vec<String> = read(&rule["locales"])?;
        let languages = words.iter().filter_map(|word| language(word)).collect();
        rules.push(LocalizedAttributesRule::new(read(&rule["attributePatterns"])?, languages));
    }
    Ok(rules)
}

fn faceting(value: &Value, to: &mut Settings<'_, '_, '_>) -> Result<()> {
    match value.get("maxValuesPerFacet") {
        None => {}
        Some(Value::Null) => to.reset_max_values_per_facet(),
        Some(max) => to.set_max_values_per_facet(read(max)?),
    }
    match value.get("sortFacetValuesBy") {
        None => {}
        Some(Value::Null) => to.reset_sort_facet_values_by(),
        Some(orders) => {
            let orders: std::collections::HashMap<String, String> = read(orders)?;
            let order = |name: &str| if name == "count" { OrderBy::Count } else { OrderBy::Lexicographic };
            let mut map: OrderByMap = orders.into_iter().map(|(facet, name)| (facet, order(&name))).collect();
            let default = map.get("*");
            map.insert("*".to_owned(), default);
            to.set_sort_facet_values_by(map);
        }
    }
    Ok(())
}

fn typo_tolerance(value: &Value, to: &mut Settings<'_, '_, '_>) -> Result<()> {
    for (name, value) in value.as_object().into_iter().flatten() {
        match (name.as_str(), value) {
            ("enabled", Value::Null) => to.reset_authorize_typos(),
            ("enabled", value) => to.set_autorize_typos(read(value)?),
            ("disableOnNumbers", Value::Null) => to.reset_disable_on_numbers(),
            ("disableOnNumbers", value) => to.set_disable_on_numbers(read(value)?),
            ("disableOnWords", Value::Null) => to.reset_exact_words(),
            ("disableOnWords", value) => to.set_exact_words(read(value)?),
            ("disableOnAttributes", Value::Null) => to.reset_exact_attributes(),
            ("disableOnAttributes", value) => to.set_exact_attributes(read(value)?),
            ("minWordSizeForTypos", Value::Null) => {
                to.reset_min_word_len_one_typo();
                to.reset_min_word_len_two_typos();
            }
            ("minWordSizeForTypos", sizes) => {
                match sizes.get("oneTypo") {
                    None => {}
                    Some(Value::Null) => to.reset_min_word_len_one_typo(),
                    Some(size) => to.set_min_word_len_one_typo(read(size)?),
                }
                match sizes.get("twoTypos") {
                    None => {}
                    Some(Value::Null) => to.reset_min_word_len_two_typos(),
                    Some(size) => to.set_min_word_len_two_typos(read(size)?),
                }
            }
            _ => {}
        }
    }
    Ok(())
}

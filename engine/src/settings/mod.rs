//! Index settings: their names, what they accept, how they reach the engine and how they are shown.

mod apply;
mod check;
mod locale;
pub mod rules;
mod view;

use serde_json::{json, Map, Value};

pub use apply::apply;
pub use check::{check_all, check_one};
pub use locale::{language, words as locale_words, words_sorted as locale_words_sorted};
pub use view::view;

use crate::error::{code, Code};

/// One setting.
pub struct Setting {
    pub field: &'static str,
    /// The last part of its own route; none for a setting of a feature this node does not have.
    pub route: &'static str,
    /// Whether its route merges (PATCH) rather than replaces (PUT).
    pub merges: bool,
    pub code: Code,
}

const fn setting(field: &'static str, route: &'static str, merges: bool, code: Code) -> Setting {
    Setting { field, route, merges, code }
}

/// In the order the API lists them.
pub const ALL: [Setting; 22] = [
    setting("displayedAttributes", "displayed-attributes", false, code::invalid_settings_displayed_attributes),
    setting("searchableAttributes", "searchable-attributes", false, code::invalid_settings_searchable_attributes),
    setting("filterableAttributes", "filterable-attributes", false, code::invalid_settings_filterable_attributes),
    setting("sortableAttributes", "sortable-attributes", false, code::invalid_settings_sortable_attributes),
    setting("foreignKeys", "foreign-keys", false, code::invalid_settings_foreign_keys),
    setting("rankingRules", "ranking-rules", false, code::invalid_settings_ranking_rules),
    setting("stopWords", "stop-words", false, code::invalid_settings_stop_words),
    setting("nonSeparatorTokens", "non-separator-tokens", false, code::invalid_settings_non_separator_tokens),
    setting("separatorTokens", "separator-tokens", false, code::invalid_settings_separator_tokens),
    setting("dictionary", "dictionary", false, code::invalid_settings_dictionary),
    setting("synonyms", "synonyms", false, code::invalid_settings_synonyms),
    setting("distinctAttribute", "distinct-attribute", false, code::invalid_settings_distinct_attribute),
    setting("proximityPrecision", "proximity-precision", false, code::invalid_settings_proximity_precision),
    setting("typoTolerance", "typo-tolerance", true, code::invalid_settings_typo_tolerance),
    setting("faceting", "faceting", true, code::invalid_settings_faceting),
    setting("pagination", "pagination", true, code::invalid_settings_pagination),
    setting("embedders", "embedders", true, code::invalid_settings_embedders),
    setting("searchCutoffMs", "search-cutoff-ms", false, code::invalid_settings_search_cutoff_ms),
    setting("localizedAttributes", "localized-attributes", false, code::invalid_settings_localized_attributes),
    setting("facetSearch", "facet-search", false, code::invalid_settings_facet_search),
    setting("prefixSearch", "prefix-search", false, code::invalid_settings_prefix_search),
    setting("chat", "chat", true, code::invalid_settings_chat),
];

/// The change that resets everything.
pub fn reset_all() -> Map<String, Value> {
    ALL.iter().map(|setting| (setting.field.to_owned(), Value::Null)).collect()
}

/// A change as it is shown with its task: in listing order, without secrets.
pub fn masked(change: &Map<String, Value>) -> Map<String, Value> {
    let mut shown = Map::new();
    for Setting { field, .. } in &ALL {
        let Some(value) = change.get(*field) else { continue };
        let mut value = match (*field, value) {
            ("displayedAttributes" | "searchableAttributes", Value::Null) => json!(["*"]),
            (_, value) => value.clone(),
        };
        if *field == "embedders" {
            mask_secrets(&mut value);
        }
        shown.insert((*field).to_owned(), value);
    }
    shown
}

/// Hides the API keys of embedders but for their first letters.
fn mask_secrets(value: &mut Value) {
    match value {
        Value::Object(map) => {
            for (name, value) in map {
                match value {
                    Value::String(secret) if name == "apiKey" => mask(secret),
                    value => mask_secrets(value),
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(mask_secrets),
        _ => {}
    }
}

fn mask(secret: &mut String) {
    let (kept, cover) = match secret.len() {
        0..=9 => (0, "XXX..."),
        10..=19 => (2, "XXXX..."),
        20..=29 => (3, "XXXXX..."),
        _ => (5, "XXXXXX..."),
    };
    let shown: String = secret.chars().take(kept).collect();
    *secret = shown + cover;
}

//! What each setting accepts. A checked value is in the shape that is stored with the task and applied later.

use std::str::FromStr;

use deserr::errors::JsonError;
use deserr::{Deserr, IntoValue, ValuePointerRef};
use milli_core::update::{validate_embedding_settings, Setting as EngineSetting};
use milli_core::vector::settings::EmbeddingSettings;
use milli_core::{Criterion, FilterableAttributesRule};
use serde_json::{json, Map, Value};

use super::{locale, rules, Setting, ALL};
use crate::decode::At;
use crate::error::{code, ApiError, Code, Result};

/// Checks a body with any number of settings.
pub fn check_all(body: &Value) -> Result<Map<String, Value>> {
    let root = At::root(body);
    let mut change = Map::new();
    for (name, value) in root.object(code::bad_request)? {
        let Some(setting) = ALL.iter().find(|setting| setting.field == name) else {
            return Err(root.unknown_field(name, &ALL.map(|setting| setting.field)));
        };
        let checked = check(setting, &root.key(name, value), &[name])?;
        change.insert(name.clone(), checked);
    }
    Ok(change)
}

/// Checks the body of a setting's own route.
pub fn check_one(setting: &Setting, body: &Value) -> Result<Value> {
    check(setting, &At::root(body), &[])
}

fn check(setting: &Setting, at: &At<'_>, path: &[&str]) -> Result<Value> {
    let code = setting.code;
    if at.is_null() {
        return Ok(Value::Null);
    }
    match setting.field {
        "displayedAttributes" | "searchableAttributes" => {
            let names = at.strings(code)?;
            Ok(if names.iter().any(|name| name == "*") { Value::Null } else { json!(names) })
        }
        "filterableAttributes" => {
            let rules = at.array(code)?.iter().enumerate().map(|(i, value)| filterable(at, i, value, code, path));
            rules.collect::<Result<Vec<_>>>().map(Value::Array)
        }
        "sortableAttributes" | "stopWords" | "nonSeparatorTokens" | "separatorTokens" | "dictionary" => {
            let mut words = at.strings(code)?;
            words.sort_unstable();
            words.dedup();
            Ok(json!(words))
        }
        "rankingRules" => {
            let list = at.each(code, |rule| ranking_rule(rule, code))?;
            rules::check(&list.iter().map(String::as_str).collect::<Vec<_>>())?;
            Ok(json!(list))
        }
        "synonyms" => {
            let mut synonyms = std::collections::BTreeMap::new();
            for (word, others) in at.object(code)? {
                synonyms.insert(word.clone(), at.key(word, others).strings(code)?);
            }
            Ok(json!(synonyms))
        }
        "distinctAttribute" => at.string(code).map(Value::String),
        "proximityPrecision" => at.word(code, &["byWord", "byAttribute"]).map(Value::from),
        "prefixSearch" => at.word(code, &["indexingTime", "disabled"]).map(Value::from),
        "facetSearch" => at.boolean(code).map(Value::Bool),
        "searchCutoffMs" => at.unsigned(code).map(Value::from),
        "typoTolerance" => typo_tolerance(at, code),
        "faceting" => faceting(at, code),
        "pagination" => pagination(at, code),
        "embedders" => embedders(at, code, path),
        "localizedAttributes" => at.each(code, |rule| localized(rule, code)).map(Value::Array),
        "foreignKeys" => Err(unavailable("foreignKeys", "foreign_keys", 873)),
        _ => Err(unavailable("chat", "chat completions", 835)),
    }
}

fn unavailable(setting: &str, feature: &str, discussion: u32) -> ApiError {
    ApiError::new(
        code::feature_not_enabled,
        format!(
            "setting `{setting}` in the index settings requires enabling the `{feature}` experimental feature. See \
             https://github.com/orgs/meilisearch/discussions/{discussion}"
        ),
    )
}

fn filterable(list: &At<'_>, i: usize, value: &Value, code: Code, path: &[&str]) -> Result<Value> {
    if !value.is_object() {
        return list.index(i, value).string(code).map(Value::String);
    }
    let rule: FilterableAttributesRule = from_engine(value, path, Some(i), code)?;
    Ok(serde_json::to_value(rule)?)
}

/// Reads a value with the engine's own reader, which knows its place in the body by `path`.
fn from_engine<T: Deserr<JsonError>>(value: &Value, path: &[&str], index: Option<usize>, code: Code) -> Result<T> {
    let read = |place: ValuePointerRef<'_>| {
        T::deserialize_from_value(value.clone().into_value(), place).map_err(|err| ApiError::new(code, err.to_string()))
    };
    let root = ValuePointerRef::Origin;
    let first = path.first().map_or(root, |key| root.push_key(key));
    let second = path.get(1).map_or(first, |key| first.push_key(key));
    match index {
        Some(index) => read(second.push_index(index)),
        None => read(second),
    }
}

fn ranking_rule(at: &At<'_>, code: Code) -> Result<String> {
    let rule = at.string(code)?;
    if rules::is_half(&rule) {
        return Ok(rule);
    }
    match Criterion::from_str(&rule) {
        Ok(criterion) => Ok(criterion.to_string()),
        Err(err) => Err(at.invalid(code, err)),
    }
}

fn typo_tolerance(at: &At<'_>, code: Code) -> Result<Value> {
    const FIELDS: [&str; 5] =
        ["enabled", "minWordSizeForTypos", "disableOnWords", "disableOnAttributes", "disableOnNumbers"];
    let mut checked = Map::new();
    for (name, value) in at.object(code)? {
        let at_value = at.key(name, value);
        let value = match name.as_str() {
            "enabled" | "disableOnNumbers" => at_value.nullable(|at| at.boolean(code))?.map(Value::Bool),
            "disableOnWords" | "disableOnAttributes" => at_value.nullable(|at| at.strings(code))?.map(|mut words| {
                words.sort_unstable();
                words.dedup();
                json!(words)
            }),
            "minWordSizeForTypos" => at_value.nullable(|at| min_word_size(at, code))?,
            _ => return Err(at.unknown_field_as(code, name, &FIELDS)),
        };
        checked.insert(name.clone(), value.unwrap_or_default());
    }
    Ok(Value::Object(checked))
}

fn min_word_size(at: &At<'_>, code: Code) -> Result<Value> {
    let mut sizes = Map::new();
    for (name, value) in at.object(code)? {
        if !["oneTypo", "twoTypos"].contains(&name.as_str()) {
            return Err(at.unknown_field_as(code, name, &["oneTypo", "twoTypos"]));
        }
        let size = at.key(name, value).nullable(|at| at.byte(code))?;
        sizes.insert(name.clone(), json!(size));
    }
    let size = |name: &str| sizes.get(name).and_then(Value::as_u64);
    match (size("oneTypo"), size("twoTypos")) {
        (Some(one), Some(two)) if one > two => {
            Err(at.invalid(code, milli_core::UserError::InvalidMinTypoWordLenSetting(one as u8, two as u8)))
        }
        _ => Ok(Value::Object(sizes)),
    }
}

fn faceting(at: &At<'_>, code: Code) -> Result<Value> {
    let mut checked = Map::new();
    for (name, value) in at.object(code)? {
        let at_value = at.key(name, value);
        let value = match name.as_str() {
            "maxValuesPerFacet" => at_value.nullable(|at| at.unsigned(code))?.map(Value::from),
            "sortFacetValuesBy" => at_value.nullable(|at| {
                let mut orders = Map::new();
                for (facet, order) in at.object(code)? {
                    let order = at.key(facet, order).word(code, &["alpha", "count"])?;
                    orders.insert(facet.clone(), json!(order));
                }
                Ok(Value::Object(orders))
            })?,
            _ => return Err(at.unknown_field_as(code, name, &["maxValuesPerFacet", "sortFacetValuesBy"])),
        };
        checked.insert(name.clone(), value.unwrap_or_default());
    }
    Ok(Value::Object(checked))
}

fn pagination(at: &At<'_>, code: Code) -> Result<Value> {
    let mut checked = Map::new();
    for (name, value) in at.object(code)? {
        let at_value = at.key(name, value);
        if name != "maxTotalHits" {
            return Err(at.unknown_field_as(code, name, &["maxTotalHits"]));
        }
        let hits = at_value.nullable(|at| at.unsigned(code))?;
        if hits == Some(0) {
            let reason = "a non-zero integer value lower than `18446744073709551615` was expected, but found a zero";
            return Err(at_value.invalid(code, reason));
        }
        checked.insert(name.clone(), json!(hits));
    }
    Ok(Value::Object(checked))
}

fn embedders(at: &At<'_>, code: Code, path: &[&str]) -> Result<Value> {
    let mut checked = Map::new();
    for (name, value) in at.object(code)? {
        if value.is_null() {
            checked.insert(name.clone(), Value::Null);
            continue;
        }
        let place: Vec<&str> = path.iter().copied().chain([name.as_str()]).collect();
        let read: EmbeddingSettings = from_engine(value, &place, None, code)?;
        let read = validate_embedding_settings(EngineSetting::Set(read), name)
            .map_err(|err| ApiError::new(code, err.to_string()))?;
        checked.insert(name.clone(), serde_json::to_value(read)?);
    }
    Ok(Value::Object(checked))
}

fn localized(at: &At<'_>, code: Code) -> Result<Value> {
    const FIELDS: [&str; 2] = ["attributePatterns", "locales"];
    let (mut patterns, mut locales) = (None, None);
    for (name, value) in at.object(code)? {
        let at_value = at.key(name, value);
        match name.as_str() {
            "attributePatterns" => patterns = Some(at_value.strings(code)?),
            "locales" => locales = Some(at_value.each(code, |at| locale::read(at, code))?),
            _ => return Err(at.unknown_field_as(code, name, &FIELDS)),
        }
    }
    let patterns = patterns.ok_or_else(|| at.missing_field(code, FIELDS[0]))?;
    let locales = locales.ok_or_else(|| at.missing_field(code, FIELDS[1]))?;
    Ok(json!({"attributePatterns": patterns, "locales": locales}))
}

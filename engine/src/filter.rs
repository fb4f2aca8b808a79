//! Filters: how they are read from requests, and how a search quotes them when something is wrong.

use std::fmt;

use milli_core::{Condition, Error, Filter, FilterCondition, Token};
use serde_json::Value;

use crate::error::{code, ApiError, Code, Result};
use crate::store::register::Register;

/// Why `CONTAINS` is refused where the client did not switch it on.
#[derive(Debug)]
struct NoContains;

impl fmt::Display for NoContains {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "Using `CONTAINS` in a filter requires enabling the `contains filter` experimental feature. See \
             https://github.com/orgs/meilisearch/discussions/763",
        )
    }
}

impl std::error::Error for NoContains {}

/// Names what is wrong with a filter by the code of its parameter. Where operations are listed, clients read the list of
/// current engines.
pub fn error(err: Error, code: Code) -> ApiError {
    match err {
        err @ Error::UserError(_) => {
            let ApiError { message, .. } = ApiError::from(err);
            let message = message
                .replace("`_geoRadius`, or `_geoBoundingBox`", "`_geoRadius`, `_geoBoundingBox` or `_geoPolygon`");
            ApiError { code, message }
        }
        err => err.into(),
    }
}

/// A filter of a request; nothing for an empty one.
pub fn read<'f>(filter: &'f Value, code: Code, register: &Register) -> Result<Option<Filter<'f>>> {
    let Some(read) = Filter::from_json(filter).map_err(|err| error(err, code))? else { return Ok(None) };
    let condition = FilterCondition::from(read);
    if let Some(keyword) = contains(&condition) {
        if register.features()?.get("containsFilter") != Some(&Value::Bool(true)) {
            let message = keyword.as_external_error(NoContains).to_string();
            return Err(ApiError::new(code::feature_not_enabled, message));
        }
    }
    Ok(Some(condition.into()))
}

/// The first `CONTAINS` in a filter.
fn contains<'c, 'f>(condition: &'c FilterCondition<'f>) -> Option<&'c Token<'f>> {
    match condition {
        FilterCondition::Not(inner) => contains(inner),
        FilterCondition::And(parts) | FilterCondition::Or(parts) => parts.iter().find_map(contains),
        FilterCondition::Condition { op: Condition::Contains { keyword, .. }, .. } => Some(keyword),
        _ => None,
    }
}

/// The client's filter and the token's, both of which must hold.
pub fn combined<'f>(
    client: Option<&'f Value>,
    tenant: Option<&'f Value>,
    code: Code,
    register: &Register,
) -> Result<Option<Filter<'f>>> {
    let read = |filter: &'f Value| read(filter, code, register);
    let client = client.map(read).transpose()?.flatten();
    let tenant = tenant.map(read).transpose()?.flatten();
    Ok(match (client, tenant) {
        (Some(client), Some(tenant)) => Some(Filter::from(FilterCondition::And(vec![tenant.into(), client.into()]))),
        (one, other) => one.or(other),
    })
}

/// The filter as it was understood, every name and value in quotes. Searches quote it so.
pub fn quoted(condition: &FilterCondition<'_>) -> String {
    let joined = |parts: &[FilterCondition<'_>], word: &str| {
        parts.iter().map(|part| format!("({})", quoted(part))).collect::<Vec<_>>().join(word)
    };
    match condition {
        FilterCondition::Not(inner) => format!("NOT ({})", quoted(inner)),
        FilterCondition::And(parts) => joined(parts, " AND "),
        FilterCondition::Or(parts) => joined(parts, " OR "),
        FilterCondition::In { fid, els } => {
            let values: Vec<String> = els.iter().map(text).collect();
            format!("{} IN [{}]", text(fid), values.join(", "))
        }
        FilterCondition::GeoLowerThan { point: [lat, lng], radius } => {
            format!("_geoRadius({}, {}, {})", lat.value(), lng.value(), radius.value())
        }
        FilterCondition::GeoBoundingBox { top_right_point: [a, b], bottom_left_point: [c, d] } => {
            format!("_geoBoundingBox([{}, {}], [{}, {}])", a.value(), b.value(), c.value(), d.value())
        }
        FilterCondition::Condition { fid, op } => format!("{} {}", text(fid), operation(op)),
    }
}

fn text(token: &Token<'_>) -> String {
    format!("{:?}", token.value())
}

fn operation(operation: &Condition<'_>) -> String {
    match operation {
        Condition::GreaterThan(value) => format!("> {}", text(value)),
        Condition::GreaterThanOrEqual(value) => format!(">= {}", text(value)),
        Condition::Equal(value) => format!("= {}", text(value)),
        Condition::NotEqual(value) => format!("!= {}", text(value)),
        Condition::LowerThan(value) => format!("< {}", text(value)),
        Condition::LowerThanOrEqual(value) => format!("<= {}", text(value)),
        Condition::Between { from, to } => format!("{} TO {}", text(from), text(to)),
        Condition::Contains { word, .. } => format!("CONTAINS {}", text(word)),
        Condition::StartsWith { word, .. } => format!("STARTS WITH {}", text(word)),
        Condition::Null => "IS NULL".to_owned(),
        Condition::Empty => "IS EMPTY".to_owned(),
        Condition::Exists => "EXISTS".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_quoted_as_understood() {
        let cases = [
            (r#"a = 1 AND NOT b IN [x, "y z"]"#, r#"("a" = "1") AND (NOT ("b" IN ["x", "y z"]))"#),
            ("a 1 TO 2 OR a IS NOT EMPTY", r#"("a" "1" TO "2") OR (NOT ("a" IS EMPTY))"#),
            ("_geoRadius(1,2,3)", "_geoRadius(1, 2, 3)"),
            ("_geoBoundingBox([4,5],[1,2])", "_geoBoundingBox([4, 5], [1, 2])"),
            (r#"a STARTS WITH 'x"y'"#, r#""a" STARTS WITH "x\"y""#),
        ];
        for (written, understood) in cases {
            let condition = FilterCondition::from(Filter::from_str(written).unwrap().unwrap());
            assert_eq!(quoted(&condition), understood);
            assert!(Filter::from_str(understood).is_ok());
        }
    }
}

//! Reading typed values out of request bodies and query strings, with the sentences Meilisearch uses when
//! a value is not what was expected.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use crate::error::{code, ApiError, Code, Result};

/// Where a value stands, and in which kind of input.
#[derive(Clone, Copy)]
enum Place<'a> {
    Root,
    Key(&'a Place<'a>, &'a str),
    Index(&'a Place<'a>, usize),
}

impl Place<'_> {
    fn write(&self, out: &mut String) {
        match self {
            Place::Root => {}
            Place::Key(parent, key) => {
                parent.write(out);
                out.push('.');
                out.push_str(key);
            }
            Place::Index(parent, index) => {
                parent.write(out);
                let _ = write!(out, "[{index}]");
            }
        }
    }
}

/// A value and its place in the body.
#[derive(Clone, Copy)]
pub struct At<'a> {
    pub value: &'a Value,
    place: Place<'a>,
}

impl<'a> At<'a> {
    pub fn root(value: &'a Value) -> Self {
        At { value, place: Place::Root }
    }

    /// The member `key` of the object at `self`.
    pub fn key(&'a self, key: &'a str, value: &'a Value) -> At<'a> {
        At { value, place: Place::Key(&self.place, key) }
    }

    /// The element `index` of the array at `self`.
    pub fn index(&'a self, index: usize, value: &'a Value) -> At<'a> {
        At { value, place: Place::Index(&self.place, index) }
    }

    fn located(&self, word: &str) -> String {
        let mut path = String::new();
        self.place.write(&mut path);
        if path.is_empty() {
            path
        } else {
            format!(" {word} `{path}`")
        }
    }

    /// "Invalid value at `.x`: …"
    pub fn invalid(&self, code: Code, reason: impl std::fmt::Display) -> ApiError {
        ApiError::new(code, format!("Invalid value{}: {reason}", self.located("at")))
    }

    /// "Invalid value type at `.x`: expected …, but found …"
    pub fn wrong_type(&self, code: Code, expected: &str) -> ApiError {
        let message =
            format!("Invalid value type{}: expected {expected}, but found {}", self.located("at"), found(self.value));
        ApiError::new(code, message)
    }

    pub fn unknown_field(&self, field: &str, accepted: &[&str]) -> ApiError {
        self.unknown_field_as(code::bad_request, field, accepted)
    }

    pub fn unknown_field_as(&self, code: Code, field: &str, accepted: &[&str]) -> ApiError {
        let message = format!(
            "Unknown field `{field}`{}: {}expected one of {}",
            self.located("inside"),
            did_you_mean(field, accepted),
            listed(accepted)
        );
        ApiError::new(code, message)
    }

    pub fn immutable_field(&self, code: Code, field: &str, accepted: &[&str]) -> ApiError {
        ApiError::new(
            code,
            format!(
                "Immutable field `{field}`{}: {}expected one of {}",
                self.located("inside"),
                did_you_mean(field, accepted),
                listed(accepted)
            ),
        )
    }

    pub fn missing_field(&self, code: Code, field: &str) -> ApiError {
        ApiError::new(code, format!("Missing field `{field}`{}", self.located("inside")))
    }

    pub fn unknown_value(&self, code: Code, value: &str, accepted: &[&str]) -> ApiError {
        ApiError::new(
            code,
            format!(
                "Unknown value `{value}`{}: {}expected one of {}",
                self.located("at"),
                did_you_mean(value, accepted),
                listed(accepted)
            ),
        )
    }

    pub fn is_null(&self) -> bool {
        self.value.is_null()
    }

    /// `None` for null, else what `read` makes of it.
    pub fn nullable<T>(&self, read: impl FnOnce(&Self) -> Result<T>) -> Result<Option<T>> {
        if self.value.is_null() {
            Ok(None)
        } else {
            read(self).map(Some)
        }
    }

    pub fn object(&self, code: Code) -> Result<&'a Map<String, Value>> {
        self.value.as_object().ok_or_else(|| self.wrong_type(code, "an object"))
    }

    pub fn array(&self, code: Code) -> Result<&'a [Value]> {
        self.value.as_array().map(Vec::as_slice).ok_or_else(|| self.wrong_type(code, "an array"))
    }

    pub fn string(&self, code: Code) -> Result<String> {
        self.value.as_str().map(str::to_owned).ok_or_else(|| self.wrong_type(code, "a string"))
    }

    pub fn boolean(&self, code: Code) -> Result<bool> {
        self.value.as_bool().ok_or_else(|| self.wrong_type(code, "a boolean"))
    }

    pub fn unsigned(&self, code: Code) -> Result<usize> {
        self.value.as_u64().map(|n| n as usize).ok_or_else(|| self.wrong_type(code, "a positive integer"))
    }

    pub fn byte(&self, code: Code) -> Result<u8> {
        let number = self.value.as_u64().ok_or_else(|| self.wrong_type(code, "a positive integer"))?;
        u8::try_from(number).map_err(|_| {
            self.invalid(
                code,
                format_args!("value: `{number}` is too large to be deserialized, maximum value authorized is `255`"),
            )
        })
    }

    pub fn number(&self, code: Code) -> Result<f64> {
        self.value.as_f64().ok_or_else(|| self.wrong_type(code, "a number"))
    }

    /// Each element of an array through `read`.
    pub fn each<T>(&self, code: Code, read: impl Fn(&At<'_>) -> Result<T>) -> Result<Vec<T>> {
        self.array(code)?.iter().enumerate().map(|(i, value)| read(&self.index(i, value))).collect()
    }

    pub fn strings(&self, code: Code) -> Result<Vec<String>> {
        self.each(code, |at| at.string(code))
    }

    /// One of the `accepted` words.
    pub fn word(&self, code: Code, accepted: &[&'static str]) -> Result<&'static str> {
        let found = self.value.as_str().ok_or_else(|| self.wrong_type(code, "a string"))?;
        accepted.iter().find(|word| **word == found).copied().ok_or_else(|| self.unknown_value(code, found, accepted))
    }
}

fn found(value: &Value) -> String {
    let kind = match value {
        Value::Null => return "null".to_owned(),
        Value::Bool(_) => "a boolean",
        Value::Number(n) if n.is_u64() => "a positive integer",
        Value::Number(n) if n.is_i64() => "a negative integer",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    };
    format!("{kind}: `{value}`")
}

pub fn listed(accepted: &[&str]) -> String {
    let quoted: Vec<String> = accepted.iter().map(|word| format!("`{word}`")).collect();
    quoted.join(", ")
}

/// A hint at the accepted word that was probably meant.
pub fn did_you_mean(received: &str, accepted: &[&str]) -> String {
    let allowed = match received.len() {
        0..=3 => return String::new(),
        4..=7 => 1,
        8..=12 => 2,
        13..=17 => 3,
        18..=24 => 4,
        _ => 5,
    };
    let near = accepted.iter().map(|word| (distance(received, word), word)).min_by_key(|(d, _)| *d);
    match near {
        Some((distance, word)) if distance <= allowed => format!("did you mean `{word}`? "),
        _ => String::new(),
    }
}

/// Edits between two words, an exchange of neighbours counted as one.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows: Vec<Vec<usize>> = vec![(0..=b.len()).collect()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let changed = usize::from(a[i - 1] != b[j - 1]);
            let mut best = (rows[i - 1][j] + 1).min(row[j - 1] + 1).min(rows[i - 1][j - 1] + changed);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

/// The parameters of a query string, in the order given; a repeated name keeps its last value.
pub struct Params(Vec<(String, String)>);

impl Params {
    pub fn parse(query: Option<&str>) -> Self {
        let mut pairs: Vec<(String, String)> = Vec::new();
        for pair in query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (name, value) = (unescape(name, true), unescape(value, true));
            match pairs.iter_mut().find(|(known, _)| *known == name) {
                Some(known) => known.1 = value,
                None => pairs.push((name, value)),
            }
        }
        Params(pairs)
    }

    pub fn iter(&self) -> impl Iterator<Item = Param<'_>> {
        self.0.iter().map(|(name, value)| Param { name, value })
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// One parameter of a query string.
#[derive(Clone, Copy)]
pub struct Param<'a> {
    pub name: &'a str,
    pub value: &'a str,
}

impl Param<'_> {
    pub fn unknown(&self, accepted: &[&str]) -> ApiError {
        let message = format!(
            "Unknown parameter `{}`: {}expected one of {}",
            self.name,
            did_you_mean(self.name, accepted),
            listed(accepted)
        );
        ApiError::new(code::bad_request, message)
    }

    pub fn invalid(&self, code: Code, reason: impl std::fmt::Display) -> ApiError {
        ApiError::new(code, format!("Invalid value in parameter `{}`: {reason}", self.name))
    }

    pub fn unknown_value(&self, code: Code, accepted: &[&str]) -> ApiError {
        ApiError::new(
            code,
            format!(
                "Unknown value `{}` for parameter `{}`: {}expected one of {}",
                self.value,
                self.name,
                did_you_mean(self.value, accepted),
                listed(accepted)
            ),
        )
    }

    pub fn string(&self) -> String {
        self.value.to_owned()
    }

    pub fn unsigned(&self, code: Code) -> Result<usize> {
        self.value
            .parse()
            .map_err(|_| self.invalid(code, format_args!("could not parse `{}` as a positive integer", self.value)))
    }

    pub fn uid(&self, code: Code) -> Result<u32> {
        self.value
            .parse()
            .map_err(|_| self.invalid(code, format_args!("could not parse `{}` as a positive integer", self.value)))
    }

    pub fn boolean(&self, code: Code) -> Result<bool> {
        self.value.parse().map_err(|_| {
            self.invalid(
                code,
                format_args!("could not parse `{}` as a boolean, expected either `true` or `false`", self.value),
            )
        })
    }

    /// The parts between commas; none for an empty value.
    pub fn parts(&self) -> impl Iterator<Item = &str> {
        self.value.split(',').filter(|part| !part.is_empty())
    }

    pub fn list(&self) -> Vec<String> {
        self.parts().map(str::to_owned).collect()
    }
}

/// The identifier of a document as text.
pub fn document_id(value: &Value, code: Code) -> Result<String> {
    let id = match value {
        Value::String(id) => id.clone(),
        Value::Number(id) if !id.is_f64() => id.to_string(),
        _ => String::new(),
    };
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if (1..=511).contains(&id.len()) && id.bytes().all(allowed) {
        return Ok(id);
    }
    let err = milli_core::UserError::InvalidDocumentId { document_id: value.clone() };
    Err(ApiError::new(code, err.to_string()))
}

/// Percent-decoding; `plus` makes `+` a space, as in query strings.
pub fn unescape(text: &str, plus: bool) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut i = 0;
    while i < bytes.len() {
        let escaped = (bytes[i] == b'%' && i + 2 < bytes.len())
            .then(|| text.get(i + 1..i + 3).and_then(|hex| u8::from_str_radix(hex, 16).ok()))
            .flatten();
        match (bytes[i], escaped) {
            (_, Some(byte)) => {
                out.push(byte);
                i += 3;
            }
            (b'+', None) if plus => {
                out.push(b' ');
                i += 1;
            }
            (byte, None) => {
                out.push(byte);
                i += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn wrong_types_name_their_place() {
        let body = json!({"a": [1, {"b": -2}]});
        let root = At::root(&body);
        let list = root.key("a", &body["a"]);
        let object = list.index(1, &body["a"][1]);
        let at = object.key("b", &body["a"][1]["b"]);
        let err = at.string(code::bad_request).unwrap_err();
        assert_eq!(
            err.message,
            "Invalid value type at `.a[1].b`: expected a string, but found a negative integer: `-2`"
        );
        let err = root.array(code::bad_request).unwrap_err();
        assert_eq!(err.message, "Invalid value type: expected an array, but found an object: `{\"a\":[1,{\"b\":-2}]}`");
    }

    #[test]
    fn near_words_are_offered() {
        let accepted = ["filter", "sort"];
        assert_eq!(did_you_mean("filler", &accepted), "did you mean `filter`? ");
        assert_eq!(did_you_mean("srot", &accepted), "did you mean `sort`? ");
        assert_eq!(did_you_mean("nope", &accepted), "");
    }

    #[test]
    fn query_strings_are_unescaped() {
        let params = Params::parse(Some("q=a+b%20c&x=%zz&y=%4"));
        let found: Vec<_> = params.iter().map(|p| (p.name.to_owned(), p.value.to_owned())).collect();
        let expected = [("q", "a b c"), ("x", "%zz"), ("y", "%4")];
        assert_eq!(found, expected.map(|(a, b)| (a.to_owned(), b.to_owned())));
    }
}

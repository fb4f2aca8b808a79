//! What may be the name of an index.

use crate::error::{code, ApiError, Code, Result};

fn well_formed(text: &str) -> bool {
    text.len() <= 512 && !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

/// The reason why `text` is not an index name, or nothing.
pub fn complaint(text: &str) -> Option<String> {
    (!well_formed(text)).then(|| {
        format!(
            "`{text}` is not a valid index uid. Index uid can be an integer or a string containing only \
             alphanumeric characters, hyphens (-) and underscores (_), and can not be more than 512 bytes."
        )
    })
}

/// The reason why `text` is not an index name with an optional star at its end, or nothing.
pub fn pattern_complaint(text: &str) -> Option<String> {
    let stem = text.strip_suffix('*').unwrap_or(text);
    (!(text == "*" || (stem.is_empty() && text.ends_with('*')) || well_formed(stem))).then(|| {
        format!(
            "`{stem}` is not a valid index uid pattern. Index uid patterns can be an integer or a string containing \
             only alphanumeric characters, hyphens (-), underscores (_), and optionally end with a star (*)."
        )
    })
}

/// Refuses an index name from a path.
pub fn check(text: &str) -> Result<()> {
    check_as(text, code::invalid_index_uid)
}

pub fn check_as(text: &str, code: Code) -> Result<()> {
    complaint(text).map_or(Ok(()), |message| Err(ApiError::new(code, message)))
}

/// Whether `pattern` (a name, `prefix*` or `*`) covers `uid`.
pub fn covers(pattern: &str, uid: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(prefix) => uid.starts_with(prefix),
        None => pattern == uid,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_patterns() {
        assert!(complaint("movies-2_b").is_none());
        assert!(complaint("bad uid").is_some() && complaint("").is_some() && complaint("é").is_some());
        assert!(pattern_complaint("*").is_none() && pattern_complaint("a*").is_none());
        assert!(pattern_complaint("a*b").is_some());
        assert!(covers("mov*", "movies") && covers("*", "x") && !covers("mov", "movies"));
    }
}

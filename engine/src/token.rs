//! Tenant tokens: JSON Web Tokens signed with an API key, which narrow what that key may search.

use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use base64::Engine as _;
use hmac::{Hmac, Mac};
use serde_json::Value;
use sha2::{Sha256, Sha384, Sha512};
use uuid::Uuid;

use crate::uid::covers;

/// The rules of a token: index patterns, each with an optional filter.
#[derive(Debug, Clone)]
pub struct Rules(Vec<(String, Option<Value>)>);

impl Rules {
    fn read(value: &Value) -> Option<Self> {
        match value {
            Value::Array(patterns) => {
                patterns.iter().map(|p| Some((p.as_str()?.to_owned(), None))).collect::<Option<Vec<_>>>().map(Rules)
            }
            Value::Object(rules) => {
                let read = |(pattern, rule): (&String, &Value)| match rule {
                    Value::Null => Some((pattern.clone(), None)),
                    Value::Object(rule) => {
                        Some((pattern.clone(), rule.get("filter").filter(|f| !f.is_null()).cloned()))
                    }
                    _ => None,
                };
                rules.iter().map(read).collect::<Option<Vec<_>>>().map(Rules)
            }
            _ => None,
        }
    }

    /// The rule for an index: the exact name before patterns, longer patterns before shorter ones.
    pub fn rule_for(&self, index: &str) -> Option<Option<Value>> {
        let fitting = self.0.iter().filter(|(pattern, _)| covers(pattern, index));
        fitting.max_by_key(|(pattern, _)| (pattern == index, pattern.len())).map(|(_, filter)| filter.clone())
    }

    pub fn patterns(&self) -> Vec<&str> {
        self.0.iter().map(|(pattern, _)| pattern.as_str()).collect()
    }
}

/// What a token claims, before its signature is checked.
pub struct Unverified<'a> {
    pub key_uid: Uuid,
    rules: Rules,
    expires: Option<i64>,
    algorithm: String,
    signed: &'a str,
    signature: Vec<u8>,
}

/// Why a token that looks like one is refused.
pub enum Refusal {
    Signature,
    Expired { at: i64, now: i64 },
}

/// Reads the claims; nothing when the text is no tenant token at all.
pub fn read(text: &str) -> Option<Unverified<'_>> {
    let (signed, signature) = text.rsplit_once('.')?;
    let (header, claims) = signed.split_once('.')?;
    let header: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).ok()?).ok()?;
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()?;
    Some(Unverified {
        key_uid: Uuid::parse_str(claims.get("apiKeyUid")?.as_str()?).ok()?,
        rules: Rules::read(claims.get("searchRules")?)?,
        expires: match claims.get("exp") {
            None | Some(Value::Null) => None,
            Some(exp) => Some(exp.as_i64()?),
        },
        algorithm: header.get("alg")?.as_str()?.to_owned(),
        signed,
        signature: URL_SAFE_NO_PAD.decode(signature).ok()?,
    })
}

impl Unverified<'_> {
    /// The rules, once signature and age are right.
    pub fn verify(self, key_value: &str, now: i64) -> Result<Rules, Refusal> {
        if !self.signed_with(key_value) {
            return Err(Refusal::Signature);
        }
        match self.expires {
            Some(at) if now > at => Err(Refusal::Expired { at, now }),
            _ => Ok(self.rules),
        }
    }

    fn signed_with(&self, key_value: &str) -> bool {
        macro_rules! check {
            ($hash:ty) => {
                Hmac::<$hash>::new_from_slice(key_value.as_bytes()).is_ok_and(|mut mac| {
                    mac.update(self.signed.as_bytes());
                    mac.verify_slice(&self.signature).is_ok()
                })
            };
        }
        match self.algorithm.as_str() {
            "HS256" => check!(Sha256),
            "HS384" => check!(Sha384),
            "HS512" => check!(Sha512),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn token(claims: Value, key: &str) -> String {
        let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","typ":"JWT"}"#);
        let signed = format!("{header}.{}", URL_SAFE_NO_PAD.encode(claims.to_string()));
        let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).unwrap();
        mac.update(signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
    }

    #[test]
    fn signature_age_and_rules() {
        let claims =
            json!({"apiKeyUid": Uuid::nil(), "exp": 100, "searchRules": {"m*": {"filter": "a = 1"}, "movies": null}});
        let text = token(claims, "k");
        let rules = read(&text).unwrap().verify("k", 100).unwrap_or_else(|_| panic!("valid"));
        assert_eq!(rules.rule_for("movies"), Some(None));
        assert_eq!(rules.rule_for("music"), Some(Some(json!("a = 1"))));
        assert_eq!(rules.rule_for("books"), None);
        assert!(matches!(read(&text).unwrap().verify("k", 101), Err(Refusal::Expired { at: 100, now: 101 })));
        assert!(matches!(read(&text).unwrap().verify("x", 1), Err(Refusal::Signature)));
        assert!(read("not.a.token").is_none());
    }
}

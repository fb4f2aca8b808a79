//! API keys: who may do what on which index. A key's value is derived from the master key and is never stored.

use hmac::{Hmac, Mac};
use serde::{Deserialize, Serialize};
use serde_json::{json, Value};
use sha2::Sha256;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::error::{code, ApiError, Result};
use crate::queue::task::rfc3339;
use crate::store::register::Register;
use crate::uid::covers;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Key {
    pub uid: Uuid,
    pub name: Option<String>,
    pub description: Option<String>,
    pub actions: Vec<String>,
    pub indexes: Vec<String>,
    #[serde(with = "time::serde::rfc3339::option")]
    pub expires_at: Option<OffsetDateTime>,
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    pub updated_at: OffsetDateTime,
}

/// Every action a key may hold, in the order the API lists them.
pub const ACTIONS: [&str; 58] = [
    "*", "search", "documents.*", "documents.add", "documents.get", "documents.delete", "indexes.*", "indexes.create",
    "indexes.get", "indexes.update", "indexes.delete", "indexes.swap", "tasks.*", "tasks.cancel", "tasks.delete",
    "tasks.get", "settings.*", "settings.get", "settings.update", "stats.*", "stats.get", "metrics.*", "metrics.get",
    "dumps.*", "dumps.create", "snapshots.*", "snapshots.create", "version", "keys.create", "keys.get", "keys.update",
    "keys.delete", "experimental.get", "experimental.update", "export", "network.get", "network.update",
    "chatCompletions", "chats.*", "chats.get", "chats.delete", "chatsSettings.*", "chatsSettings.get",
    "chatsSettings.update", "*.get", "webhooks.get", "webhooks.update", "webhooks.delete", "webhooks.create",
    "webhooks.*", "indexes.compact", "fields.post", "tasks.compact", "dynamicSearchRules.get",
    "dynamicSearchRules.create", "dynamicSearchRules.update", "dynamicSearchRules.delete", "dynamicSearchRules.*",
];

/// The actions that `*.get` stands for.
const READS: [&str; 13] = [
    "search", "documents.get", "export", "indexes.get", "tasks.get", "settings.get", "stats.get", "metrics.get",
    "version", "experimental.get", "network.get", "fields.post", "webhooks.get",
];

/// Actions about the whole node, which a key for some indexes cannot hold.
pub fn is_global(action: &str) -> bool {
    const FAMILIES: [&str; 10] = [
        "metrics.", "dumps.", "snapshots.", "keys.", "experimental.", "network.", "chats.", "chatsSettings.",
        "webhooks.", "dynamicSearchRules.",
    ];
    matches!(action, "version" | "export" | "tasks.compact") || FAMILIES.iter().any(|family| action.starts_with(family))
}

impl Key {
    pub fn permits(&self, action: &str) -> bool {
        self.actions.iter().any(|held| {
            held == "*"
                || held == action
                || (held == "*.get" && READS.contains(&action))
                || (held != "*.get" && held.strip_suffix('*').is_some_and(|family| action.starts_with(family)))
        })
    }

    pub fn expired(&self) -> bool {
        self.expires_at.is_some_and(|at| at <= OffsetDateTime::now_utc())
    }

    pub fn covers(&self, index: &str) -> bool {
        self.indexes.iter().any(|pattern| covers(pattern, index))
    }

    pub fn view(&self, master: &str) -> Value {
        json!({
            "name": self.name,
            "description": self.description,
            "key": value_of(master, self.uid),
            "uid": self.uid,
            "actions": self.actions,
            "indexes": self.indexes,
            "expiresAt": self.expires_at.map(rfc3339),
            "createdAt": rfc3339(self.created_at),
            "updatedAt": rfc3339(self.updated_at),
        })
    }
}

/// The value of a key: HMAC-SHA256 of its uid under the master key, in hexadecimal.
pub fn value_of(master: &str, uid: Uuid) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(master.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(uid.hyphenated().to_string().as_bytes());
    mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Compares in a time that does not depend on where the two differ.
pub fn same_secret(a: &str, b: &str) -> bool {
    a.len() == b.len() && a.bytes().zip(b.bytes()).fold(0, |diff, (x, y)| diff | (x ^ y)) == 0
}

pub fn all(register: &Register) -> Result<Vec<Key>> {
    let txn = register.read()?;
    let mut keys = Vec::new();
    for entry in register.keys.iter(&txn)? {
        keys.push(entry?.1);
    }
    Ok(keys)
}

/// The newest first, as lists of keys are shown.
pub fn newest_first(register: &Register) -> Result<Vec<Key>> {
    let mut keys = all(register)?;
    keys.sort_by(|a, b| b.created_at.cmp(&a.created_at).then(a.uid.cmp(&b.uid)));
    Ok(keys)
}

pub fn by_value(register: &Register, master: &str, value: &str) -> Result<Option<Key>> {
    Ok(all(register)?.into_iter().find(|key| same_secret(&value_of(master, key.uid), value)))
}

pub fn by_uid(register: &Register, uid: Uuid) -> Result<Option<Key>> {
    let txn = register.read()?;
    Ok(register.keys.get(&txn, &uid.to_string())?)
}

/// A key by its uid or by its value, as the last part of `/keys/…` may be either.
pub fn find(register: &Register, master: &str, name: &str) -> Result<Key> {
    let key = match Uuid::parse_str(name) {
        Ok(uid) => by_uid(register, uid)?,
        Err(_) => by_value(register, master, name)?,
    };
    key.ok_or_else(|| ApiError::new(code::api_key_not_found, format!("API key `{name}` not found.")))
}

pub fn put(register: &Register, key: &Key) -> Result<()> {
    let mut txn = register.write()?;
    register.keys.put(&mut txn, &key.uid.to_string(), key)?;
    Ok(txn.commit()?)
}

pub fn remove(register: &Register, uid: Uuid) -> Result<()> {
    let mut txn = register.write()?;
    register.keys.delete(&mut txn, &uid.to_string())?;
    Ok(txn.commit()?)
}

/// Makes the four keys that a node starts with, unless it has keys already.
pub fn make_defaults(register: &Register) -> Result<()> {
    if !all(register)?.is_empty() {
        return Ok(());
    }
    let defaults: [(&str, &str, &[&str]); 4] = [
        ("Default Search API Key", "Use it to search from the frontend", &["search"]),
        (
            "Default Admin API Key",
            "Use it for anything that is not a search operation. Caution! Do not expose it on a public frontend",
            &["*"],
        ),
        (
            "Default Chat API Key",
            "Use it to chat and search from the frontend",
            &["chatCompletions", "search"],
        ),
        (
            "Default Read-Only Admin API Key",
            "Use it to read information across the whole database. Caution! Do not expose this key on a public frontend",
            &["*.get", "keys.get"],
        ),
    ];
    // Lists show the newest first, and the search key stands at their head.
    for (name, description, actions) in defaults.into_iter().rev() {
        let now = OffsetDateTime::now_utc();
        put(
            register,
            &Key {
                uid: Uuid::new_v4(),
                name: Some(name.to_owned()),
                description: Some(description.to_owned()),
                actions: actions.iter().map(|action| action.to_string()).collect(),
                indexes: vec!["*".to_owned()],
                expires_at: None,
                created_at: now,
                updated_at: now,
            },
        )?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(actions: &[&str]) -> Key {
        let now = OffsetDateTime::UNIX_EPOCH;
        Key {
            uid: Uuid::nil(),
            name: None,
            description: None,
            actions: actions.iter().map(|a| a.to_string()).collect(),
            indexes: vec!["movies*".into()],
            expires_at: None,
            created_at: now,
            updated_at: now,
        }
    }

    #[test]
    fn the_value_is_an_hmac_of_the_uid() {
        let uid = Uuid::parse_str("11111111-1111-4111-8111-111111111111").unwrap();
        let value = value_of("masterKeymasterKey", uid);
        assert_eq!(value, "bd5b2a56baf0e10f7887956ec891014d9b17968af6a43f902d3832b4c7821ee7");
    }

    #[test]
    fn stars_stand_for_families() {
        assert!(key(&["documents.*"]).permits("documents.add"));
        assert!(!key(&["documents.*"]).permits("indexes.get"));
        assert!(key(&["*.get"]).permits("documents.get"));
        assert!(!key(&["*.get"]).permits("keys.get"));
        assert!(key(&["*"]).permits("keys.get"));
        assert!(key(&["*"]).covers("movies1") && !key(&["*"]).covers("books"));
    }
}

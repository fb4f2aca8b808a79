//! The open indexes by name.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use heed::EnvOpenOptions;
use milli_core::Index;
use uuid::Uuid;

use super::register::Register;
use crate::error::{ApiError, Result};
use crate::settings::rules::default_rules;

/// Address space reserved for one index; its file grows only as it is filled. A process has 128 TiB, so some 4,000
/// indexes can be open. One that grows beyond this fails its task.
const MAP_SIZE: usize = 32 << 30;

#[derive(Clone)]
pub struct Opened {
    pub folder: Uuid,
    pub index: Index,
    rules: Arc<RwLock<Arc<Vec<String>>>>,
}

impl Opened {
    /// The ranking rules as a client named them.
    pub fn rules(&self) -> Arc<Vec<String>> {
        Arc::clone(&self.rules.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub fn show_rules(&self, rules: Vec<String>) {
        *self.rules.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(rules);
    }
}

pub struct Indexes {
    root: PathBuf,
    open: RwLock<BTreeMap<String, Opened>>,
}

impl Indexes {
    /// Opens every registered index and removes the folders that no name points to.
    pub fn open(root: &Path, register: &Register) -> Result<Self> {
        let indexes = Indexes { root: root.join("indexes"), open: RwLock::default() };
        std::fs::create_dir_all(&indexes.root)?;
        let mut open = BTreeMap::new();
        let txn = register.read()?;
        for entry in register.indexes.iter(&txn)? {
            let (name, folder) = entry?;
            let opened = indexes.open_folder(folder, false)?;
            if let Some(rules) = register.rules.get(&txn, &folder.to_string())? {
                opened.show_rules(rules);
            }
            open.insert(name.to_owned(), opened);
        }
        let known: HashSet<String> = open.values().map(|opened| opened.folder.to_string()).collect();
        for entry in std::fs::read_dir(&indexes.root)? {
            let entry = entry?;
            if entry.file_name().to_str().is_none_or(|name| !known.contains(name)) {
                std::fs::remove_dir_all(entry.path())?;
            }
        }
        indexes.replace(open);
        Ok(indexes)
    }

    pub fn get(&self, name: &str) -> Option<Opened> {
        self.open.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    pub fn require(&self, name: &str) -> Result<Opened> {
        self.get(name).ok_or_else(|| ApiError::index_not_found(name))
    }

    /// All open indexes, sorted by name.
    pub fn all(&self) -> BTreeMap<String, Opened> {
        self.open.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Makes a new index that no name points to yet.
    pub fn create(&self) -> Result<Opened> {
        self.open_folder(Uuid::new_v4(), true)
    }

    /// Shows other indexes from now on. The folders of those that are gone are removed; requests
    /// still reading them keep their open files.
    pub fn replace(&self, next: BTreeMap<String, Opened>) {
        let kept: HashSet<Uuid> = next.values().map(|opened| opened.folder).collect();
        let previous = std::mem::replace(&mut *self.open.write().unwrap_or_else(PoisonError::into_inner), next);
        for opened in previous.into_values().filter(|opened| !kept.contains(&opened.folder)) {
            self.discard(opened);
        }
    }

    /// Closes an index and removes its folder.
    pub fn discard(&self, opened: Opened) {
        let folder = self.root.join(opened.folder.to_string());
        drop(opened);
        if let Err(err) = std::fs::remove_dir_all(&folder) {
            // The next start removes it.
            eprintln!("index folder not removed: {err}");
        }
    }

    fn open_folder(&self, folder: Uuid, creation: bool) -> Result<Opened> {
        let path = self.root.join(folder.to_string());
        std::fs::create_dir_all(&path)?;
        let mut options = EnvOpenOptions::new().read_txn_without_tls();
        options.map_size(MAP_SIZE).max_readers(1024);
        let index = Index::new(options, path, creation)?;
        Ok(Opened { folder, index, rules: Arc::new(RwLock::new(Arc::new(default_rules()))) })
    }
}

//! The register: one small LMDB environment with everything that is not an index. What belongs together changes
//! in one transaction: a task's end and the index name it made become visible at the same time or not at all.

use std::path::Path;

use heed::byteorder::BE;
use heed::types::{SerdeJson, Str, U32};
use heed::{Database, Env, EnvOpenOptions, RoTxn, RwTxn, WithoutTls};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::error::Result;
use crate::keys::Key;
use crate::queue::batch::Batch;
use crate::queue::task::Task;

/// Address space reserved for the register; the file grows only as it is filled.
const MAP_SIZE: usize = 64 << 30;

#[derive(Clone)]
pub struct Register {
    env: Env<WithoutTls>,
    pub tasks: Database<U32<BE>, SerdeJson<Task>>,
    pub batches: Database<U32<BE>, SerdeJson<Batch>>,
    /// Index name → folder of the index.
    pub indexes: Database<Str, SerdeJson<Uuid>>,
    pub keys: Database<Str, SerdeJson<Key>>,
    /// Folder of an index → its ranking rules as a client named them, where one did.
    pub rules: Database<Str, SerdeJson<Vec<String>>>,
    /// Small facts: `features`, `next_task`, `next_batch`, `last_update`.
    facts: Database<Str, SerdeJson<Value>>,
}

impl Register {
    pub fn open(root: &Path) -> Result<Self> {
        let folder = root.join("register");
        std::fs::create_dir_all(&folder)?;
        let mut options = EnvOpenOptions::new().read_txn_without_tls();
        options.map_size(MAP_SIZE).max_dbs(8).max_readers(1024);
        // SAFETY: the folder belongs to this process alone.
        let env = unsafe { options.open(&folder)? };
        let mut txn = env.write_txn()?;
        let register = Register {
            tasks: env.create_database(&mut txn, Some("tasks"))?,
            batches: env.create_database(&mut txn, Some("batches"))?,
            indexes: env.create_database(&mut txn, Some("indexes"))?,
            keys: env.create_database(&mut txn, Some("keys"))?,
            rules: env.create_database(&mut txn, Some("rules"))?,
            facts: env.create_database(&mut txn, Some("facts"))?,
            env: env.clone(),
        };
        txn.commit()?;
        Ok(register)
    }

    pub fn read(&self) -> Result<RoTxn<'_, WithoutTls>> {
        Ok(self.env.read_txn()?)
    }

    pub fn write(&self) -> Result<RwTxn<'_>> {
        Ok(self.env.write_txn()?)
    }

    pub fn fact(&self, txn: &RoTxn<'_, WithoutTls>, name: &str) -> Result<Option<Value>> {
        Ok(self.facts.get(txn, name)?)
    }

    pub fn put_fact(&self, txn: &mut RwTxn<'_>, name: &str, value: &Value) -> Result<()> {
        Ok(self.facts.put(txn, name, value)?)
    }

    pub fn features(&self) -> Result<Map<String, Value>> {
        match self.fact(&self.read()?, "features")? {
            Some(Value::Object(features)) => Ok(features),
            _ => Ok(Map::new()),
        }
    }

    /// Bytes on disk and bytes in use.
    pub fn sizes(&self) -> Result<(u64, u64)> {
        Ok((self.env.real_disk_size()?, self.env.non_free_pages_size()?))
    }
}

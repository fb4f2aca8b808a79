//! The node: everything a request may need.

use std::sync::Arc;

use milli_core::update::IndexerConfig;
use milli_core::ThreadPoolNoAbortBuilder;

use crate::auth::Gate;
use crate::embedders::Embedders;
use crate::error::{ApiError, Result};
use crate::flags::Flags;
use crate::keys;
use crate::queue::book::Book;
use crate::queue::worker::Worker;
use crate::store::indexes::Indexes;
use crate::store::payloads::Payloads;
use crate::store::register::Register;

pub struct App {
    pub register: Register,
    pub book: Arc<Book>,
    pub indexes: Arc<Indexes>,
    pub payloads: Arc<Payloads>,
    pub embedders: Arc<Embedders>,
    pub master_key: Option<String>,
    pub payload_limit: u64,
}

impl App {
    /// Opens the data folder and starts the worker.
    pub fn open(flags: &Flags) -> Result<(Arc<App>, std::thread::JoinHandle<()>)> {
        std::fs::create_dir_all(&flags.db_path)?;
        let register = Register::open(&flags.db_path)?;
        if flags.master_key.is_some() {
            keys::make_defaults(&register)?;
        }
        let book = Arc::new(Book::open(register.clone())?);
        let indexes = Arc::new(Indexes::open(&flags.db_path, &register)?);
        let payloads = Arc::new(Payloads::open(&flags.db_path)?);
        payloads.retain(&book.needed_payloads()?)?;
        let embedders = Arc::new(Embedders::default());
        let pool = ThreadPoolNoAbortBuilder::new()
            .thread_name(|n| format!("indexing-{n}"))
            .num_threads(flags.indexing_threads)
            .build()
            .map_err(ApiError::internal)?;
        let config =
            IndexerConfig { max_memory: flags.indexing_memory, thread_pool: Some(pool), ..IndexerConfig::default() };
        let worker = Worker {
            book: Arc::clone(&book),
            indexes: Arc::clone(&indexes),
            payloads: Arc::clone(&payloads),
            embedders: Arc::clone(&embedders),
            config,
            alone_until: std::sync::atomic::AtomicU32::new(0),
        };
        let working = std::thread::Builder::new().name("worker".into()).spawn(move || worker.run())?;
        let app = App {
            register,
            book,
            indexes,
            payloads,
            embedders,
            master_key: flags.master_key.clone(),
            payload_limit: flags.payload_limit,
        };
        Ok((Arc::new(app), working))
    }

    pub fn gate(&self) -> Gate<'_> {
        Gate { register: &self.register, master: self.master_key.as_deref() }
    }
}

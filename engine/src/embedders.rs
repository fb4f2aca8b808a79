//! The embedders of indexes, made once for equal options.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use heed::{RoTxn, WithoutTls};
use milli_core::prompt::Prompt;
use milli_core::vector::{Embedder, EmbedderOptions, EmbeddingConfigs};
use milli_core::Index;

use crate::error::{code, ApiError, Result};

/// Embeddings of queries remembered per embedder.
const CACHED_QUERIES: usize = 150;

#[derive(Default)]
pub struct Embedders(Mutex<HashMap<EmbedderOptions, Arc<Embedder>>>);

impl Embedders {
    pub fn of(&self, index: &Index, txn: &RoTxn<'_, WithoutTls>) -> Result<EmbeddingConfigs> {
        let mut configs = HashMap::new();
        for config in index.embedding_configs(txn)? {
            let quantized = config.config.quantized();
            let prompt = Prompt::try_from(config.config.prompt)
                .map_err(|err| ApiError::new(code::invalid_settings_embedders, err.to_string()))?;
            let embedder = self.embedder(config.config.embedder_options)?;
            configs.insert(config.name, (embedder, Arc::new(prompt), quantized));
        }
        Ok(EmbeddingConfigs::new(configs))
    }

    fn embedder(&self, options: EmbedderOptions) -> Result<Arc<Embedder>> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(embedder) = known.get(&options) {
            return Ok(Arc::clone(embedder));
        }
        let made = Embedder::new(options.clone(), CACHED_QUERIES)
            .map_err(|err| ApiError::new(code::vector_embedding_error, err.to_string()))?;
        let embedder = Arc::new(made);
        known.insert(options, Arc::clone(&embedder));
        Ok(embedder)
    }
}

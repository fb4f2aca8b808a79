//! Whether a search goes by words, by meaning, or by both.

use std::sync::Arc;

use heed::{RoTxn, WithoutTls};
use milli_core::vector::Embedder;
use milli_core::{Error, Index, UserError};

use super::query::{not_enabled, Query, MULTIMODAL, PERSONALIZATION};
use crate::embedders::Embedders;
use crate::error::{code, ApiError, Result};

pub enum Kind {
    Keyword,
    Semantic(Chosen),
    Hybrid(Chosen, f32),
}

/// The embedder a query names.
pub struct Chosen {
    pub name: String,
    pub embedder: Arc<Embedder>,
    pub quantized: bool,
}

impl Kind {
    pub fn of(query: &Query, index: &Index, txn: &RoTxn<'_, WithoutTls>, embedders: &Embedders) -> Result<Self> {
        let has_text = query.q.as_deref().is_some_and(|q| !q.trim().is_empty());
        if query.personalize {
            return Err(not_enabled("reranking search results", PERSONALIZATION));
        }
        if query.media && query.vector.is_some() {
            return Err(ApiError::new(
                code::invalid_search_media_and_vector,
                "Invalid request: both `media` and `vector` parameters are present.",
            ));
        }
        let hybrid = match (&query.hybrid, &query.vector) {
            (None, _) if query.media || query.vector.is_some() => {
                return Err(ApiError::new(
                    code::missing_search_hybrid,
                    "Invalid request: missing `hybrid` parameter when `vector` or `media` are present.",
                ))
            }
            (None, _) => return Ok(Kind::Keyword),
            (Some(hybrid), None) if hybrid.semantic_ratio == 0.0 || (!has_text && !query.media) => {
                return Ok(Kind::Keyword)
            }
            (Some(hybrid), _) if hybrid.semantic_ratio == 0.0 => return Ok(Kind::Keyword),
            (Some(hybrid), _) => hybrid,
        };
        let missing = || Error::UserError(UserError::InvalidSearchEmbedder(hybrid.embedder.clone()));
        let chosen = choose(&hybrid.embedder, index, txn, embedders)?.ok_or_else(|| ApiError::from(missing()))?;
        if query.media {
            return Err(not_enabled("passing `media` in a search query", MULTIMODAL));
        }
        if let Some(vector) = &query.vector {
            let expected = chosen.embedder.dimensions();
            if vector.len() != expected {
                let err = UserError::InvalidVectorDimensions { expected, found: vector.len() };
                return Err(Error::UserError(err).into());
            }
        }
        Ok(if hybrid.semantic_ratio == 1.0 || !has_text {
            Kind::Semantic(chosen)
        } else {
            Kind::Hybrid(chosen, hybrid.semantic_ratio)
        })
    }
}

pub fn choose(name: &str, index: &Index, txn: &RoTxn<'_, WithoutTls>, embedders: &Embedders) -> Result<Option<Chosen>> {
    let chosen = embedders.of(index, txn)?.get(name);
    Ok(chosen.map(|(embedder, _prompt, quantized)| Chosen { name: name.to_owned(), embedder, quantized }))
}

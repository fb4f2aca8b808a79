//! Documents near a document.

use std::time::Instant;

use milli_core::{Error, Similar, UserError};
use serde_json::{json, Value};

use super::hits::{Shape, ShapeOptions};
use super::kind;
use super::query::{self, filter_param};
use super::run::Place;
use crate::decode::{document_id, At, Params};
use crate::error::{code, ApiError, Result};

const FIELDS: [&str; 11] = [
    "id", "offset", "limit", "filter", "embedder", "attributesToRetrieve", "retrieveVectors", "showRankingScore",
    "showRankingScoreDetails", "showPerformanceDetails", "rankingScoreThreshold",
];

/// The parameters of the same by GET.
const PARAMS: [&str; 11] = [
    "id", "embedder", "offset", "limit", "attributesToRetrieve", "retrieveVectors", "filter", "showRankingScore",
    "showRankingScoreDetails", "showPerformanceDetails", "rankingScoreThreshold",
];

pub struct SimilarQuery {
    id: Value,
    offset: usize,
    limit: usize,
    filter: Option<Value>,
    embedder: String,
    retrieve: Option<Vec<String>>,
    vectors: bool,
    score: bool,
    score_details: bool,
    threshold: Option<f64>,
}

impl SimilarQuery {
    fn new() -> Self {
        SimilarQuery {
            id: Value::Null,
            offset: 0,
            limit: query::DEFAULT_LIMIT,
            filter: None,
            embedder: String::new(),
            retrieve: None,
            vectors: false,
            score: false,
            score_details: false,
            threshold: None,
        }
    }

    pub fn from_body(body: &Value) -> Result<Self> {
        let root = At::root(body);
        let mut query = Self::new();
        let (mut id, mut embedder) = (None, None);
        for (name, value) in root.object(code::bad_request)? {
            let at = root.key(name, value);
            match name.as_str() {
                "id" => id = Some(value.clone()),
                "offset" => query.offset = at.unsigned(code::invalid_similar_offset)?,
                "limit" => query.limit = at.unsigned(code::invalid_similar_limit)?,
                "filter" => query.filter = Some(value.clone()).filter(|value| !value.is_null()),
                "embedder" => embedder = Some(at.string(code::invalid_similar_embedder)?),
                "attributesToRetrieve" => {
                    query.retrieve = at.nullable(|at| at.strings(code::invalid_similar_attributes_to_retrieve))?
                }
                "retrieveVectors" => query.vectors = at.boolean(code::invalid_similar_retrieve_vectors)?,
                "showRankingScore" => query.score = at.boolean(code::invalid_similar_show_ranking_score)?,
                "showRankingScoreDetails" => {
                    query.score_details = at.boolean(code::invalid_similar_show_ranking_score_details)?
                }
                "showPerformanceDetails" => {
                    at.boolean(code::invalid_similar_show_performance_details)?;
                }
                "rankingScoreThreshold" => {
                    query.threshold =
                        at.nullable(|at| query::threshold(at, code::invalid_similar_ranking_score_threshold))?
                }
                _ => return Err(root.unknown_field(name, &FIELDS)),
            }
        }
        query.id = id.ok_or_else(|| root.missing_field(code::bad_request, "id"))?;
        query.embedder = embedder.ok_or_else(|| root.missing_field(code::bad_request, "embedder"))?;
        Ok(query)
    }

    pub fn from_params(params: &Params) -> Result<Self> {
        let mut query = Self::new();
        let (mut id, mut embedder) = (None, None);
        for param in params.iter() {
            match param.name {
                "id" => id = Some(json!(param.value)),
                "offset" => query.offset = param.unsigned(code::invalid_similar_offset)?,
                "limit" => query.limit = param.unsigned(code::invalid_similar_limit)?,
                "filter" => query.filter = filter_param(param.value),
                "embedder" => embedder = Some(param.string()),
                "attributesToRetrieve" => query.retrieve = Some(param.list()),
                "retrieveVectors" => query.vectors = param.boolean(code::invalid_similar_retrieve_vectors)?,
                "showRankingScore" => query.score = param.boolean(code::invalid_similar_show_ranking_score)?,
                "showRankingScoreDetails" => {
                    query.score_details = param.boolean(code::invalid_similar_show_ranking_score_details)?
                }
                "showPerformanceDetails" => {
                    param.boolean(code::invalid_similar_show_performance_details)?;
                }
                "rankingScoreThreshold" => {
                    let value: Option<f64> = param.value.trim().parse().ok();
                    let in_range = value.filter(|value| (0.0..=1.0).contains(value));
                    query.threshold = Some(in_range.ok_or_else(|| {
                        param.invalid(
                            code::invalid_similar_ranking_score_threshold,
                            "the value of `rankingScoreThreshold` is invalid, expected a float between `0.0` and `1.0`.",
                        )
                    })?);
                }
                _ => return Err(param.unknown(&PARAMS)),
            }
        }
        let missing = |name: &str| ApiError::new(code::bad_request, format!("Missing parameter `{name}`"));
        query.id = id.ok_or_else(|| missing("id"))?;
        query.embedder = embedder.ok_or_else(|| missing("embedder"))?;
        Ok(query)
    }
}

pub fn run(place: &Place<'_>, query: &SimilarQuery) -> Result<Value> {
    let started = Instant::now();
    let Place { index, txn, .. } = place;
    let missing = || ApiError::from(Error::UserError(UserError::InvalidSimilarEmbedder(query.embedder.clone())));
    let chosen = kind::choose(&query.embedder, index, txn, place.embedders)?.ok_or_else(missing)?;
    let external = document_id(&query.id, code::invalid_similar_id)?;
    let not_found = || ApiError::new(code::not_found_similar_id, format!("Document `{external}` not found."));
    let id = index.external_documents_ids().get(txn, &external)?.ok_or_else(not_found)?;
    let filter_code = code::invalid_similar_filter;
    let filter_error = |err: Error| match err {
        err @ Error::UserError(UserError::InvalidFilter(_)) => ApiError { code: filter_code, ..ApiError::from(err) },
        err => err.into(),
    };
    // A token's filter hides documents, the one asked about included.
    if let Some(tenant) = place.filter(None, filter_code)? {
        if !tenant.evaluate(txn, index).map_err(filter_error)?.contains(id) {
            return Err(not_found());
        }
    }
    let mut similar =
        Similar::new(id, query.offset, query.limit, index, txn, chosen.name, chosen.embedder, chosen.quantized);
    if let Some(filter) = place.filter(query.filter.as_ref(), filter_code)? {
        similar.filter(filter);
    }
    if let Some(threshold) = query.threshold {
        similar.ranking_score_threshold(threshold);
    }
    let result = similar.execute().map_err(filter_error)?;
    let options = ShapeOptions {
        retrieve: query.retrieve.as_deref(),
        vectors: query.vectors,
        score: query.score,
        score_details: query.score_details,
        ..ShapeOptions::default()
    };
    let hits = Shape::new(place, options)?.hits(
        milli_core::MatchingWords::default(),
        &result.documents_ids,
        &result.document_scores,
    )?;
    Ok(json!({
        "hits": hits,
        "id": external,
        "processingTimeMs": started.elapsed().as_millis() as u64,
        "limit": query.limit,
        "offset": query.offset,
        "estimatedTotalHits": (result.candidates.len() as usize).min(place.max_total_hits()?),
    }))
}

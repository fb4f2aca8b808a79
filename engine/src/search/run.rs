//! Running one search and shaping its answer.

use std::str::FromStr;
use std::time::{Duration, Instant};

use heed::{RoTxn, WithoutTls};
use milli_core::score_details::ScoringStrategy;
use milli_core::{AscDesc, Error, Filter, Index, Search, SearchResult, SortError, TimeBudget, UserError};
use serde_json::{json, Map, Value};
use uuid::Uuid;

use super::hits::{Shape, ShapeOptions};
use super::kind::Kind;
use super::query::Query;
use super::{facets, kind};
use crate::embedders::Embedders;
use crate::error::{code, ApiError, Code, Result};
use crate::filter;
use crate::store::register::Register;

const DEFAULT_MAX_TOTAL_HITS: u64 = 1000;
const DEFAULT_CUTOFF_MS: u64 = 1500;

/// An index to search in, by name.
pub struct Place<'a> {
    pub name: &'a str,
    pub index: &'a Index,
    /// Whether the rule `attribute` is shown as `attributeRank` and `wordPosition`.
    pub split_rules: bool,
    pub txn: &'a RoTxn<'a, WithoutTls>,
    pub embedders: &'a Embedders,
    pub register: &'a Register,
    /// What the bearer's token adds to every filter.
    pub tenant_filter: Option<&'a Value>,
}

impl Place<'_> {
    /// What the client and the bearer's token ask for.
    pub fn filter<'q>(&'q self, client: Option<&'q Value>, code: Code) -> Result<Option<Filter<'q>>> {
        filter::combined(client, self.tenant_filter, code, self.register)
    }

    /// Errors the engine finds while it runs name the index, and quote the filter as it was understood.
    pub fn located(&self, err: Error, client: Option<&Value>) -> ApiError {
        let err = match err {
            Error::UserError(UserError::InvalidFilter(_) | UserError::FilterOperatorNotAllowed { .. }) => {
                self.filter_error(client).unwrap_or(err)
            }
            err => err,
        };
        match err {
            err @ Error::UserError(_) => ApiError::from(err).prefixed(&format!("Index `{}`: ", self.name)),
            err => err.into(),
        }
    }

    /// What is wrong with the filter once it is quoted.
    fn filter_error(&self, client: Option<&Value>) -> Option<Error> {
        let understood = self.filter(client, code::invalid_search_filter).ok()??;
        let quoted = filter::quoted(&understood.into());
        let filter = Filter::from_str(&quoted).ok()??;
        filter.evaluate(self.txn, self.index).err()
    }

    pub fn max_total_hits(&self) -> Result<usize> {
        Ok(self.index.pagination_max_total_hits(self.txn)?.unwrap_or(DEFAULT_MAX_TOTAL_HITS) as usize)
    }

    /// The engine's search for a query, over the window of hits from `offset` on.
    pub fn prepare<'q>(&'q self, query: &'q Query, kind: &Kind, offset: usize, limit: usize) -> Result<Prepared<'q>> {
        let mut search = self.index.search(self.txn);
        search.terms_matching_strategy(query.matching_strategy);
        search.exhaustive_number_hits(query.is_paged());
        search.offset(offset).limit(limit);
        let detailed = query.show_ranking_score
            || query.show_ranking_score_details
            || query.ranking_score_threshold.is_some()
            || !matches!(kind, Kind::Keyword);
        search.scoring_strategy(if detailed { ScoringStrategy::Detailed } else { ScoringStrategy::Skip });
        let cutoff = self.index.search_cutoff(self.txn)?.unwrap_or(DEFAULT_CUTOFF_MS);
        search.time_budget(TimeBudget::new(Duration::from_millis(cutoff)));
        if let Some(threshold) = query.ranking_score_threshold {
            search.ranking_score_threshold(threshold);
        }
        if let Some(distinct) = &query.distinct {
            search.distinct(distinct.clone());
        }
        if let Some(attributes) = &query.attributes_to_search_on {
            search.searchable_attributes(attributes);
        }
        if let Some(locales) = &query.locales {
            search.locales(locales.clone());
        }
        if let Some(filter) = self.filter(query.filter.as_ref(), code::invalid_search_filter)? {
            search.filter(filter);
        }
        if let Some(rules) = &query.sort {
            search.sort_criteria(sort(rules)?);
        }
        let vector = self.aim(query, kind, &mut search)?;
        Ok(Prepared { search, vector })
    }

    /// Gives the search its words or its vector; returns the vector searched for.
    fn aim(&self, query: &Query, kind: &Kind, search: &mut Search<'_>) -> Result<Option<Vec<f32>>> {
        let text = query.q.as_ref().filter(|q| !q.is_empty());
        match kind {
            Kind::Keyword => {
                if let Some(text) = text {
                    search.query(text);
                }
                Ok(None)
            }
            Kind::Semantic(kind::Chosen { name, embedder, quantized }) => {
                let vector = match &query.vector {
                    Some(vector) => vector.clone(),
                    None => {
                        let deadline = Instant::now() + Duration::from_secs(10);
                        let text = query.q.as_deref().unwrap_or_default();
                        embedder
                            .embed_search(text, Some(deadline))
                            .map_err(|err| ApiError::new(code::vector_embedding_error, err.to_string()))?
                    }
                };
                search.semantic(name.clone(), embedder.clone(), *quantized, Some(vector.clone()));
                Ok(Some(vector))
            }
            Kind::Hybrid(kind::Chosen { name, embedder, quantized }, _) => {
                if let Some(text) = text {
                    search.query(text);
                }
                search.semantic(name.clone(), embedder.clone(), *quantized, query.vector.clone());
                Ok(query.vector.clone())
            }
        }
    }
}

pub struct Prepared<'q> {
    pub search: Search<'q>,
    vector: Option<Vec<f32>>,
}

/// Sort rules as the engine takes them.
pub fn sort(rules: &[String]) -> Result<Vec<AscDesc>> {
    let parse = |rule: &String| AscDesc::from_str(rule).map_err(|err| Error::from(SortError::from(err)).into());
    rules.iter().map(parse).collect()
}

/// Runs `query` and answers as POST and GET search do, without the index's name.
pub fn run(place: &Place<'_>, query: &Query) -> Result<Map<String, Value>> {
    let started = Instant::now();
    let kind = Kind::of(query, place.index, place.txn, place.embedders)?;
    let max = place.max_total_hits()?;
    let (offset, limit) = query.window();
    let from = offset.min(max);
    let prepared = place.prepare(query, &kind, from, limit.min(max - from))?;
    let (result, semantic_hits) = execute(place, query, &kind, &prepared.search)?;
    let SearchResult { matching_words, candidates, documents_ids, document_scores, .. } = result;

    let shape = Shape::new(place, ShapeOptions::of(query))?;
    let hits = shape.hits(matching_words, &documents_ids, &document_scores)?;
    let total = candidates.len() as usize;
    let mut answer = Map::new();
    answer.insert("hits".into(), Value::Array(hits));
    answer.insert("query".into(), json!(query.q.as_deref().unwrap_or_default()));
    // A hybrid search whose words were good enough made no use of its vector: they alone filled the page.
    let filled = documents_ids.len() >= limit.min(max - from);
    let used = !(filled && matches!((&kind, semantic_hits), (Kind::Hybrid(..), Some(0))));
    if let Some(vector) = prepared.vector.filter(|_| query.retrieve_vectors && used) {
        answer.insert("queryVector".into(), json!(vector));
    }
    answer.insert("processingTimeMs".into(), json!(started.elapsed().as_millis() as u64));
    page_members(query, total, &mut answer);
    if let Some(wanted) = &query.facets {
        let facets = facets::distribution(place.index, place.txn, wanted, candidates)?;
        answer.insert("facetDistribution".into(), facets.distribution);
        answer.insert("facetStats".into(), facets.stats);
    }
    if query.show_performance_details {
        let spent = format!("{:.2?}", started.elapsed());
        answer.insert("performanceDetails".into(), json!({"search": spent}));
    }
    if let Some(count) = semantic_hits {
        answer.insert("semanticHitCount".into(), json!(count));
    }
    answer.insert("requestUid".into(), json!(Uuid::now_v7()));
    Ok(answer)
}

/// Says which page this is, and of how many hits.
pub fn page_members(query: &Query, total: usize, answer: &mut Map<String, Value>) {
    if query.is_paged() {
        let size = query.hits_per_page.unwrap_or(super::query::DEFAULT_LIMIT);
        answer.insert("hitsPerPage".into(), json!(size));
        answer.insert("page".into(), json!(query.page.unwrap_or(1)));
        answer.insert("totalPages".into(), json!(if size == 0 { 0 } else { total.div_ceil(size) }));
        answer.insert("totalHits".into(), json!(total));
    } else {
        answer.insert("limit".into(), json!(query.limit));
        answer.insert("offset".into(), json!(query.offset));
        answer.insert("estimatedTotalHits".into(), json!(total));
    }
}

pub fn execute(
    place: &Place<'_>,
    query: &Query,
    kind: &Kind,
    search: &Search<'_>,
) -> Result<(SearchResult, Option<u32>)> {
    let located = |err| place.located(err, query.filter.as_ref());
    match kind {
        Kind::Keyword => Ok((search.execute().map_err(located)?, None)),
        Kind::Semantic(_) => {
            let result = search.execute().map_err(located)?;
            let count = result.document_scores.len() as u32;
            Ok((result, Some(count)))
        }
        Kind::Hybrid(_, ratio) => search.execute_hybrid(*ratio).map_err(located),
    }
}

//! Several queries, perhaps in several indexes, merged into one answer.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::time::Instant;

use indexmap::IndexMap;
use milli_core::score_details::ScoreDetails;
use milli_core::{MatchingWords, OrderBy, SearchResult};
use roaring::RoaringBitmap;
use serde_json::{json, Map, Value};
use uuid::Uuid;

use super::facets;
use super::federation::{inside_facets, Federation, Named};
use super::hits::{Shape, ShapeOptions};
use super::kind::Kind;
use super::query::Query;
use super::run::{execute, page_members, Place};
use super::sorted::distinct_values;
use super::weigh::Weighed;
use crate::error::{code, ApiError, Result};

/// What one query found, best first.
struct Found {
    words: MatchingWords,
    ids: Vec<u32>,
    scores: Vec<Vec<ScoreDetails>>,
    weighed: Vec<Weighed>,
    semantic: Option<u32>,
}

/// One hit of the merge: which query found it, at which place.
struct Pick {
    query: usize,
    at: usize,
}

/// `places` has the place of every query; `facet_places` those of all indexes whose facets are wanted. Errors of a query
/// are named by `inside`.
pub fn run(
    federation: &Federation,
    queries: &[Named],
    places: &[Place<'_>],
    facet_places: &BTreeMap<&str, Place<'_>>,
    inside: impl Fn(usize, ApiError) -> ApiError,
) -> Result<Value> {
    let started = Instant::now();
    let (offset, limit) = federation.as_query().window();
    let mut candidates: BTreeMap<&str, RoaringBitmap> = BTreeMap::new();
    let mut found = Vec::with_capacity(queries.len());
    for (i, (named, place)) in queries.iter().zip(places).enumerate() {
        let (one, matching) =
            one(federation, named, place, offset.saturating_add(limit)).map_err(|err| inside(i, err))?;
        *candidates.entry(&named.index).or_default() |= matching;
        found.push(one);
    }
    let merged = merge(federation, queries, places, &found, offset.saturating_add(limit), &mut candidates)?;
    let page: Vec<Pick> = merged.into_iter().skip(offset).take(limit).collect();

    let mut answer = Map::new();
    answer.insert("hits".into(), Value::Array(shaped(queries, places, &mut found, &page)?));
    answer.insert("processingTimeMs".into(), json!(started.elapsed().as_millis() as u64));
    let total = candidates.values().map(|found| found.len() as usize).sum();
    page_members(&federation.as_query(), total, &mut answer);
    if found.iter().any(|one| one.semantic.is_some()) {
        let by_vector = |pick: &&Pick| {
            found[pick.query].scores[pick.at].iter().any(|details| matches!(details, ScoreDetails::Vector(_)))
        };
        answer.insert("semanticHitCount".into(), json!(page.iter().filter(by_vector).count()));
    }
    // Facets of an index are wrong inside the first query about it, or, without one, on their own.
    let located = |index: &str, mut err: ApiError| match queries.iter().position(|named| named.index == index) {
        Some(query) => inside(query, inside_facets(index, err)),
        None => {
            err.message.push_str(&format!("\n - Note: index `{index}` is not used in queries"));
            inside_facets(index, err)
        }
    };
    count_facets(federation, facet_places, candidates, &mut answer, located)?;
    answer.insert("requestUid".into(), json!(Uuid::now_v7()));
    Ok(Value::Object(answer))
}

fn one(federation: &Federation, named: &Named, place: &Place<'_>, wanted: usize) -> Result<(Found, RoaringBitmap)> {
    // The merge compares scores, and totals are exact where pages are asked for.
    let query = Query {
        show_ranking_score: true,
        page: federation.page,
        hits_per_page: federation.hits_per_page,
        distinct: named.query.distinct.clone().or_else(|| federation.distinct.clone()),
        ..named.query.clone()
    };
    let kind = Kind::of(&query, place.index, place.txn, place.embedders)?;
    let prepared = place.prepare(&query, &kind, 0, wanted.min(place.max_total_hits()?))?;
    let (result, semantic) = execute(place, &query, &kind, &prepared.search)?;
    let SearchResult { matching_words, candidates, documents_ids, document_scores, .. } = result;
    let weighed = document_scores.iter().map(|details| Weighed::new(details, named.weight())).collect();
    Ok((Found { words: matching_words, ids: documents_ids, scores: document_scores, weighed, semantic }, candidates))
}

/// The best `wanted` hits. What several queries found counts once, for the query that ranked it best.
fn merge<'q>(
    federation: &Federation,
    queries: &'q [Named],
    places: &[Place<'_>],
    found: &[Found],
    wanted: usize,
    candidates: &mut BTreeMap<&'q str, RoaringBitmap>,
) -> Result<Vec<Pick>> {
    let mut next = vec![0; found.len()];
    let mut seen: HashSet<(&str, u32)> = HashSet::new();
    let mut values = HashSet::new();
    let mut merged = Vec::new();
    while merged.len() < wanted {
        let heads = (0..found.len()).filter(|query| next[*query] < found[*query].ids.len());
        let better = |a: &usize, b: &usize| -> Ordering {
            found[*a].weighed[next[*a]].cmp(&found[*b].weighed[next[*b]]).then(a.cmp(b))
        };
        let Some(query) = heads.min_by(better) else { break };
        let at = next[query];
        next[query] += 1;
        let (index, id) = (queries[query].index.as_str(), found[query].ids[at]);
        if !seen.insert((index, id)) {
            continue;
        }
        if let Some(field) = &federation.distinct {
            let place = &places[query];
            let own = distinct_values(place.index, place.txn, field, id)?;
            if own.iter().any(|value| values.contains(value)) {
                candidates.entry(index).or_default().remove(id);
                continue;
            }
            values.extend(own);
        }
        merged.push(Pick { query, at });
    }
    Ok(merged)
}

fn shaped(queries: &[Named], places: &[Place<'_>], found: &mut [Found], page: &[Pick]) -> Result<Vec<Value>> {
    let mut hits = vec![Value::Null; page.len()];
    for (query, named) in queries.iter().enumerate() {
        let own: Vec<(usize, usize)> =
            page.iter().enumerate().filter(|(_, pick)| pick.query == query).map(|(i, pick)| (i, pick.at)).collect();
        let one = &mut found[query];
        let ids: Vec<u32> = own.iter().map(|(_, at)| one.ids[*at]).collect();
        let scores: Vec<Vec<ScoreDetails>> = own.iter().map(|(_, at)| one.scores[*at].clone()).collect();
        let shape = Shape::new(&places[query], ShapeOptions::of(&named.query))?;
        for ((i, at), mut hit) in own.iter().zip(shape.hits(std::mem::take(&mut one.words), &ids, &scores)?) {
            hit["_federation"] = json!({
                "indexUid": named.index,
                "queriesPosition": query,
                "weightedRankingScore": one.weighed[*at].score,
            });
            hits[*i] = hit;
        }
    }
    Ok(hits)
}

fn count_facets(
    federation: &Federation,
    places: &BTreeMap<&str, Place<'_>>,
    candidates: BTreeMap<&str, RoaringBitmap>,
    answer: &mut Map<String, Value>,
    located: impl Fn(&str, ApiError) -> ApiError,
) -> Result<()> {
    let mut by_index = BTreeMap::new();
    for (index, wanted) in &federation.facets {
        let (Some(wanted), Some(place)) = (wanted, places.get(index.as_str())) else { continue };
        let queried = candidates.get(index.as_str());
        let matching = queried.cloned().unwrap_or_default();
        let counted = facets::distribution(place.index, place.txn, wanted, matching);
        let counted = counted.map_err(|err| located(index, err))?;
        if queried.is_some() {
            by_index.insert(index.as_str(), counted);
        }
    }
    match federation.merge_facets {
        Some(most) if !by_index.is_empty() => {
            let (distribution, stats) = merged_facets(by_index, places, most)?;
            answer.insert("facetDistribution".into(), distribution);
            answer.insert("facetStats".into(), stats);
        }
        None if !by_index.is_empty() => {
            let shown = by_index
                .into_iter()
                .map(|(index, f)| (index.to_owned(), json!({"distribution": f.distribution, "stats": f.stats})));
            answer.insert("facetsByIndex".into(), Value::Object(shown.collect()));
        }
        _ => {}
    }
    Ok(())
}

/// Counts of the same value add up; values come in the order that the settings of all indexes agree on.
fn merged_facets(
    by_index: BTreeMap<&str, facets::Facets>,
    places: &BTreeMap<&str, Place<'_>>,
    most: Option<usize>,
) -> Result<(Value, Value)> {
    let mut orders: BTreeMap<String, (&str, OrderBy)> = BTreeMap::new();
    let mut distribution: BTreeMap<String, IndexMap<String, u64>> = BTreeMap::new();
    let mut stats: BTreeMap<String, (f64, f64)> = BTreeMap::new();
    for (index, counted) in by_index {
        let settings = places[index].index.sort_facet_values_by(places[index].txn)?;
        for (facet, counts) in counted.distribution.as_object().into_iter().flatten() {
            let order = settings.get(facet);
            let (first, agreed) = *orders.entry(facet.clone()).or_insert((index, order));
            if agreed != order {
                return Err(inconsistent(facet, (first, agreed), (index, order)));
            }
            let merged = distribution.entry(facet.clone()).or_default();
            for (value, count) in counts.as_object().into_iter().flatten() {
                *merged.entry(value.clone()).or_default() += count.as_u64().unwrap_or_default();
            }
        }
        for (facet, own) in counted.stats.as_object().into_iter().flatten() {
            let (min, max) = (own["min"].as_f64().unwrap_or_default(), own["max"].as_f64().unwrap_or_default());
            let merged = stats.entry(facet.clone()).or_insert((min, max));
            *merged = (merged.0.min(min), merged.1.max(max));
        }
    }
    for (facet, counts) in &mut distribution {
        match orders[facet].1 {
            OrderBy::Lexicographic => counts.sort_unstable_keys(),
            OrderBy::Count => counts.sort_by(|_, a, _, b| b.cmp(a)),
        }
        counts.truncate(most.unwrap_or(usize::MAX));
    }
    let stats: BTreeMap<String, Value> =
        stats.into_iter().map(|(facet, (min, max))| (facet, json!({"min": min, "max": max}))).collect();
    Ok((json!(distribution), json!(stats)))
}

fn inconsistent(facet: &str, (first, agreed): (&str, OrderBy), (index, order): (&str, OrderBy)) -> ApiError {
    let word = |order: OrderBy| match order {
        OrderBy::Lexicographic => "alphabetically",
        OrderBy::Count => "by count",
    };
    ApiError::new(
        code::invalid_multi_search_facet_order,
        format!(
            "Inconsistent order for values in facet `{facet}`: index `{first}` orders {}, but index `{index}` orders {}.\n \
             - Hint: Remove `federation.mergeFacets` or change `faceting.sortFacetValuesBy` to be consistent in settings.",
            word(agreed),
            word(order)
        ),
    )
}

/// Every index that a federated request names, once.
pub fn indexes<'r>(federation: &'r Federation, queries: &'r [Named]) -> BTreeSet<&'r str> {
    let queried = queries.iter().map(|named| named.index.as_str());
    queried.chain(federation.facets.keys().map(String::as_str)).collect()
}

//! The order of hits that different queries found: by what each ranking rule said of them, times the query's weight.

use std::cmp::Ordering;

use milli_core::score_details::{compare_sort_values, ScoreDetails, WeightedScoreValue};

/// What a hit is compared by.
pub struct Weighed {
    values: Vec<WeightedScoreValue>,
    pub score: f64,
}

impl Weighed {
    pub fn new(details: &[ScoreDetails], weight: f64) -> Self {
        Weighed {
            values: ScoreDetails::weighted_score_values(details.iter(), weight).collect(),
            score: ScoreDetails::global_score(details.iter()) * weight,
        }
    }

    /// Less for the better one of two hits.
    pub fn cmp(&self, other: &Self) -> Ordering {
        let both = self.values.iter().zip(&other.values);
        for (at, (a, b)) in both.enumerate() {
            match compare(a, b) {
                Some(Ordering::Equal) => {}
                Some(order) => return order,
                // Different rules say nothing about each other: the hit with more to say wins.
                None => {
                    let (left, right) = (self.values.len() - at, other.values.len() - at);
                    return right.cmp(&left).then(other.score.total_cmp(&self.score));
                }
            }
        }
        other.values.len().cmp(&self.values.len())
    }
}

fn compare(a: &WeightedScoreValue, b: &WeightedScoreValue) -> Option<Ordering> {
    use WeightedScoreValue::{GeoSort, Sort, VectorSort, WeightedScore};
    match (a, b) {
        (WeightedScore(a) | VectorSort(a), WeightedScore(b) | VectorSort(b)) => Some(larger_first(*a, *b)),
        (Sort { asc, value: a }, Sort { asc: same, value: b }) if asc == same => {
            Some(compare_sort_values(*asc, a, b).reverse())
        }
        (GeoSort { asc, distance: a }, GeoSort { asc: same, distance: b }) if asc == same => Some(match (a, b) {
            (None, None) => Ordering::Equal,
            (None, Some(_)) => Ordering::Greater,
            (Some(_), None) => Ordering::Less,
            (Some(a), Some(b)) if *asc => larger_first(*b, *a),
            (Some(a), Some(b)) => larger_first(*a, *b),
        }),
        _ => None,
    }
}

fn larger_first(a: f64, b: f64) -> Ordering {
    match (a - b).abs() <= f64::EPSILON {
        true => Ordering::Equal,
        false => b.total_cmp(&a),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use milli_core::score_details::{Rank, Sort};
    use serde_json::json;

    fn hit(rank: u32, value: serde_json::Value) -> Vec<ScoreDetails> {
        let sort = Sort { field_name: "n".into(), ascending: true, redacted: false, value };
        vec![ScoreDetails::Proximity(Rank { rank, max_rank: 4 }), ScoreDetails::Sort(sort)]
    }

    #[test]
    fn scores_come_before_sorts_and_weights_count() {
        let weighed = |details: Vec<ScoreDetails>, weight| Weighed::new(&details, weight);
        let best = weighed(hit(4, json!(9)), 1.0);
        assert_eq!(best.cmp(&weighed(hit(4, json!(3)), 1.0)), Ordering::Greater);
        assert_eq!(best.cmp(&weighed(hit(3, json!(3)), 1.0)), Ordering::Less);
        assert_eq!(best.cmp(&weighed(hit(3, json!(3)), 2.0)), Ordering::Greater);
        assert_eq!(best.cmp(&weighed(hit(4, json!("text")), 1.0)), Ordering::Less);
        assert_eq!(best.cmp(&weighed(hit(4, json!(9))[..1].to_vec(), 1.0)), Ordering::Less);
        assert_eq!(best.cmp(&weighed(hit(4, json!(9)), 1.0)), Ordering::Equal);
    }
}

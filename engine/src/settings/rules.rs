//! Ranking rules as clients name them. This engine has one rule `attribute`; what current engines call `attributeRank`
//! and `wordPosition` are its two halves, which run one after the other. So the two names stand for the one rule, at the
//! place of `attributeRank`, and its scores are shown under the two names. Only a rule that a client puts between the
//! two runs after both instead.

use milli_core::score_details::ScoreDetails;
use serde_json::{json, Map, Value};

use crate::error::{code, ApiError, Result};

const RANK: &str = "attributeRank";
const POSITION: &str = "wordPosition";
const BOTH: &str = "attribute";

/// The rules of an index whose rules nobody set.
pub fn default_rules() -> Vec<String> {
    ["words", "typo", "proximity", RANK, "sort", POSITION, "exactness"].map(str::to_owned).to_vec()
}

/// Whether the name is a rule that this engine only knows as a half of another.
pub fn is_half(name: &str) -> bool {
    name == RANK || name == POSITION
}

/// Refuses lists that name the halves beside the whole, or one half alone, which this engine cannot run.
pub fn check(rules: &[&str]) -> Result<()> {
    let has = |name: &str| rules.contains(&name);
    let refused = |message: &str| Err(ApiError::new(code::invalid_settings_ranking_rules, message));
    match (has(BOTH), has(RANK), has(POSITION)) {
        (true, true, _) | (true, _, true) => refused(
            "Mixed usage of the attribute, attributeRank, and wordPosition ranking rules. You must either use the \
             attribute ranking rule alone or the attributeRank and wordPosition ranking rules.",
        ),
        (false, true, false) | (false, false, true) => {
            refused("This engine runs `attributeRank` and `wordPosition` only together: name both, or neither.")
        }
        _ => Ok(()),
    }
}

pub fn are_split(rules: &[String]) -> bool {
    rules.iter().any(|rule| rule == RANK)
}

/// The rules as this engine knows them.
pub fn to_engine(rules: &[String]) -> Vec<&str> {
    let known = rules.iter().filter(|rule| *rule != POSITION);
    known.map(|rule| if rule == RANK { BOTH } else { rule.as_str() }).collect()
}

/// The details of a hit's score, by rule. `split` shows the rule `attribute` as its two halves.
pub fn details(scores: &[ScoreDetails], split: bool) -> Map<String, Value> {
    let whole = ScoreDetails::to_json_map(scores.iter());
    if !split {
        return whole;
    }
    let mut shown = Map::new();
    let mut shift = 0;
    for (rule, mut detail) in whole {
        let order = detail["order"].as_u64().unwrap_or_default() + shift;
        if rule != BOTH {
            detail["order"] = json!(order);
            // A rule that may not be named is named by its place.
            let hidden = rule.starts_with("<hidden-rule-");
            shown.insert(if hidden { format!("<hidden-rule-{order}>") } else { rule }, detail);
            continue;
        }
        shown.insert(RANK.to_owned(), json!({"order": order, "score": detail["attributeRankingOrderScore"]}));
        // Where time ran out between the halves, the second has no score.
        if let Some(score) = detail.get("queryWordDistanceScore") {
            shift = 1;
            shown.insert(POSITION.to_owned(), json!({"order": order + 1, "score": score}));
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use milli_core::score_details::{Rank, Sort};

    #[test]
    fn two_names_stand_for_one_rule() {
        assert_eq!(to_engine(&default_rules()), ["words", "typo", "proximity", "attribute", "sort", "exactness"]);
        assert!(are_split(&default_rules()) && !are_split(&["attribute".to_owned()]));
        assert!(check(&["attribute", "wordPosition"]).unwrap_err().message.starts_with("Mixed usage"));
        assert!(check(&["attributeRank"]).is_err() && check(&["words"]).is_ok() && check(&["attribute"]).is_ok());
    }

    #[test]
    fn details_are_shown_in_halves() {
        let rank = |rank| Rank { rank, max_rank: 4 };
        let scores = [
            ScoreDetails::Proximity(rank(4)),
            ScoreDetails::Fid(rank(2)),
            ScoreDetails::Position(rank(1)),
            ScoreDetails::Skipped,
        ];
        let expected = json!({
            "proximity": {"order": 0, "score": 1.0},
            "attributeRank": {"order": 1, "score": 0.5},
            "wordPosition": {"order": 2, "score": 0.25},
            "skipped": {"order": 3},
        });
        assert_eq!(Value::Object(details(&scores, true)), expected);
        let hidden = Sort { field_name: "f".into(), ascending: true, redacted: true, value: Value::Null };
        let scores = [scores[1].clone(), scores[2].clone(), ScoreDetails::Sort(hidden)];
        assert!(details(&scores, true).contains_key("<hidden-rule-2>"));
        assert_eq!(details(&scores[..1], true).keys().collect::<Vec<_>>(), ["attributeRank"]);
        assert!(details(&scores, false).contains_key("attribute"));
    }
}

//! Exchanging the names of indexes.

use std::collections::BTreeMap;

use super::task::Swap;
use crate::error::{code, ApiError, Result};
use crate::store::indexes::Opened;

/// Applies all swaps, or none.
pub fn apply(swaps: &[Swap], names: &mut BTreeMap<String, Opened>) -> Result<()> {
    let mut missing: Vec<&str> = Vec::new();
    for Swap { indexes: [a, b], rename } in swaps {
        missing.extend((!names.contains_key(a)).then_some(a.as_str()));
        if *rename && names.contains_key(b) {
            return Err(ApiError::new(code::index_already_exists, format!("Index `{b}` already exists.")));
        }
        missing.extend((!*rename && !names.contains_key(b)).then_some(b.as_str()));
    }
    match missing.as_slice() {
        [] => {}
        [one] => return Err(ApiError::index_not_found(one)),
        many => {
            let quoted: Vec<String> = many.iter().map(|name| format!("`{name}`")).collect();
            return Err(ApiError::new(code::index_not_found, format!("Indexes {} not found.", quoted.join(", "))));
        }
    }
    for Swap { indexes: [a, b], .. } in swaps {
        let (left, right) = (names.remove(a), names.remove(b));
        names.extend(left.map(|opened| (b.clone(), opened)));
        names.extend(right.map(|opened| (a.clone(), opened)));
    }
    Ok(())
}

/// Old name → new name, for the tasks that came before.
pub fn renames(swaps: &[Swap]) -> Vec<(String, String)> {
    let both = |Swap { indexes: [a, b], .. }: &Swap| [(a.clone(), b.clone()), (b.clone(), a.clone())];
    swaps.iter().flat_map(both).collect()
}

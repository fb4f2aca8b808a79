//! Searching: the query as clients write it, what the engine makes of it, and the answer.

pub mod facets;
pub mod federated;
pub mod federation;
mod format;
pub mod hits;
mod kind;
pub mod query;
pub mod run;
pub mod similar;
pub mod sorted;
mod weigh;

//! The task queue: durable tasks, one batch of them worked off at a time.

pub mod batch;
pub mod book;
pub mod filter;
mod operate;
mod swap;
pub mod task;
pub mod worker;

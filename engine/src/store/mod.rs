//! What outlives the process: the register (tasks, keys, names of indexes), the indexes and the payload files.

pub mod indexes;
pub mod payloads;
pub mod register;

//! The connections of a worker: where they are kept, when they are due, and which is evicted.

pub(crate) mod deadlines;
pub(crate) mod eviction;
pub(crate) mod in_flight;
pub(crate) mod slab;

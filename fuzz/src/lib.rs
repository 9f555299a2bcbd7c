//! What the fuzz targets share: the invariants, which the stable tests replay too.

pub mod differential;
pub mod invariants;

/// Stands in for the server's module of this name, which the supervisor's source imports.
mod time {
    pub use httprs::Millis;
}

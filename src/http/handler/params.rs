//! [`Params`]: the parts of a path that a router has given names.

use std::cell::RefCell;
use std::sync::Arc;

/// The parts of a path that a router has given names. Interior, since handlers share the request.
#[derive(Debug, Default)]
pub(super) struct Params(RefCell<Found>);

#[derive(Debug, Default)]
struct Found {
    /// Those of the route, shared with it.
    names: Option<Arc<[Box<str>]>>,
    /// Where each begins and ends in the decoded path.
    spans: Vec<(usize, usize)>,
}

impl Params {
    /// Takes the names of a route, and where the path has them.
    pub(super) fn set(&self, names: &Arc<[Box<str>]>, spans: &[(usize, usize)]) {
        let mut found = self.0.borrow_mut();
        found.names = Some(names.clone());
        found.spans.clear();
        found.spans.extend_from_slice(spans);
    }

    /// Where the path has the part of this name.
    pub(super) fn span(&self, name: &str) -> Option<(usize, usize)> {
        let found = self.0.borrow();
        let names = found.names.as_ref()?;
        let at = names.iter().position(|known| **known == *name)?;
        found.spans.get(at).copied()
    }

    /// Forgets all, but for the memory.
    pub(super) fn clear(&mut self) {
        let found = self.0.get_mut();
        found.names = None;
        found.spans.clear();
    }
}

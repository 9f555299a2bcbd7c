//! [`Node`]: patterns as a tree, a level for each segment of a path.
//!
//! A path leads to each node in one way at most, so a lookup looks at no node twice.

use std::sync::Arc;

/// How many parameters a pattern may have.
const MOST_PARAMS: usize = 16;

/// Where the number of a route is, and the names of its parameters.
type Placed<'n> = (&'n mut Option<usize>, Arc<[Box<str>]>);

/// A place in the tree: some segments of a path were matched.
#[derive(Default)]
pub(super) struct Node {
    /// Sorted by their segments.
    literals: Vec<(Box<[u8]>, Node)>,
    param: Option<Box<Node>>,
    /// The route of paths that end here, and of paths that go on in any way.
    here: Option<usize>,
    rest: Option<usize>,
}

impl Node {
    /// The place of the route of a pattern, and the names of its parameters; why it is no pattern.
    pub(super) fn place(&mut self, pattern: &str) -> Result<Placed<'_>, &'static str> {
        let path = pattern.strip_prefix('/');
        let path = path.ok_or("it begins with a slash")?;
        let mut names: Vec<Box<str>> = Vec::new();
        let mut node = self;
        let mut segments = path.split('/').peekable();
        let mut is_rest = false;
        while let Some(segment) = segments.next() {
            let inner = segment.strip_prefix('{').and_then(|s| s.strip_suffix('}'));
            let Some(inner) = inner else {
                if segment.contains(['{', '}', '%', '?', '#']) {
                    return Err("a segment is literal, {name} or {*rest}");
                }
                if segment.is_empty() && segments.peek().is_some() {
                    return Err("paths have no empty segments");
                }
                node = node.literal(segment.as_bytes());
                continue;
            };
            is_rest = inner.starts_with('*');
            let name = inner.strip_prefix('*').unwrap_or(inner);
            let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
            if name.is_empty() || !name.chars().all(is_name) {
                return Err("a name has letters, digits and _");
            }
            if names.iter().any(|known| **known == *name) {
                return Err("a name is there twice");
            }
            if is_rest && segments.peek().is_some() {
                return Err("{*rest} ends a pattern");
            }
            names.push(name.into());
            if !is_rest {
                node = node.param.get_or_insert_default();
            }
        }
        if names.len() > MOST_PARAMS {
            return Err("it has more than 16 parameters");
        }
        let place = match is_rest {
            true => &mut node.rest,
            false => &mut node.here,
        };
        Ok((place, names.into()))
    }

    fn literal(&mut self, segment: &[u8]) -> &mut Node {
        let found = (self.literals).binary_search_by(|(known, _)| (**known).cmp(segment));
        let at = found.unwrap_or_else(|at| {
            self.literals.insert(at, (segment.into(), Node::default()));
            at
        });
        &mut self.literals[at].1
    }

    /// The route of the path, of which all before `at` is matched.
    pub(super) fn find(&self, path: &[u8], at: usize, spans: &mut Spans) -> Option<usize> {
        let rest = path.get(at..)?;
        let len = rest.iter().position(|b| *b == b'/').unwrap_or(rest.len());
        let (segment, end) = (&rest[..len], at + len);
        let is_last = end == path.len();
        let below = |node: &Node, spans: &mut Spans| match is_last {
            true => node.here,
            false => node.find(path, end + 1, spans),
        };
        let literal = (self.literals).binary_search_by(|(known, _)| (**known).cmp(segment));
        if let Ok(at) = literal
            && let Some(found) = below(&self.literals[at].1, spans)
        {
            return Some(found);
        }
        if let Some(node) = &self.param
            && !segment.is_empty()
        {
            spans.push(at, end);
            if let Some(found) = below(node, spans) {
                return Some(found);
            }
            spans.pop();
        }
        let found = self.rest?;
        spans.push(at, path.len());
        Some(found)
    }
}

/// Where the parameters of a path are.
#[derive(Default)]
pub(super) struct Spans {
    list: [(usize, usize); MOST_PARAMS],
    len: usize,
}

impl Spans {
    fn push(&mut self, start: usize, end: usize) {
        // No pattern has more.
        if let Some(place) = self.list.get_mut(self.len) {
            *place = (start, end);
            self.len += 1;
        }
    }

    fn pop(&mut self) {
        self.len -= 1;
    }

    pub(super) fn get(&self) -> &[(usize, usize)] {
        &self.list[..self.len]
    }
}

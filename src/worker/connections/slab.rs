//! [`Slab`]: a table whose entries are known by a number that is never used twice.
//!
//! An event that was reported for a connection may be looked at after the connection was closed
//! and its place given to another one. The token holds the place and how often it was given away,
//! so such a stale event finds no connection.

/// Where an entry is (low 32 bits) and which of the place's tenants it is (high 32 bits).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Token(u64);

impl Token {
    /// Places from here on are never used, so that these numbers can mean something else.
    pub const FIRST_RESERVED: u32 = u32::MAX - 0xffff;

    /// A token that no entry ever has.
    pub const fn reserved(n: u16) -> Token {
        Token(Token::FIRST_RESERVED as u64 + n as u64)
    }

    /// Whether no entry ever has it.
    pub const fn is_reserved(self) -> bool {
        self.0 & 0xffff_ffff >= Token::FIRST_RESERVED as u64
    }

    /// The token of this number.
    pub const fn from_raw(raw: u64) -> Token {
        Token(raw)
    }

    /// The number, for epoll to keep.
    pub const fn raw(self) -> u64 {
        self.0
    }

    /// The place.
    pub const fn index(self) -> usize {
        (self.0 & 0xffff_ffff) as usize
    }

    const fn new(index: u32, tenant: u32) -> Token {
        Token((tenant as u64) << 32 | index as u64)
    }
}

/// Entries of one kind, each found by its token in one step.
#[derive(Debug)]
pub struct Slab<T> {
    places: Vec<Place<T>>,
    free: Vec<u32>,
    len: usize,
}

#[derive(Debug)]
struct Place<T> {
    tenant: u32,
    value: Option<T>,
}

impl<T> Slab<T> {
    /// An empty table.
    pub const fn new() -> Slab<T> {
        Slab {
            places: Vec::new(),
            free: Vec::new(),
            len: 0,
        }
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Puts an entry in.
    pub fn insert(&mut self, value: T) -> Token {
        self.len += 1;
        if let Some(index) = self.free.pop()
            && let Some(place) = self.places.get_mut(index as usize)
        {
            place.value = Some(value);
            return Token::new(index, place.tenant);
        }
        // The number of connections is limited far below the reserved places.
        let index = self.places.len() as u32;
        self.places.push(Place {
            tenant: 0,
            value: Some(value),
        });
        Token::new(index, 0)
    }

    /// The entry, if it is still there.
    pub fn get_mut(&mut self, token: Token) -> Option<&mut T> {
        let place = self.places.get_mut(token.index())?;
        if Token::new(token.index() as u32, place.tenant) != token {
            return None;
        }
        place.value.as_mut()
    }

    /// Takes the entry out.
    pub fn remove(&mut self, token: Token) -> Option<T> {
        self.get_mut(token)?;
        let index = token.index();
        let place = self.places.get_mut(index)?;
        let value = place.value.take()?;
        place.tenant = place.tenant.wrapping_add(1);
        self.free.push(index as u32);
        self.len -= 1;
        Some(value)
    }

    /// The token of the entry that has this place now.
    pub fn token_at(&self, index: usize) -> Option<Token> {
        let place = self.places.get(index)?;
        place
            .value
            .as_ref()
            .map(|_| Token::new(index as u32, place.tenant))
    }

    /// All entries.
    pub fn iter(&self) -> impl Iterator<Item = (Token, &T)> + '_ {
        let places = self.places.iter().enumerate();
        places.filter_map(|(index, place)| {
            let token = Token::new(index as u32, place.tenant);
            place.value.as_ref().map(|value| (token, value))
        })
    }

    /// The tokens of all entries.
    pub fn tokens(&self) -> impl Iterator<Item = Token> + '_ {
        self.iter().map(|(token, _)| token)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_does_not_find_the_next_tenant() {
        let mut slab = Slab::new();
        let a = slab.insert("a");
        let b = slab.insert("b");
        assert_eq!(slab.remove(a), Some("a"));
        let c = slab.insert("c");
        assert_eq!(a.index(), c.index(), "the place is used again");
        assert_eq!(slab.get_mut(a), None);
        assert_eq!(slab.remove(a), None);
        assert_eq!(slab.get_mut(b), Some(&mut "b"));
        assert_eq!(slab.get_mut(c), Some(&mut "c"));
        assert_eq!(slab.len(), 2);
        assert_eq!(slab.tokens().collect::<Vec<_>>(), [c, b]);
    }

    #[test]
    fn reserved_tokens_find_no_entry() {
        let mut slab = Slab::new();
        slab.insert(1);
        assert_eq!(slab.get_mut(Token::reserved(0)), None);
        assert_ne!(Token::reserved(0), Token::reserved(1));
        assert_eq!(
            Token::from_raw(Token::reserved(7).raw()),
            Token::reserved(7)
        );
    }
}

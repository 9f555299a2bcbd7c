//! [`Role`]: whether a connection is with a client or with an admin.

/// Which peer a connection is with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// A client of the server.
    Client = 0,
    /// A program or a person that looks after the server. Admins should get through when no client
    /// does, and what they look at should not change because they look: they have room of their
    /// own, take no part in the balance between workers, and are counted nowhere.
    Admin = 1,
}

impl Role {
    /// Whether connections and requests are counted and logged.
    pub fn is_counted(self) -> bool {
        self == Role::Client
    }
}

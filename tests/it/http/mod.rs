//! Requests and responses over real sockets, good clients and bad ones.

mod ambiguous;
mod clients;
mod pressure;
mod slow;
mod transcripts;

//! [`Rooms`]: messages for all connections that have joined a room, in this worker and in the
//! others.
//!
//! A room exists as long as it has members; it has a name and no state. A message goes at once into
//! the mailboxes of the members in this worker, and over the bus of the workers, if there is one,
//! into those of the members elsewhere. Each mailbox is bounded, and so is the bus: a member that
//! does not read, or a worker that does not, loses messages and holds up no other.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use super::{Message, Waker};

/// The rooms of a server. Clones are the same rooms. Made before the fork, by
/// [`Server::rooms`](crate::Server::rooms), they connect all its workers.
#[derive(Clone, Default)]
pub struct Rooms(Arc<Shared>);

#[derive(Default)]
struct Shared {
    /// The members of each room in this worker. A room without members is not here.
    rooms: Mutex<HashMap<Arc<str>, Members>>,
    /// The way to the other workers, once this worker has one.
    bus: OnceLock<Box<dyn Bus>>,
    /// Without that way, a message would reach no member, or some of them.
    needs_bus: bool,
}

/// By the addresses of their mailboxes.
type Members = BTreeMap<usize, Arc<Slots>>;

/// The way to the rooms of the other workers.
pub(crate) trait Bus: Send + Sync {
    /// Sends a datagram to the [`Rooms::deliver`] of each other worker. What cannot be sent now is
    /// lost.
    fn publish(&self, datagram: &[u8]);
}

/// A room: a name that connections join and messages go to.
#[derive(Clone)]
pub struct Room {
    rooms: Rooms,
    name: Arc<str>,
}

impl Rooms {
    /// Rooms of one process alone: for tests, and for servers of one worker.
    pub fn local() -> Rooms {
        Rooms::default()
    }

    /// Rooms of a server, which connects them in its workers.
    pub(crate) fn of_server() -> Rooms {
        Rooms(Arc::new(Shared {
            needs_bus: true,
            ..Shared::default()
        }))
    }

    /// The room of this name.
    pub fn room(&self, name: &str) -> Room {
        Room {
            rooms: self.clone(),
            name: name.into(),
        }
    }

    /// Whether there are clones.
    pub(crate) fn is_used(&self) -> bool {
        Arc::strong_count(&self.0) > 1
    }

    /// In a worker: from now on, messages go to the other workers, too.
    pub(crate) fn connect(&self, bus: Box<dyn Bus>) {
        // A worker has one bus and connects it once.
        let _ = self.0.bus.set(bus);
    }

    /// Takes in what another worker has published. What is malformed is dropped.
    pub(crate) fn deliver(&self, datagram: &[u8]) {
        if let Some((name, post)) = decode(datagram) {
            self.post(name, &post);
        }
    }

    fn post(&self, name: &str, post: &Post) {
        if let Some(members) = self.lock().get(name) {
            members.values().for_each(|member| member.put(post));
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Arc<str>, Members>> {
        // A thread that panicked while it held the lock has left whole maps.
        self.0.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Room {
    /// How long a message and the name of its room may be together, in bytes. The kernel takes a
    /// datagram whole, from a buffer of 208 KiB.
    pub const LONGEST: usize = 128 * 1024;

    /// Sends a message to all members of the room, the sender too if it is one.
    ///
    /// A member that is behind by more than [`Mailbox::LIMIT`] bytes loses all its messages and is
    /// told so; a worker that is behind loses this one, which is counted on the scoreboard.
    ///
    /// # Errors
    /// `InvalidInput`: the message is longer than [`Room::LONGEST`]; it is not sent.
    /// `NotConnected`: the rooms are a server's, and this process is no worker of it.
    pub fn send<'m>(&self, message: impl Into<Message<'m>>) -> io::Result<()> {
        let message = message.into();
        if self.name.len() + message.bytes().len() > Room::LONGEST {
            let why = "a message of a room has 128 KiB at most";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
        }
        let bus = self.rooms.0.bus.get();
        if bus.is_none() && self.rooms.0.needs_bus {
            let why = "the rooms of a server are connected in its workers alone";
            return Err(io::Error::new(io::ErrorKind::NotConnected, why));
        }
        let post = match message {
            Message::Text(text) => Post::Text(text.into()),
            Message::Binary(bytes) => Post::Binary(bytes.into()),
        };
        self.rooms.post(&self.name, &post);
        if let Some(bus) = bus {
            bus.publish(&encode(&self.name, message));
        }
        Ok(())
    }

    /// The name of the room.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many members the room has in this worker.
    pub fn members(&self) -> usize {
        self.rooms.lock().get(&self.name).map_or(0, BTreeMap::len)
    }
}

impl fmt::Debug for Rooms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rooms({})", self.lock().len())
    }
}

impl fmt::Debug for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Room({})", self.name)
    }
}

/// A message of a room, shared by all members of this worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Post {
    /// Text.
    Text(Arc<str>),
    /// Any bytes.
    Binary(Arc<[u8]>),
}

impl Post {
    /// The message.
    pub fn message(&self) -> Message<'_> {
        match self {
            Post::Text(text) => Message::Text(text),
            Post::Binary(bytes) => Message::Binary(bytes),
        }
    }

    /// What the post takes in a mailbox, in bytes: an empty one is not for nothing.
    fn cost(&self) -> usize {
        size_of::<Post>() + self.message().bytes().len()
    }
}

/// A membership: messages that have come for a connection and that it has not taken yet. Leaves its
/// rooms when it is dropped. A WebSocket has one of its own ([`WebSocket::join`]); others, such as
/// a stream of events, make one:
///
/// ```
/// use httprs::http::{Event, Flow};
/// use httprs::process::{Mailbox, Rooms};
/// use httprs::{Http1, Millis, harness};
///
/// let news = Rooms::local().room("news");
/// let room = news.clone();
/// let http = Http1::new(move |_, res| {
///     let (room, mut mailbox) = (room.clone(), None);
///     res.sse(move |events| {
///         let mailbox = mailbox.get_or_insert_with(|| {
///             let mut mailbox = Mailbox::new(events.waker());
///             mailbox.join(&room);
///             mailbox
///         });
///         while let Some(post) = mailbox.take() {
///             events.send(Event::new(post.message().text().unwrap_or_default()))?;
///         }
///         if mailbox.has_overflowed() {
///             // Nothing comes any more; the client connects again.
///             return Ok(Flow::End);
///         }
///         Ok(Flow::WaitUntil(Millis::NEVER))
///     })
/// });
/// let mut talk = harness::Conversation::open(&http);
/// talk.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n");
/// news.send("it rains")?;
/// assert!(talk.is_woken());
/// assert_eq!(talk.wake(), b"10\r\ndata: it rains\n\n\r\n");
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// [`WebSocket::join`]: super::WebSocket::join
#[derive(Debug)]
pub struct Mailbox {
    slots: Arc<Slots>,
    rooms: Vec<Room>,
}

/// The part of a mailbox that rooms know.
#[derive(Debug)]
struct Slots {
    queue: Mutex<Queue>,
    waker: Waker,
}

#[derive(Debug, Default)]
struct Queue {
    posts: VecDeque<Post>,
    bytes: usize,
    /// The connection had its turn and has not taken all.
    is_behind: bool,
    has_overflowed: bool,
}

impl Mailbox {
    /// How many bytes wait at most for a member that is behind: its connection had its turn since
    /// it was woken, and has not taken all. The members of a room share the bytes.
    pub const LIMIT: usize = 256 * 1024;

    /// How many bytes wait at most for any member. What is sent while a worker is busy comes for
    /// members that read at once, so it is no sign that one of them does not.
    pub const BURST: usize = 16 * Mailbox::LIMIT;

    /// An empty mailbox in no room; each message uses `waker`.
    pub fn new(waker: Waker) -> Mailbox {
        Mailbox {
            slots: Arc::new(Slots {
                queue: Mutex::default(),
                waker,
            }),
            rooms: Vec::new(),
        }
    }

    /// From now on the messages of this room come here.
    pub fn join(&mut self, room: &Room) {
        let mut rooms = room.rooms.lock();
        let members = rooms.entry(room.name.clone()).or_default();
        if members.insert(self.key(), self.slots.clone()).is_none() {
            self.rooms.push(room.clone());
        }
    }

    /// The messages of this room no longer come here. Those that have come stay.
    pub fn leave(&mut self, room: &Room) {
        let is_it =
            |other: &Room| Arc::ptr_eq(&other.rooms.0, &room.rooms.0) && other.name == room.name;
        self.rooms.retain(|other| !is_it(other));
        let mut rooms = room.rooms.lock();
        if let Some(members) = rooms.get_mut(&room.name) {
            members.remove(&self.key());
            if members.is_empty() {
                rooms.remove(&room.name);
            }
        }
    }

    /// The next message.
    pub fn take(&mut self) -> Option<Post> {
        let mut queue = self.slots.lock();
        let Some(post) = queue.posts.pop_front() else {
            queue.is_behind = false;
            return None;
        };
        queue.bytes -= post.cost();
        Some(post)
    }

    /// Whether messages were lost, since more than [`Mailbox::LIMIT`] bytes were waiting. From then
    /// on, none comes.
    pub fn has_overflowed(&self) -> bool {
        self.slots.lock().has_overflowed
    }

    fn key(&self) -> usize {
        Arc::as_ptr(&self.slots) as usize
    }
}

impl Drop for Mailbox {
    fn drop(&mut self) {
        while let Some(room) = self.rooms.pop() {
            self.leave(&room);
        }
    }
}

impl Slots {
    fn put(&self, post: &Post) {
        let mut queue = self.lock();
        if queue.has_overflowed {
            return;
        }
        queue.bytes += post.cost();
        queue.is_behind |= !queue.posts.is_empty() && !self.waker.is_queued();
        let limit = match queue.is_behind {
            true => Mailbox::LIMIT,
            false => Mailbox::BURST,
        };
        if queue.bytes > limit {
            // To lose one message of many without a word would be worse than to lose the member.
            *queue = Queue {
                has_overflowed: true,
                ..Queue::default()
            };
        } else {
            queue.posts.push_back(post.clone());
        }
        drop(queue);
        self.waker.wake();
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A datagram: the kind, the length of the room's name, the name, the message.
fn encode(name: &str, message: Message<'_>) -> Vec<u8> {
    let bytes = message.bytes();
    let mut datagram = Vec::with_capacity(5 + name.len() + bytes.len());
    datagram.push(match message {
        Message::Text(_) => b'T',
        Message::Binary(_) => b'B',
    });
    // At most `Room::LONGEST`.
    datagram.extend_from_slice(&(name.len() as u32).to_ne_bytes());
    datagram.extend_from_slice(name.as_bytes());
    datagram.extend_from_slice(bytes);
    datagram
}

fn decode(datagram: &[u8]) -> Option<(&str, Post)> {
    let (kind, rest) = datagram.split_first()?;
    let (len, rest) = rest.split_first_chunk()?;
    let (name, bytes) = rest.split_at_checked(u32::from_ne_bytes(*len) as usize)?;
    let post = match kind {
        b'T' => Post::Text(std::str::from_utf8(bytes).ok()?.into()),
        b'B' => Post::Binary(bytes.into()),
        _ => return None,
    };
    Some((std::str::from_utf8(name).ok()?, post))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::{WakeQueue, Wakers};

    fn mailbox() -> Mailbox {
        let queue = &WakeQueue::new(|| {});
        Mailbox::new(
            Wakers {
                queue,
                connection: 0,
            }
            .make(),
        )
    }

    fn texts(mailbox: &mut Mailbox) -> Vec<String> {
        let take = || mailbox.take();
        let text = |post: Post| String::from_utf8_lossy(post.message().bytes()).into_owned();
        std::iter::from_fn(take).map(text).collect()
    }

    #[test]
    fn members_get_what_is_sent_while_they_are_in_the_room() {
        let rooms = Rooms::local();
        let (red, blue) = (rooms.room("red"), rooms.room("blue"));
        let (mut a, mut b) = (mailbox(), mailbox());
        red.send("to no member").unwrap();
        a.join(&red);
        a.join(&red);
        b.join(&rooms.room("red"));
        b.join(&blue);
        red.send("1").unwrap();
        blue.send(&b"2"[..]).unwrap();
        assert_eq!((red.members(), blue.members()), (2, 1));
        a.leave(&blue);
        b.leave(&red);
        red.send("3").unwrap();
        assert_eq!(texts(&mut a), ["1", "3"]);
        assert_eq!(texts(&mut b), ["1", "2"]);
        drop((a, b));
        assert_eq!(rooms.lock().len(), 0, "no room is left behind");
    }

    #[test]
    fn a_member_that_is_behind_loses_everything_and_knows() {
        let room = Rooms::local().room("r");
        let queue = WakeQueue::new(|| {});
        let mut member = {
            let (queue, connection) = (&queue, 0);
            Mailbox::new(Wakers { queue, connection }.make())
        };
        member.join(&room);
        let half = "x".repeat(Mailbox::LIMIT / 2 - size_of::<Post>());
        // While its connection has had no turn, a member is not behind.
        for _ in 0..8 {
            room.send(&half).unwrap();
        }
        assert_eq!(texts(&mut member).len(), 8);
        queue.take(&mut Vec::new());
        for _ in 0..2 {
            room.send(&half).unwrap();
        }
        // Its connection has a turn, and takes nothing.
        queue.take(&mut Vec::new());
        assert!(!member.has_overflowed());
        room.send("").unwrap();
        assert!(member.has_overflowed() && member.take().is_none());
        room.send("more").unwrap();
        assert!(member.take().is_none());
        let mut busy = mailbox();
        busy.join(&room);
        for _ in 0..=2 * Mailbox::BURST / Mailbox::LIMIT {
            room.send(&half).unwrap();
        }
        assert!(busy.has_overflowed(), "there is an end to it");
        let error = room.send(&"x".repeat(Room::LONGEST)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    }

    #[test]
    fn a_datagram_is_what_was_sent_and_a_malformed_one_is_nothing() {
        for message in [
            Message::Text("é"),
            Message::Binary(b"\xff\0"),
            Message::Text(""),
        ] {
            let datagram = encode("the room", message);
            let (name, post) = decode(&datagram).unwrap();
            assert_eq!((name, post.message()), ("the room", message));
        }
        for bytes in [
            &b""[..],
            b"T",
            b"T\x01\0\0",
            b"T\x09\0\0\0short",
            b"X\0\0\0\0text",
            b"T\0\0\0\0\xff",
            b"B\x01\0\0\0\xff",
        ] {
            assert!(decode(bytes).is_none(), "{}", bytes.escape_ascii());
        }
        let rooms = Rooms::local();
        let mut a = mailbox();
        a.join(&rooms.room("r"));
        rooms.deliver(&encode("r", Message::Text("from afar")));
        rooms.deliver(b"T");
        assert_eq!(texts(&mut a), ["from afar"]);
    }
}

//! Workers that die, hang, are replaced, are told to stop; and what is left of them.

mod faults;
mod leak;
mod prefork;
mod reload;
mod signals;
mod stop;
mod udp;

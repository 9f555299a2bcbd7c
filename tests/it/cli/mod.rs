//! What an operator gives and gets: flags, the access log, the status.

mod access_log;
mod command_line;
mod status;

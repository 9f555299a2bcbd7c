//! Directories that are served, whatever the disk does meanwhile.

mod disk;
mod site;

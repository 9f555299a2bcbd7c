//! Directories for tests: each one new, and removed when its test ends, however that is.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// A new directory, removed with everything in it when this is dropped, also by a panic.
#[derive(Debug)]
pub struct Scratch {
    path: PathBuf,
}

impl Scratch {
    /// Makes a directory; `name` says which test it belongs to.
    pub fn new(name: &str) -> Scratch {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let count = COUNT.fetch_add(1, Relaxed);
        let name = format!("httprs-{name}-{}-{count}", std::process::id());
        let path = std::env::temp_dir().join(name);
        // A killed run with the same process id may have left one behind.
        let _ = fs::remove_dir_all(&path);
        fs::create_dir(&path).expect("a writable temporary directory");
        Scratch { path }
    }

    /// The path of the directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a file, and makes the directories that it lies in.
    pub fn write(&self, name: impl AsRef<Path>, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path.join(name);
        fs::create_dir_all(path.parent().expect("a path below another")).expect("a directory");
        fs::write(&path, bytes).expect("a writable file");
        path
    }

    /// Makes a directory, and those that it lies in.
    pub fn directory(&self, name: &str) -> PathBuf {
        let path = self.path.join(name);
        fs::create_dir_all(&path).expect("a directory");
        path
    }

    /// Makes a symbolic link.
    pub fn link(&self, name: &str, target: impl AsRef<Path>) {
        std::os::unix::fs::symlink(target, self.path.join(name)).expect("a link");
    }

    /// Makes a FIFO: a blocking open of it hangs.
    pub fn fifo(&self, name: &str) {
        let made = Command::new("mkfifo").arg(self.path.join(name)).status();
        assert!(made.is_ok_and(|status| status.success()), "mkfifo");
    }

    /// Whether this process ignores permissions, as the superuser does.
    pub fn reads_everything(&self) -> io::Result<bool> {
        use std::os::unix::fs::PermissionsExt;
        let path = self.write(".unreadable", "");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o000))?;
        let read = fs::read(&path).is_ok();
        fs::remove_file(&path)?;
        Ok(read)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

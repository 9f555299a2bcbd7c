//! What is served in a test: a folder with a certificate and files, and the program that serves it.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustls::pki_types::CertificateDer;

use crate::client::LONGEST;

/// Tests of one program run at the same time, in threads, and a worker is a copy of its program:
/// the copies hold sockets of the other tests open.
pub fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

#[track_caller]
pub fn wait_until(what: &str, mut happened: impl FnMut() -> bool) {
    let began = Instant::now();
    while !happened() {
        assert!(began.elapsed() < LONGEST, "{what}: still not so");
        thread::sleep(Duration::from_millis(3));
    }
}

/// Whether a program is installed.
pub fn has(program: &str) -> bool {
    let mut command = Command::new(program);
    command
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// A certificate for `localhost` that it has signed itself, and its key.
pub struct Certificate {
    pub der: CertificateDer<'static>,
    pub pem: String,
    key: String,
}

impl Certificate {
    pub fn new() -> Certificate {
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let issued = rcgen::generate_simple_self_signed(names).unwrap();
        Certificate {
            der: issued.cert.der().clone(),
            pem: issued.cert.pem(),
            key: issued.signing_key.serialize_pem(),
        }
    }
}

/// A folder of this test, which is removed in the end.
pub struct Site {
    dir: PathBuf,
    /// What was in the files at first.
    pub issued: Certificate,
}

impl Site {
    pub fn new(name: &str) -> Site {
        let name = format!("httprs-tls-{}-{name}", std::process::id());
        let dir = std::env::temp_dir().join(name);
        fs::create_dir_all(dir.join("root")).unwrap();
        let mut site = Site {
            dir,
            issued: Certificate::new(),
        };
        let issued = Certificate::new();
        site.install(&issued);
        site.issued = issued;
        site
    }

    /// Puts a certificate and its key in place of those before.
    pub fn install(&mut self, issued: &Certificate) {
        fs::write(self.certificate(), &issued.pem).unwrap();
        fs::write(self.key(), &issued.key).unwrap();
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    pub fn certificate(&self) -> PathBuf {
        self.path("certificate.pem")
    }

    pub fn key(&self) -> PathBuf {
        self.path("key.pem")
    }

    /// What is served.
    pub fn root(&self) -> PathBuf {
        self.path("root")
    }

    /// A file of so many mebibytes, no two blocks of which are the same. Returns its length.
    pub fn large_file(&self, name: &str, mebibytes: u32) -> u64 {
        let mut file = File::create(self.root().join(name)).unwrap();
        for block in 0..mebibytes {
            let numbers = (0..1 << 18).map(|n: u32| n.wrapping_mul(0x9e37_79b9) ^ block);
            let bytes: Vec<u8> = numbers.flat_map(u32::to_le_bytes).collect();
            file.write_all(&bytes).unwrap();
        }
        u64::from(mebibytes) << 20
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// The program `httprs-tls`, which serves a site.
pub struct Program {
    child: Child,
    pub address: SocketAddr,
    log: Arc<Mutex<String>>,
}

impl Program {
    pub fn start(site: &Site) -> Program {
        let mut child = Command::new(env!("CARGO_BIN_EXE_httprs-tls"))
            .args([site.certificate(), site.key()])
            .args([Path::new("127.0.0.1:0"), &site.root()])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = Arc::new(Mutex::new(String::new()));
        let (into, lines) = (log.clone(), BufReader::new(child.stderr.take().unwrap()));
        thread::spawn(move || {
            for line in lines.lines().map_while(Result::ok) {
                into.lock().unwrap().push_str(&(line + "\n"));
            }
        });
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut program = Program {
            child,
            address,
            log,
        };
        program.wait_for("https://127.0.0.1:");
        let log = program.log.lock().unwrap().clone();
        let address = log
            .split("https://")
            .nth(1)
            .unwrap()
            .split('/')
            .next()
            .unwrap();
        program.address = address.parse().unwrap();
        program
    }

    #[track_caller]
    pub fn wait_for(&self, text: &str) {
        wait_until(text, || self.log.lock().unwrap().contains(text));
    }

    pub fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill")
            .args(["-s", name, &pid])
            .status()
            .unwrap();
        assert!(sent.success());
    }

    /// Stops it, and returns what it has logged.
    pub fn stop(mut self) -> String {
        self.signal("TERM");
        assert!(self.child.wait().unwrap().success());
        self.wait_for("stopped by");
        self.log.lock().unwrap().clone()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // A master that dies takes its workers along.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

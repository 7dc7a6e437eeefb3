//! The servers that are measured, and how often their threads sleep.

use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::notices::SECRET;
pub use crate::server::{SURVEYD, Server};
use crate::server::{count, free_address};

/// In the state folder.
pub const DATABASE: &str = "surveyd.db";

/// Where the daemon's log goes.
#[derive(Clone, Copy, Debug)]
pub enum Log {
    Nowhere,
    File,
}

impl Server {
    /// `surveyd run`, with its defaults where the benchmark needs nothing else.
    pub fn surveyd(program: &Path, folder: &Path, log: Log) -> Self {
        let address = free_address();
        let file = folder.join("surveyd.toml");
        fs::write(&file, configuration(address)).expect("the folder can be written");
        // It holds secrets.
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        fs::set_permissions(&file, private).expect("the file is ours");
        let mut command = Command::new(program);
        command.arg("--config").arg(&file).arg("run");
        command.stderr(match log {
            Log::Nowhere => Stdio::null(),
            Log::File => fs::File::create(folder.join("log")).expect("it can be made").into(),
        });
        Self::start(command, folder, address)
    }

    /// This program itself, serving as a side of its own.
    pub fn counterpart(folder: &Path, side: &str) -> Self {
        let address = free_address();
        let mut command = Command::new(std::env::current_exe().expect("we are running"));
        command.args(["--serve", side, "--listen", &address.to_string()]);
        Self::start(command, folder, address)
    }

    /// How often its threads have gone to sleep, and so been woken, by thread.
    pub fn sleeps(&self) -> Vec<(PathBuf, u64)> {
        self.threads()
            .into_iter()
            .filter_map(|thread| {
                let sleeps = count(&thread.join("status"), "voluntary_ctxt_switches").ok()?;
                Some((thread, sleeps))
            })
            .collect()
    }
}

/// X is a closed port on the loopback, since nothing is due while we measure.
fn configuration(listen: SocketAddr) -> String {
    let mut text = format!("[http]\nlisten = \"{listen}\"\n");
    let _ = write!(text, "[x]\nbase_url = \"http://{}\"\n", free_address());
    text.push_str("[[accounts]]\nname = \"acme\"\nuser_id = \"1212121212121\"\n");
    for key in ["consumer_key", "consumer_secret", "access_token", "access_token_secret"] {
        let _ = writeln!(text, "{key} = \"benchmark\"");
    }
    text.push_str("privacy_url = \"https://acme.example/privacy\"\n");
    text.push_str("[accounts.survey]\nmessage = \"How did we do?\"\n");
    let _ = write!(
        text,
        "[[sources]]\nname = \"helpdesk\"\nkind = \"standard\"\naccount = \"acme\"\n\
         rate_limit = 1000000\nsecret = \"whsec_{}\"\n",
        STANDARD.encode(SECRET)
    );
    text
}

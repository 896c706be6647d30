//! A server program that ends with the process that started it, however that ends.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Runs `$@` until its standard input closes, then removes the folder; the kernel closes the input
/// when the owner is gone.
const GUARD: &str = r#"folder=$PWD; "$@" & server=$!
cat >/dev/null; kill -INT $server; wait $server; cd /; rm -rf "$folder""#;

/// A server program and the shell that guards it.
#[derive(Debug)]
pub(super) struct Server(Child);

impl Server {
    /// Starts the program with its arguments in a folder that is the server's alone and gone with it.
    pub(super) fn start(folder: &Path, user: Option<User>, program: &[&str]) -> io::Result<Server> {
        let mut command = Command::new("sh");
        command.args(["-c", GUARD, "guard"]).args(program);
        prepare(&mut command, folder, user);
        let log = fs::File::create(folder.join("server.log"))?;
        command.stdout(log.try_clone()?).stderr(log);
        command.stdin(Stdio::piped()).spawn().map(Server)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        // The guard waits for the server, which ends at once on SIGINT.
        drop(self.0.wait());
    }
}

/// A user of the operating system.
#[derive(Clone, Copy, Debug)]
pub(super) struct User {
    uid: u32,
    gid: u32,
}

impl User {
    /// Whom to run a server as that refuses root: nobody else unless this process is root's.
    pub(super) fn instead_of_root(name: &str) -> io::Result<Option<User>> {
        if fs::metadata("/proc/self")?.uid() != 0 {
            return Ok(None);
        }
        let accounts = fs::read_to_string("/etc/passwd")?;
        let mut lines = accounts
            .lines()
            .map(|line| line.split(':').collect::<Vec<_>>());
        let found = lines.find(|fields| fields.len() > 3 && fields[0] == name);
        let missing = || io::Error::other(format!("no user {name}"));
        let fields = found.ok_or_else(missing)?;
        let number = |text: &str| text.parse().map_err(io::Error::other);
        Ok(Some(User {
            uid: number(fields[2])?,
            gid: number(fields[3])?,
        }))
    }

    /// Gives the user a file or folder.
    pub(super) fn own(self, path: &Path) -> io::Result<()> {
        chown(path, Some(self.uid), Some(self.gid))
    }
}

/// Lets the command run in the folder as the user.
pub(super) fn prepare(command: &mut Command, folder: &Path, user: Option<User>) {
    command.current_dir(folder).env("HOME", folder);
    if let Some(user) = user {
        command.uid(user.uid).gid(user.gid);
    }
}

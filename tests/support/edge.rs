//! The real proxy as a process of a test's own: ports of its own, a folder of its own, killed
//! on drop. Synchronous, so that a test reads top to bottom.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// Longest wait for anything that should happen soon. Generous: it only bounds a failure.
pub const SOON: Duration = Duration::from_secs(30);

/// A running proxy.
#[derive(Debug)]
pub struct Edge {
    process: Child,
    folder: TempDir,
    log: Receiver<String>,
    seen: Vec<String>,
    admin: SocketAddr,
    listeners: Vec<SocketAddr>,
}

/// What came back over HTTP.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Status code.
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// Body, with chunked framing undone.
    pub body: Vec<u8>,
}

impl Answer {
    /// The first header of that name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(other, _)| other == name)
            .map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error} in {}", self.text()))
    }
}

impl Edge {
    /// Starts a proxy with one listener; `rest` is the configuration below `listeners`.
    pub fn start(rest: &str) -> Self {
        let config = format!(
            "admin: {{ address: 127.0.0.1:0 }}\nlisteners: [{{ address: 127.0.0.1:0 }}]\n{rest}"
        );
        Self::start_with(&config, &[])
    }

    /// Starts a proxy with a whole configuration. `{folder}` in it becomes a folder of this
    /// proxy's own, where the upgrade socket and the pid file lie unless it says otherwise.
    pub fn start_with(config: &str, arguments: &[&str]) -> Self {
        Self::start_in(tempfile::tempdir().expect("a folder"), config, arguments)
    }

    /// Like [`Edge::start_with`], in a folder that the test has prepared.
    pub fn start_in(folder: TempDir, config: &str, arguments: &[&str]) -> Self {
        write_config(folder.path(), config);
        let (process, log) = spawn(folder.path(), arguments);
        let unset = SocketAddr::from(([0, 0, 0, 0], 0));
        let mut edge = Self {
            process,
            folder,
            log,
            seen: Vec::new(),
            admin: unset,
            listeners: Vec::new(),
        };
        edge.admin = edge.await_address("kind=admin");
        let count = config
            .matches("address: 127.0.0.1:0 }")
            .count()
            .saturating_sub(1)
            .max(1);
        edge.listeners = (0..count)
            .map(|_| edge.await_address("kind=proxy"))
            .collect();
        edge.await_true("the proxy is ready", |edge| {
            http_try(edge.admin, "GET", "/ready", &[], b"").is_ok_and(|answer| answer.status == 200)
        });
        // It may be ready a moment before its listeners are.
        edge.await_true("the proxy listens", |edge| {
            let mut listeners = edge.listeners.iter();
            listeners.all(|address| TcpStream::connect(address).is_ok())
        });
        edge
    }

    /// Folder of this proxy.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Path of its configuration file.
    pub fn config_path(&self) -> PathBuf {
        self.folder.path().join("edge.yaml")
    }

    /// Writes another configuration; a reload takes it over. Ports 0 stay as they are.
    pub fn write_config(&self, config: &str) {
        write_config(self.folder.path(), config);
    }

    /// Replaces the part of the configuration below `listeners`.
    pub fn write_rest(&self, rest: &str) {
        self.write_config(&format!(
            "admin: {{ address: 127.0.0.1:0 }}\nlisteners: [{{ address: 127.0.0.1:0 }}]\n{rest}"
        ));
    }

    /// Where clients connect.
    pub fn address(&self) -> SocketAddr {
        self.listeners[0]
    }

    /// Where the admin interface listens.
    pub fn admin(&self) -> SocketAddr {
        self.admin
    }

    /// Process identifier.
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// A GET through the proxy.
    pub fn get(&self, path: &str) -> Answer {
        http(self.address(), "GET", path, &[], b"")
    }

    /// A GET of the admin interface.
    pub fn admin_get(&self, path: &str) -> Answer {
        http(self.admin, "GET", path, &[], b"")
    }

    /// Sum of the series of `family` that carry all `labels`, such as `r#"code="200""#`;
    /// `None` when there is no such series.
    pub fn metric(&self, family: &str, labels: &[&str]) -> Option<f64> {
        let text = self.admin_get("/metrics").text();
        let series = text.lines().filter(|line| {
            let rest = line.strip_prefix(family);
            rest.is_some_and(|rest| rest.starts_with([' ', '{']))
                && labels.iter().all(|label| line.contains(label))
        });
        let values: Vec<f64> = series
            .map(|line| {
                line.rsplit(' ')
                    .next()
                    .and_then(|v| v.parse().ok())
                    .expect("a number")
            })
            .collect();
        (!values.is_empty()).then(|| values.iter().sum())
    }

    /// Sends a signal by name, such as `HUP`.
    pub fn signal(&self, name: &str) {
        let pid = self.pid().to_string();
        let status = Command::new("kill")
            .args(["-s", name, &pid])
            .status()
            .expect("kill runs");
        assert!(status.success(), "kill -s {name} {pid}");
    }

    /// Sends SIGHUP and waits until the reload was tried; `Ok` with the new generation or
    /// `Err` with the reason.
    pub fn reload(&mut self) -> Result<u64, String> {
        let before = self.attempts();
        self.signal("HUP");
        self.await_true("the reload was tried", |edge| edge.attempts() > before);
        let state = self.admin_get("/policy").json();
        match state["reload"]["last_error"].as_str() {
            Some(error) => Err(error.to_owned()),
            None => Ok(state["generation"].as_u64().expect("a generation")),
        }
    }

    fn attempts(&self) -> u64 {
        self.admin_get("/policy").json()["reload"]["attempts"]
            .as_u64()
            .expect("a number")
    }

    /// Waits until `condition` holds; panics with `what` and the log when it never does.
    pub fn await_true(&mut self, what: &str, mut condition: impl FnMut(&mut Self) -> bool) {
        let begun = Instant::now();
        while !condition(self) {
            if begun.elapsed() > SOON || self.has_ended() {
                panic!("never came true: {what}\nlog:\n{}", self.log_so_far());
            }
            thread::park_timeout(Duration::from_millis(10));
        }
    }

    /// Waits for the end of the process.
    pub fn await_exit(&mut self) -> ExitStatus {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.process.try_wait().expect("our child") {
                return status;
            }
            assert!(
                begun.elapsed() < SOON,
                "the proxy did not end\nlog:\n{}",
                self.log_so_far()
            );
            thread::park_timeout(Duration::from_millis(10));
        }
    }

    /// Everything logged to standard error and output so far.
    pub fn log_so_far(&mut self) -> String {
        self.seen.extend(self.log.try_iter());
        self.seen.join("\n")
    }

    fn has_ended(&mut self) -> bool {
        self.process.try_wait().expect("our child").is_some()
    }

    fn await_address(&mut self, kind: &str) -> SocketAddr {
        loop {
            let Ok(line) = self.log.recv_timeout(SOON) else {
                panic!(
                    "the proxy did not log where it listens ({kind})\nlog:\n{}",
                    self.log_so_far()
                );
            };
            let address = line
                .contains(kind)
                .then(|| line.rsplit("address=").next())
                .flatten();
            let address = address.and_then(|text| text.trim().parse().ok());
            self.seen.push(line);
            if let Some(address) = address {
                return address;
            }
        }
    }
}

impl Drop for Edge {
    fn drop(&mut self) {
        // It may have ended already.
        drop((self.process.kill(), self.process.wait()));
    }
}

/// One request on a connection of its own.
pub fn http(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Answer {
    http_try(address, method, path, headers, body)
        .unwrap_or_else(|error| panic!("{method} http://{address}{path}: {error}"))
}

/// Like [`http`], for servers that may be gone.
pub fn http_try(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> std::io::Result<Answer> {
    let mut request = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
    if !headers
        .iter()
        .any(|(name, _)| name.eq_ignore_ascii_case("host"))
    {
        request.push_str(&format!("Host: {address}\r\n"));
    }
    if !body.is_empty() {
        request.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    request.push_str("\r\n");
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(SOON))?;
    stream.write_all(request.as_bytes())?;
    // A server may answer and close before it has read the whole body.
    stream.write_all(body).ok();
    read_answer(stream, method == "HEAD")
}

/// Reads one answer from a connection that closes after it.
pub fn read_answer(stream: TcpStream, is_head: bool) -> std::io::Result<Answer> {
    read_next_answer(&mut BufReader::new(stream), is_head)
}

/// Reads the next answer from a connection that may carry more; interim answers are skipped.
pub fn read_next_answer(reader: &mut impl BufRead, is_head: bool) -> std::io::Result<Answer> {
    let mut answer = read_head(reader)?;
    while (100..200).contains(&answer.status) && answer.status != 101 {
        answer = read_head(reader)?;
    }
    if !is_head && !matches!(answer.status, 204 | 304) {
        answer.body = read_body(reader, &answer)?;
    }
    Ok(answer)
}

/// Reads status line and headers; the body is left empty.
pub fn read_head(reader: &mut impl BufRead) -> std::io::Result<Answer> {
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let status = line.split(' ').nth(1).and_then(|code| code.parse().ok());
    let status = status.ok_or_else(|| std::io::Error::other(format!("no status in {line:?}")))?;
    let mut headers = Vec::new();
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        match line.trim_end().split_once(':') {
            Some((name, value)) => {
                headers.push((name.to_ascii_lowercase(), value.trim().to_owned()))
            }
            None => break,
        }
    }
    Ok(Answer {
        status,
        headers,
        body: Vec::new(),
    })
}

fn read_body(reader: &mut impl BufRead, answer: &Answer) -> std::io::Result<Vec<u8>> {
    let mut body = Vec::new();
    if answer.header("transfer-encoding") == Some("chunked") {
        loop {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            let size = usize::from_str_radix(line.trim_end(), 16).map_err(std::io::Error::other)?;
            let mut chunk = vec![0; size + 2];
            reader.read_exact(&mut chunk)?;
            if size == 0 {
                return Ok(body);
            }
            body.extend_from_slice(&chunk[..size]);
        }
    }
    match answer
        .header("content-length")
        .and_then(|length| length.parse().ok())
    {
        Some(length) => {
            body.resize(length, 0);
            reader.read_exact(&mut body)?;
        }
        None => drop(reader.read_to_end(&mut body)?),
    }
    Ok(body)
}

/// Path of a file of the repository.
pub fn in_repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn write_config(folder: &Path, config: &str) {
    let mut config = config.replace("{folder}", &folder.display().to_string());
    if !config.contains("\nupgrade:") {
        let folder = folder.display();
        config.push_str(&format!(
            "\nupgrade: {{ socket: {folder}/upgrade.sock, pid_file: {folder}/edge.pid }}\n"
        ));
    }
    // Renamed into place: a reload under way must not read half a file.
    let (written, path) = (folder.join("edge.yaml.new"), folder.join("edge.yaml"));
    fs::write(&written, config).expect("the configuration is written");
    fs::rename(written, path).expect("the configuration is in place");
}

fn spawn(folder: &Path, arguments: &[&str]) -> (Child, Receiver<String>) {
    let mut process = Command::new(env!("CARGO_BIN_EXE_ai-loadbalancer"))
        .arg("run")
        .arg("-c")
        .arg(folder.join("edge.yaml"))
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the proxy's binary runs");
    let (sender, log) = channel();
    let (out, err) = (
        process.stdout.take().expect("piped"),
        process.stderr.take().expect("piped"),
    );
    let forward = |source: Box<dyn Read + Send>| {
        let sender = sender.clone();
        thread::spawn(move || {
            for line in BufReader::new(source).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
    };
    forward(Box::new(out));
    forward(Box::new(err));
    (process, log)
}

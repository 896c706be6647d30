//! Back ends: mock services in this process, and scripted ones that break the rules.

use crate::support::edge::SOON;
use services_mock::{Mock, Running, Service, Settings};
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    ops::Index,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    thread,
    time::{Duration, Instant},
};
use tokio::{net::TcpSocket, runtime::Runtime};

/// Mock services named `m0`, `m1` and so on, on a run time of their own.
#[derive(Debug)]
pub(crate) struct Mocks {
    running: Vec<Running>,
    _runtime: Runtime,
}

impl Mocks {
    pub(crate) fn start(count: usize) -> Self {
        Self::start_with(count, |_| {})
    }

    pub(crate) fn start_with(count: usize, change: impl Fn(&mut Settings)) -> Self {
        let runtime = Runtime::new().expect("a run time");
        let start = |index: usize| {
            let mut settings = Settings::new(Service::User);
            settings.name = Some(format!("m{index}"));
            change(&mut settings);
            let started = runtime.block_on(Mock::start(settings));
            started.expect("a mock starts on a free port")
        };
        Self {
            running: (0..count).map(start).collect(),
            _runtime: runtime,
        }
    }

    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        self.running.iter().map(Running::addr).collect()
    }

    /// Traffic requests answered by each.
    pub(crate) fn answered(&self) -> Vec<u64> {
        let answered = |mock: &Running| mock.counts().answered();
        self.running.iter().map(answered).collect()
    }
}

impl Index<usize> for Mocks {
    type Output = Running;

    fn index(&self, index: usize) -> &Running {
        &self.running[index]
    }
}

/// A request as it arrived.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Received {
    /// Request line and header lines.
    pub(crate) lines: Vec<String>,
    pub(crate) body: Vec<u8>,
}

impl Received {
    /// Method, target and version.
    pub(crate) fn request_line(&self) -> &str {
        &self.lines[0]
    }

    pub(crate) fn target(&self) -> &str {
        self.request_line().split(' ').nth(1).unwrap_or_default()
    }

    /// All values of a header.
    pub(crate) fn values(&self, name: &str) -> Vec<&str> {
        let headers = self.lines[1..].iter().filter_map(|l| l.split_once(": "));
        headers
            .filter(|(other, _)| other.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
            .collect()
    }

    /// The only value of a header.
    pub(crate) fn value(&self, name: &str) -> &str {
        match self.values(name)[..] {
            [value] => value,
            ref other => panic!("{name}: {other:?} in {:?}", self.lines),
        }
    }
}

/// A back end that does with each connection what its script says.
#[derive(Debug)]
pub(crate) struct Scripted {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<Received>>>,
    closing: Arc<AtomicBool>,
}

/// One connection as a script sees it; closed when the script ends.
#[derive(Debug)]
pub(crate) struct Connection {
    reader: BufReader<TcpStream>,
    seen: Arc<Mutex<Vec<Received>>>,
}

impl Scripted {
    pub(crate) fn start(script: impl Fn(&mut Connection) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let scripted = Self {
            address: listener.local_addr().expect("a bound port"),
            seen: Arc::default(),
            closing: Arc::default(),
        };
        let (seen, closing) = (Arc::clone(&scripted.seen), Arc::clone(&scripted.closing));
        let script = Arc::new(script);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if closing.load(SeqCst) {
                    return;
                }
                let mut connection = Connection::new(stream, Arc::clone(&seen));
                let script = Arc::clone(&script);
                thread::spawn(move || script(&mut connection));
            }
        });
        scripted
    }

    /// Answers every request on every connection.
    pub(crate) fn answering(answer: impl Fn(&Received) -> Vec<u8> + Send + Sync + 'static) -> Self {
        Self::start(move |connection| {
            while let Some(request) = connection.request() {
                connection.send(answer(&request));
            }
        })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Requests whose head has arrived, in that order.
    pub(crate) fn seen(&self) -> Vec<Received> {
        self.seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The last request seen.
    pub(crate) fn last(&self) -> Received {
        self.seen().pop().expect("a request arrived")
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.closing.store(true, SeqCst);
        // Wakes the listener, so that it notices.
        drop(TcpStream::connect(self.address));
    }
}

impl Connection {
    fn new(stream: TcpStream, seen: Arc<Mutex<Vec<Received>>>) -> Self {
        stream
            .set_read_timeout(Some(SOON))
            .expect("a socket takes a timeout");
        Self {
            reader: BufReader::new(stream),
            seen,
        }
    }

    /// The next request, read to its end; `None` when the peer has closed.
    pub(crate) fn request(&mut self) -> Option<Received> {
        let mut request = self.head()?;
        request.body = self.body_of(&request)?;
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.push(request.clone());
        Some(request)
    }

    /// The next request's head. Such a request is not among those seen.
    pub(crate) fn head(&mut self) -> Option<Received> {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            match self.reader.read_line(&mut line) {
                Ok(0) | Err(_) => return None,
                Ok(_) => {}
            }
            let line = line.trim_end_matches("\r\n").to_owned();
            if line.is_empty() {
                let body = Vec::new();
                return Some(Received { lines, body });
            }
            lines.push(line);
        }
    }

    /// The body that follows a head.
    pub(crate) fn body_of(&mut self, request: &Received) -> Option<Vec<u8>> {
        if request.values("transfer-encoding") == ["chunked"] {
            return self.chunks();
        }
        let length = request.values("content-length");
        let length = length
            .first()
            .map_or(0, |text| text.parse().expect("a length"));
        let mut body = vec![0; length];
        self.reader.read_exact(&mut body).ok()?;
        Some(body)
    }

    fn chunks(&mut self) -> Option<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let mut line = String::new();
            self.reader.read_line(&mut line).ok()?;
            let size = usize::from_str_radix(line.trim_end(), 16).ok()?;
            let mut chunk = vec![0; size + 2];
            self.reader.read_exact(&mut chunk).ok()?;
            if size == 0 {
                return Some(body);
            }
            body.extend_from_slice(&chunk[..size]);
        }
    }

    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        // The proxy may have gone; what it makes of the answer is for the test to judge.
        self.reader.get_mut().write_all(bytes.as_ref()).ok();
    }

    /// Waits until the number of requests seen meets `condition`.
    pub(crate) fn await_true(&self, condition: impl Fn(usize) -> bool) {
        let seen = || {
            self.seen
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .len()
        };
        let begun = Instant::now();
        while !condition(seen()) && begun.elapsed() < SOON {
            thread::park_timeout(Duration::from_millis(2));
        }
    }

    /// Waits until the peer closes.
    pub(crate) fn await_close(&mut self) {
        std::io::copy(&mut self.reader, &mut std::io::sink()).ok();
    }
}

/// A 200 answer with a body of known length.
pub(crate) fn ok(body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
    let mut answer = head.into_bytes();
    answer.extend_from_slice(body);
    answer
}

/// An address that refuses connections for as long as this lives: bound, but not listening.
#[derive(Debug)]
pub(crate) struct Refusing {
    socket: TcpSocket,
}

impl Refusing {
    pub(crate) fn new() -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        socket.bind(any_port).expect("a free port");
        Self { socket }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.socket.local_addr().expect("a bound port")
    }
}

/// An address where connecting takes for ever: its queue of connections is full.
#[derive(Debug)]
pub(crate) struct BlackHole {
    address: SocketAddr,
    _queued: Vec<TcpStream>,
    _listener: TcpListener,
}

impl BlackHole {
    pub(crate) fn new() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("a bound port");
        let mut queued = Vec::new();
        while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(300)) {
            queued.push(stream);
            assert!(
                queued.len() < 10_000,
                "the queue of connections never fills"
            );
        }
        Self {
            address,
            _queued: queued,
            _listener: listener,
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

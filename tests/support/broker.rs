//! A single-node Apache Kafka (KRaft) as a child process.
//!
//! The jars come from `tests/run`. Data is in `target/tmp`, the log in `target/kafka-logs`. A broker ends with its
//! [`Broker`], and with the test process in any case, see `tests/kafka/supervise.sh`; so a broker that a test binary
//! shares may be a `static`.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};

use super::deadline::Deadline;

/// How long a broker may take from its start until it answers.
const READY_WITHIN: Duration = Duration::from_secs(90);
/// How long a broker may take to stop gracefully before it is killed.
const STOP_WITHIN: Duration = Duration::from_secs(30);
/// Starts with new ports before the harness gives up; another process may take a port between probe and start.
const START_ATTEMPTS_MAX: u32 = 3;
/// Below the range from which Linux takes the source ports of clients (from 32768): while a broker is down, a client that
/// connects again and again would otherwise take, or even connect to, its own port.
const PORTS: std::ops::Range<u16> = 20_000..32_000;

/// An Apache Kafka of one node, for tests.
#[derive(Debug)]
pub struct Broker {
    name: String,
    properties: Vec<(String, String)>,
    directory: PathBuf,
    port: u16,
    process: Option<Child>,
}

impl Broker {
    /// Starts a broker with the defaults of the tests; waits until it answers. `name` is that of its log file.
    ///
    /// # Panics
    ///
    /// If Kafka is not there (the message names `tests/run`), or does not start.
    pub fn start(name: &str) -> Broker {
        Broker::start_with(name, &[])
    }

    /// Starts a broker with `properties` besides, or instead of, the defaults.
    ///
    /// # Panics
    ///
    /// As [`Broker::start`].
    pub fn start_with(name: &str, properties: &[(&str, &str)]) -> Broker {
        static STARTED: AtomicU32 = AtomicU32::new(0);
        let name = format!("{name}-{}-{}", std::process::id(), STARTED.fetch_add(1, Ordering::Relaxed));
        let mut broker = Broker {
            directory: Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("kafka-{name}")),
            properties: properties.iter().map(|(key, value)| (String::from(*key), String::from(*value))).collect(),
            name,
            port: 0,
            process: None,
        };
        for attempt in 1..=START_ATTEMPTS_MAX {
            broker.format();
            match broker.launch() {
                Ok(()) => return broker,
                Err(fault) if attempt == START_ATTEMPTS_MAX => panic!("{fault}"),
                Err(fault) => eprintln!("attempt {attempt}: {fault}"),
            }
        }
        unreachable!("the last attempt returns or panics")
    }

    /// `host:port`, for `bootstrap.servers`; the same after a restart.
    pub fn bootstrap(&self) -> String {
        format!("{}:{}", Ipv4Addr::LOCALHOST, self.port)
    }

    /// Settings of a client of this broker.
    pub fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", self.bootstrap());
        config
    }

    /// The file with what the broker logged.
    pub fn log_file(&self) -> PathBuf {
        target_directory().join("kafka-logs").join(format!("{}.log", self.name))
    }

    /// Whether the process is there.
    pub fn is_running(&mut self) -> bool {
        self.process.as_mut().is_some_and(|process| process.try_wait().expect("a child can be asked").is_none())
    }

    /// Stops gracefully; the data stays. After 30 s it is killed.
    pub fn stop(&mut self) {
        let deadline = Deadline::after(STOP_WITHIN);
        self.tell("stop");
        while self.is_running() {
            if deadline.passed() {
                return self.kill();
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        self.process = None;
    }

    /// Kills the process (SIGKILL); the data stays.
    pub fn kill(&mut self) {
        self.tell("kill");
        if let Some(mut process) = self.process.take() {
            // `wait` would close the pipe first, and that removes the data.
            let pipe = process.stdin.take();
            process.wait().expect("a child can be waited for");
            drop(pipe);
        }
    }

    /// Starts a stopped or killed broker on its data and its ports; waits until it answers.
    ///
    /// # Panics
    ///
    /// If it is running, or does not start.
    pub fn start_again(&mut self) {
        assert!(!self.is_running(), "the broker is running");
        self.launch().unwrap_or_else(|fault| panic!("{fault}"));
    }

    /// Sends a word to the supervisor; one that has ended needs none.
    fn tell(&mut self, word: &str) {
        if let Some(pipe) = self.process.as_mut().and_then(|process| process.stdin.as_mut()) {
            let _ = writeln!(pipe, "{word}").and_then(|()| pipe.flush());
        }
    }

    /// Picks ports, writes `server.properties` and formats an empty data directory.
    fn format(&mut self) {
        let (port, controller_port) = free_ports();
        self.port = port;
        let _ = fs::remove_dir_all(&self.directory);
        fs::create_dir_all(&self.directory).expect("target is writable");
        let data = self.directory.join("data");
        let host = Ipv4Addr::LOCALHOST;
        let defaults = [
            ("process.roles", String::from("broker,controller")),
            ("node.id", String::from("1")),
            ("controller.quorum.voters", format!("1@{host}:{controller_port}")),
            ("listeners", format!("PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller_port}")),
            ("advertised.listeners", format!("PLAINTEXT://{host}:{port}")),
            ("listener.security.protocol.map", String::from("PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT")),
            ("controller.listener.names", String::from("CONTROLLER")),
            ("log.dirs", data.display().to_string()),
            ("auto.create.topics.enable", String::from("false")),
            ("offsets.topic.replication.factor", String::from("1")),
            ("offsets.topic.num.partitions", String::from("4")),
            ("transaction.state.log.replication.factor", String::from("1")),
            ("transaction.state.log.min.isr", String::from("1")),
            ("transaction.state.log.num.partitions", String::from("4")),
            ("share.coordinator.state.topic.replication.factor", String::from("1")),
            ("share.coordinator.state.topic.min.isr", String::from("1")),
            ("group.initial.rebalance.delay.ms", String::from("0")),
            // A worker's session lasts 10 s; the tests want less where they wait for its end.
            ("group.min.session.timeout.ms", String::from("1000")),
            ("offsets.retention.minutes", String::from("20160")),
        ];
        let mut text = String::new();
        for (key, value) in &defaults {
            if !self.properties.iter().any(|(own, _)| own == key) {
                text.push_str(&format!("{key}={value}\n"));
            }
        }
        for (key, value) in &self.properties {
            text.push_str(&format!("{key}={value}\n"));
        }
        fs::write(self.properties_file(), text).expect("target is writable");
        let status = java("64m", "kafka.tools.StorageTool", &["format", "-t", "MkU3OEVBNTcwNTJENDM2Qg", "-c"])
            .arg(self.properties_file())
            .stdin(Stdio::null())
            .stdout(self.open_log())
            .stderr(self.open_log())
            .status()
            .expect("java starts");
        assert!(status.success(), "the broker's storage could not be formatted, see {}", self.log_file().display());
    }

    /// Starts the process and waits until it answers; else ends it and says why.
    fn launch(&mut self) -> Result<(), String> {
        let broker = java("512m", "kafka.Kafka", &[]);
        let process = Command::new("sh")
            .arg(kafka_directory().join("supervise.sh"))
            .arg(&self.directory)
            .arg(broker.get_program())
            .args(broker.get_args())
            .arg(self.properties_file())
            .stdin(Stdio::piped())
            .stdout(self.open_log())
            .stderr(self.open_log())
            // Ctrl-C ends the test, and the test's end ends the broker.
            .process_group(0)
            .spawn()
            .expect("sh starts");
        self.process = Some(process);
        let deadline = Deadline::after(READY_WITHIN);
        let asking: BaseConsumer = self.client().create().expect("the settings are valid");
        let fault = loop {
            if !self.is_running() {
                break "ended at once";
            }
            if asking.fetch_metadata(None, Duration::from_millis(500)).is_ok_and(|known| !known.brokers().is_empty()) {
                return Ok(());
            }
            if deadline.passed() {
                break "does not answer";
            }
            // Refused connections come back at once.
            std::thread::sleep(Duration::from_millis(50));
        };
        self.kill();
        Err(format!("the broker {fault}, see {}", self.log_file().display()))
    }

    fn properties_file(&self) -> PathBuf {
        self.directory.join("server.properties")
    }

    fn open_log(&self) -> File {
        fs::create_dir_all(target_directory().join("kafka-logs")).expect("target is writable");
        OpenOptions::new().create(true).append(true).open(self.log_file()).expect("target is writable")
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.kill();
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// `target`, wherever cargo has it.
fn target_directory() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("the directory is inside target")
}

/// `tests/kafka` of the sources.
fn kafka_directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join("kafka")
}

/// A Java command with Kafka on its class path.
fn java(heap_max: &str, class: &str, arguments: &[&str]) -> Command {
    let libs = target_directory().join("kafka").join("libs");
    assert!(
        libs.join(".complete").exists(),
        "Apache Kafka is not in {}: run tests/run, which fetches it",
        libs.display()
    );
    let mut class_path = OsString::from(&libs);
    class_path.push("/*");
    let mut logging = OsString::from("-Dlog4j2.configurationFile=");
    logging.push(kafka_directory().join("log4j2.properties"));
    let program = match std::env::var_os("JAVA_HOME").map(|home| Path::new(&home).join("bin").join("java")) {
        Some(java) if java.exists() => java,
        _ => PathBuf::from("java"),
    };
    let mut command = Command::new(program);
    // Short lives on few cores: the quick compiler and the plain collector are up sooner.
    command.arg(format!("-Xmx{heap_max}")).args(["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"]);
    command.arg(logging).arg("-cp").arg(class_path).arg(class).args(arguments);
    command
}

/// Two ports that nobody listens on.
fn free_ports() -> (u16, u16) {
    // Test processes that start together begin to look at different places.
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let first = std::process::id().wrapping_mul(7);
    let mut found: Vec<(u16, TcpListener)> = Vec::new();
    for _ in PORTS {
        let step = NEXT.fetch_add(1, Ordering::Relaxed);
        let place = first.wrapping_add(step) % u32::try_from(PORTS.len()).expect("a range of ports");
        let port = PORTS.start + u16::try_from(place).expect("below the number of ports");
        match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            Ok(listener) => found.push((port, listener)),
            Err(fault) => assert_eq!(fault.kind(), io::ErrorKind::AddrInUse, "{fault}"),
        }
        if let [(one, _), (other, _)] = found[..] {
            return (one, other);
        }
    }
    panic!("no two free ports from {} to {}", PORTS.start, PORTS.end);
}

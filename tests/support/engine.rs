//! The engine as a child process, and the other commands of the program, against a broker of the tests.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use super::broker::Broker;
use super::deadline::{Deadline, wait_until};

/// How long an engine may take from its start until all its partitions are rated.
pub const READY_WITHIN: Duration = Duration::from_secs(60);
/// How long any other command may take.
const COMMAND_WITHIN: Duration = Duration::from_secs(60);
/// How long an answer over HTTP may take.
const HTTP_WITHIN: Duration = Duration::from_secs(10);
/// What the engine logs with the address that it listens on.
const LISTENS: &str = "HTTP is served on ";

/// An installation of the engine: its topics on a broker, and how its processes are configured.
#[derive(Debug)]
pub struct Site {
    brokers: String,
    prefix: String,
    partitions: u32,
    /// `--set` of every engine.
    settings: Vec<String>,
    directory: PathBuf,
    started: AtomicU32,
}

impl Site {
    /// Creates the topics with `tollkeeper topics create`. Sessions and transactions are as short as tests want them.
    pub fn create(broker: &Broker, prefix: &str, partitions: u32) -> Site {
        let site = Site::of_existing(broker, prefix, partitions);
        site.tollkeeper(&["topics", "create"]);
        site
    }

    /// As [`Self::create`], for topics that exist or are created later.
    pub fn of_existing(broker: &Broker, prefix: &str, partitions: u32) -> Site {
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("site-{prefix}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&directory);
        fs::create_dir_all(&directory).expect("target is writable");
        let settings =
            ["kafka.session.timeout.ms=3000", "kafka.heartbeat.interval.ms=300", "transaction_timeout_ms=5000"];
        Site {
            brokers: broker.bootstrap(),
            prefix: prefix.into(),
            partitions,
            settings: settings.map(String::from).into(),
            directory,
            started: AtomicU32::new(0),
        }
    }

    /// Adds or replaces a setting (`key=value`) of every engine that is started from here on.
    pub fn set(&mut self, setting: &str) {
        let key = setting.split('=').next();
        self.settings.retain(|other| other.split('=').next() != key);
        self.settings.push(setting.into());
    }

    /// The full name of a topic.
    pub fn topic(&self, name: &str) -> String {
        format!("{}.{name}", self.prefix)
    }

    /// The consumer group.
    pub fn group(&self) -> &str {
        &self.prefix
    }

    /// How many partitions the topics have.
    pub fn partitions(&self) -> u32 {
        self.partitions
    }

    /// Runs a command to its end; it must succeed. Returns what it printed.
    pub fn tollkeeper(&self, arguments: &[&str]) -> String {
        let output = self.try_tollkeeper(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("the program prints UTF-8")
    }

    /// Runs a command to its end.
    pub fn try_tollkeeper(&self, arguments: &[&str]) -> Output {
        let mut child = self
            .command(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program was built");
        let deadline = Deadline::after(COMMAND_WITHIN);
        while child.try_wait().expect("a child can be asked").is_none() {
            if deadline.passed() {
                let _ = child.kill();
                panic!("{arguments:?} does not end within {COMMAND_WITHIN:?}");
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        child.wait_with_output().expect("a child can be waited for")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tollkeeper"));
        command.args(arguments);
        command.args(["--brokers", &self.brokers, "--topic-prefix", &self.prefix, "--group-id", &self.prefix]);
        command.args(["--partitions", &self.partitions.to_string()]);
        command.current_dir(env!("CARGO_MANIFEST_DIR"));
        command
    }

    /// Starts an engine of two workers; it is not ready yet.
    pub fn start(&self, instance: &str) -> Engine {
        self.start_with(instance, &[])
    }

    /// Starts an engine with more flags.
    pub fn start_with(&self, instance: &str, flags: &[&str]) -> Engine {
        let run = ["run", "--instance", instance, "--workers", "2", "--catalog", "rates"];
        self.start_process(instance, &run, flags)
    }

    /// Starts an intake without an engine.
    pub fn start_intake(&self, instance: &str, flags: &[&str]) -> Engine {
        self.start_process(instance, &["intake", "--instance", instance], flags)
    }

    /// A file among those of this site.
    pub fn write_file(&self, name: &str, text: &str) -> String {
        let path = self.directory.join(name);
        fs::write(&path, text).expect("target is writable");
        path.to_str().expect("a path in UTF-8").to_owned()
    }

    fn start_process(&self, instance: &str, arguments: &[&str], flags: &[&str]) -> Engine {
        let number = self.started.fetch_add(1, Ordering::Relaxed);
        let log = self.directory.join(format!("{number:03}-{instance}.log"));
        let mut command = self.command(arguments);
        command.args(["--http-listen", "127.0.0.1:0"]).args(flags);
        for setting in &self.settings {
            command.args(["--set", setting]);
        }
        let file = File::create(&log).expect("target is writable");
        let child = command
            .stdin(Stdio::null())
            .stdout(file.try_clone().expect("a file can be shared"))
            .stderr(file)
            .spawn()
            .expect("the program was built");
        Engine { child, log, address: None }
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let _ = fs::remove_dir_all(&self.directory);
        }
    }
}

/// A process of the engine; it is killed when this is dropped.
#[derive(Debug)]
pub struct Engine {
    child: Child,
    log: PathBuf,
    address: Option<SocketAddr>,
}

impl Engine {
    /// Waits until at least `partitions` partitions are rated by this process, and none is being restored.
    pub fn wait_ready(&mut self, partitions: u64) {
        let deadline = Deadline::after(READY_WITHIN);
        loop {
            assert!(self.is_running(), "the engine ended:\n{}", self.log_tail());
            if let Some((200, body)) = self.try_get("/health/ready") {
                let body: serde_json::Value = serde_json::from_str(&body).expect("health is JSON");
                if body["partitions"]["ready"].as_u64().expect("a count") >= partitions {
                    return;
                }
            }
            assert!(!deadline.passed(), "the engine is not ready:\n{}", self.log_tail());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// How many partitions it rates; 0 while it does not answer.
    pub fn ready(&mut self) -> u64 {
        let answer =
            self.try_get("/health/ready").map(|(_, body)| serde_json::from_str(&body).expect("health is JSON"));
        answer.and_then(|body: serde_json::Value| body["partitions"]["ready"].as_u64()).unwrap_or(0)
    }

    /// Status and body of an answer over HTTP.
    pub fn get(&mut self, path: &str) -> (u16, String) {
        self.try_get(path).unwrap_or_else(|| panic!("{path} is not answered:\n{}", self.log_tail()))
    }

    /// As [`Self::get`]; nothing if the engine does not answer.
    pub fn try_get(&mut self, path: &str) -> Option<(u16, String)> {
        let mut connection = TcpStream::connect_timeout(&self.address()?, HTTP_WITHIN).ok()?;
        connection.set_read_timeout(Some(HTTP_WITHIN)).expect("not zero");
        write!(connection, "GET {path} HTTP/1.1\r\nHost: engine\r\nConnection: close\r\n\r\n").ok()?;
        let mut answer = String::new();
        connection.read_to_string(&mut answer).ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        let status = head.split(' ').nth(1)?.parse().ok()?;
        Some((status, body.into()))
    }

    /// The value of a series of `/metrics`, written as there.
    pub fn metric(&mut self, series: &str) -> f64 {
        let (status, body) = self.get("/metrics");
        assert_eq!(status, 200);
        let line = body.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("no {series} in\n{body}")).parse().expect("a number")
    }

    fn address(&mut self) -> Option<SocketAddr> {
        if self.address.is_none() {
            let log = fs::read_to_string(&self.log).expect("the log can be read");
            let (_, rest) = log.split_once(LISTENS)?;
            let (address, _) = rest.split_once('\n')?;
            self.address = Some(address.trim().parse().expect("an address"));
        }
        self.address
    }

    /// Kills the process at once (SIGKILL).
    pub fn kill(&mut self) {
        self.child.kill().expect("a child can be killed");
        self.child.wait().expect("a child can be waited for");
    }

    /// Asks the process to stop (SIGTERM) and waits until it has ended.
    pub fn stop(&mut self, within: Duration) -> ExitStatus {
        self.signal("TERM");
        self.wait_ended(within)
    }

    /// Waits until the process ends by itself.
    pub fn wait_ended(&mut self, within: Duration) -> ExitStatus {
        let deadline = Deadline::after(within);
        loop {
            if let Some(status) = self.child.try_wait().expect("a child can be asked") {
                return status;
            }
            assert!(!deadline.passed(), "the engine does not end within {within:?}:\n{}", self.log_tail());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Sends a signal by its name: `STOP`, `CONT`, `TERM`.
    pub fn signal(&self, name: &str) {
        let status = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status();
        assert!(status.expect("kill is there").success(), "the process is there until it was waited for");
    }

    /// Whether the process is there.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("a child can be asked").is_none()
    }

    /// Everything that it logged.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).expect("the log can be read")
    }

    /// Waits until the log has this text.
    pub fn wait_logged(&self, text: &str, within: Duration) {
        wait_until(&format!("the engine logs {text:?}"), within, || self.log().contains(text));
    }

    /// The end of the log, for the message of a test that fails.
    pub fn log_tail(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(60)..].join("\n")
    }
}

/// Waits until all partitions are rated, and each process has some.
pub fn wait_shared(engines: &mut [&mut Engine], partitions: u32) {
    let deadline = Deadline::after(READY_WITHIN);
    loop {
        let ready: Vec<u64> = engines.iter_mut().map(|engine| engine.ready()).collect();
        if ready.iter().sum::<u64>() == u64::from(partitions) && !ready.contains(&0) {
            return;
        }
        let tails: Vec<String> = engines.iter().map(|engine| engine.log_tail()).collect();
        assert!(!deadline.passed(), "{ready:?} of {partitions} partitions are rated:\n{}", tails.join("\n\n"));
        std::thread::sleep(Duration::from_millis(20));
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

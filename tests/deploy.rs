//! What of deploy/ can be checked without a container engine: files that are copied or mounted exist, command lines and
//! configuration are the program's own, ports and grace periods agree, alarms ask for series that there are.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::{CommandFactory, Parser};
use serde_json::Value;
use tollkeeper::cli::{Cli, Command};
use tollkeeper::config::{Config, Settings, Sources};
use tollkeeper::metrics::{METRICS, Metrics};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn text(name: &str) -> String {
    std::fs::read_to_string(root().join(name)).unwrap_or_else(|failure| panic!("{name}: {failure}"))
}

fn yaml(name: &str) -> Value {
    serde_yaml_ng::from_str(&text(name)).unwrap_or_else(|fault| panic!("{name}: {fault}"))
}

fn words(list: &Value) -> Vec<&str> {
    list.as_array().unwrap_or_else(|| panic!("no list: {list}")).iter().filter_map(Value::as_str).collect()
}

/// The instructions of the Dockerfile, continued lines joined.
fn instructions() -> Vec<(String, String)> {
    let joined = text("deploy/Dockerfile").replace("\\\n", " ");
    let lines = joined.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let split = |line: &str| line.split_once(' ').map(|(name, rest)| (name.to_owned(), rest.trim().to_owned()));
    lines.map(|line| split(line).unwrap_or_else(|| panic!("no instruction: {line}"))).collect()
}

fn all<'a>(instructions: &'a [(String, String)], name: &str) -> Vec<&'a str> {
    instructions.iter().filter(|(other, _)| other == name).map(|(_, rest)| rest.as_str()).collect()
}

/// Names a version, and not one that moves.
fn is_pinned(image: &str) -> bool {
    let tag = image.rsplit_once(':').map_or("", |(_, tag)| tag);
    tag.trim_start_matches('v').split(['.', '-']).filter(|piece| piece.parse::<u32>().is_ok()).count() >= 2
}

fn parse(words: &[&str]) -> Cli {
    let line = ["tollkeeper"].iter().chain(words);
    Cli::try_parse_from(line).unwrap_or_else(|refused| panic!("{words:?}: {refused}"))
}

fn compose_config() -> Config {
    let file = Some(root().join("deploy/tollkeeper.compose.toml"));
    Config::load(&Sources { file, ..Sources::default() }).unwrap_or_else(|fault| panic!("{fault}"))
}

fn seconds(value: &Value) -> u64 {
    value
        .as_str()
        .and_then(|text| text.strip_suffix('s')?.parse().ok())
        .unwrap_or_else(|| panic!("no seconds: {value}"))
}

#[test]
fn the_image_is_built_in_stages_from_files_that_exist_and_runs_without_root() {
    let instructions = instructions();
    let from = all(&instructions, "FROM");
    assert_eq!(from.len(), 2, "{from:?}");
    for image in from.iter().map(|from| from.split(' ').next().expect("an image")) {
        assert!(is_pinned(image), "{image}");
    }
    let msrv = env!("CARGO_PKG_RUST_VERSION");
    assert!(from[0].starts_with(&format!("rust:{msrv}")), "{} is not the Rust of Cargo.toml, {msrv}", from[0]);
    for copy in all(&instructions, "COPY") {
        let names: Vec<&str> = copy.split_whitespace().collect();
        let (_, sources) = names.split_last().expect("a target");
        if !copy.starts_with("--from=build") {
            let missing: Vec<_> = sources.iter().filter(|source| !root().join(source).exists()).collect();
            assert!(missing.is_empty(), "{missing:?}");
            let ignored = text("deploy/Dockerfile.dockerignore");
            let is_sent = |source: &&&str| ignored.lines().any(|line| line == format!("!{source}"));
            assert!(sources.iter().all(|source| is_sent(&source)), "{sources:?} is kept from the builder");
        }
    }
    let build = all(&instructions, "RUN").into_iter().find(|run| run.contains("cargo build")).expect("it is built");
    assert!(build.contains("--locked --release --features kafka"), "{build}");
    let user = all(&instructions, "USER");
    assert!(user.len() == 1 && !user[0].starts_with("0") && !user[0].contains("root"), "{user:?}");
    let entry: Vec<String> = serde_json::from_str(all(&instructions, "ENTRYPOINT")[0]).expect("a list");
    assert_eq!(entry, ["/usr/local/bin/tollkeeper"]);
    let command: Vec<String> = serde_json::from_str(all(&instructions, "CMD")[0]).expect("a list");
    assert!(matches!(parse(&command.iter().map(String::as_str).collect::<Vec<_>>()).command, Command::Run(_)));
    let port = Settings::default().http_listen.to_string().rsplit_once(':').expect("a port").1.to_owned();
    assert_eq!(all(&instructions, "EXPOSE"), [port]);
    assert!(!Cli::command().get_name().is_empty());
}

#[test]
fn what_the_build_needs_of_the_checkout_is_copied() {
    let manifest = text("Cargo.toml");
    let copied = all(&instructions(), "COPY").join(" ");
    for (section, directory) in
        [("[[bench]]", "benches"), ("[lib]", "src"), ("[[bin]]", "src"), ("build = ", "build.rs")]
    {
        assert!(!manifest.contains(section) || copied.contains(directory), "{directory} is not copied");
    }
}

#[test]
fn compose_mounts_files_that_exist_pins_images_and_runs_command_lines_of_the_program() {
    let compose = yaml("deploy/compose.yaml");
    let services = compose["services"].as_object().expect("services");
    let mut ours = BTreeSet::new();
    for (name, service) in services {
        let image = service["image"].as_str().expect("an image");
        assert!(image == "tollkeeper" || is_pinned(image), "{name}: {image}");
        for volume in service["volumes"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            let (source, _) = volume.split_once(':').expect("source:target");
            let exists = match source.strip_prefix("./") {
                Some(file) => root().join("deploy").join(file).is_file(),
                None => compose["volumes"].as_object().expect("volumes").contains_key(source),
            };
            assert!(exists, "{name}: {volume}");
        }
        for port in service["ports"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            assert!(port.starts_with("127.0.0.1:"), "{name}: {port} is open to the network");
        }
        for dependency in service["depends_on"].as_object().into_iter().flatten().map(|(name, _)| name) {
            assert!(services.contains_key(dependency), "{name}: {dependency}");
        }
        if image == "tollkeeper" {
            assert_eq!(service["build"]["dockerfile"], "deploy/Dockerfile");
            assert!(
                root()
                    .join("deploy")
                    .join(service["build"]["context"].as_str().expect("a path"))
                    .join("Cargo.toml")
                    .exists()
            );
            assert_eq!(service["environment"][tollkeeper::config::FILE_VARIABLE], "/etc/tollkeeper/tollkeeper.toml");
            assert!(
                words(&service["volumes"]).contains(&"./tollkeeper.compose.toml:/etc/tollkeeper/tollkeeper.toml:ro")
            );
            parse(&words(&service["command"]));
            ours.insert(name.as_str());
        }
    }
    assert_eq!(ours, ["catalog", "tollkeeper", "topics"].into());
    // The catalog that is published is the one that the image has.
    let directory =
        words(&services["catalog"]["command"]).into_iter().find(|word| word.starts_with('/')).expect("a path");
    assert!(all(&instructions(), "COPY").contains(&format!("rates {directory}").as_str()));
}

#[test]
fn ports_brokers_and_grace_periods_agree() {
    let (compose, config) = (yaml("deploy/compose.yaml"), compose_config());
    let kafka = &compose["services"]["kafka"];
    let advertised = kafka["environment"]["KAFKA_ADVERTISED_LISTENERS"].as_str().expect("text");
    assert!(advertised.split(',').any(|listener| listener == format!("INTERNAL://{}", config.brokers)), "{advertised}");
    let tests = text("tests/kafka/pom.xml");
    let version = kafka["image"].as_str().and_then(|image| image.rsplit(':').next()).expect("a version");
    assert!(
        tests.contains(&format!("<kafka.version>{version}<")),
        "the tests run against another Kafka than {version}"
    );

    let engine = &compose["services"]["tollkeeper"];
    let port = config.http_listen.port();
    assert!(!config.http_listen.ip().is_loopback(), "Prometheus could not reach it");
    assert_eq!(words(&engine["ports"]), [format!("127.0.0.1:{port}:{port}")]);
    assert!(engine["healthcheck"]["test"].to_string().contains(&format!("127.0.0.1/{port} ")));
    assert!(seconds(&engine["stop_grace_period"]) > config.shutdown_deadline_seconds);
    let prometheus = yaml("deploy/prometheus.yml");
    let scrape = &prometheus["scrape_configs"][0];
    assert_eq!(words(&scrape["static_configs"][0]["targets"]), [format!("tollkeeper:{port}")]);
    assert_eq!(scrape["metrics_path"], "/metrics");
    let mounted = words(&compose["services"]["prometheus"]["volumes"]).join(" ");
    let flags = words(&compose["services"]["prometheus"]["command"]);
    let rules = words(&prometheus["rule_files"]);
    let config_file = flags.iter().find_map(|flag| flag.strip_prefix("--config.file=")).expect("a file");
    for file in rules.into_iter().chain([config_file]) {
        let name = Path::new(file).file_name().and_then(|name| name.to_str()).expect("a name");
        assert!(mounted.contains(&format!("./{name}:{file}:ro")), "{file} is not mounted");
    }
}

/// Series of an expression: the metric, and its selectors `label="value"`.
fn series(expression: &str) -> Vec<(String, Vec<(String, String)>)> {
    let mut found = Vec::new();
    let mut rest = expression;
    while let Some(at) = rest.find("tollkeeper_") {
        rest = &rest[at..];
        let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(rest.len());
        let name = rest[..end].to_owned();
        rest = &rest[end..];
        let selectors = rest.strip_prefix('{').and_then(|rest| rest.split_once('}')).map_or("", |(inside, _)| inside);
        let pairs = selectors.split(',').filter_map(|pair| pair.split_once('='));
        found.push((name, pairs.map(|(label, value)| (label.into(), value.trim_matches('"').into())).collect()));
    }
    found
}

fn rules() -> Vec<Value> {
    let groups = yaml("deploy/alerts.yml");
    let groups = groups["groups"].as_array().expect("groups").clone();
    groups.into_iter().flat_map(|group| group["rules"].as_array().expect("rules").clone()).collect()
}

#[test]
fn every_alarm_asks_for_series_that_there_are_and_says_what_it_is() {
    let exposition = Metrics::new().exposition();
    let mut names = BTreeSet::new();
    for rule in rules() {
        let alert = rule["alert"].as_str().expect("a name").to_owned();
        let expression = rule["expr"].as_str().expect("an expression");
        let count = |c: char| expression.matches(c).count();
        assert!(count('(') == count(')') && count('{') == count('}') && count('[') == count(']'), "{alert}");
        for (name, selectors) in series(expression) {
            let doc = METRICS.iter().find(|metric| {
                metric.name == name || metric.kind == "histogram" && name == format!("{}_bucket", metric.name)
            });
            let doc = doc.unwrap_or_else(|| panic!("{alert}: there is no metric {name}"));
            for (label, value) in &selectors {
                assert!(doc.labels.contains(&label.as_str()), "{alert}: {name} has no label {label}");
                let selector = format!("{label}=\"{value}\"");
                let has_it = |line: &str| line.starts_with(&format!("{}{{", doc.name)) && line.contains(&selector);
                assert!(exposition.lines().any(has_it), "{alert}: {name} is never {selector}");
            }
        }
        let by = expression.split("by (").skip(1).filter_map(|rest| rest.split(')').next());
        for label in by.flat_map(|labels| labels.split(", ")).filter(|label| *label != "le") {
            assert!(METRICS.iter().any(|metric| metric.labels.contains(&label)), "{alert}: no label {label}");
        }
        let severity = rule["labels"]["severity"].as_str().expect("a severity");
        assert!(["page", "ticket"].contains(&severity), "{alert}: {severity}");
        for annotation in ["summary", "description"] {
            assert!(rule["annotations"][annotation].as_str().is_some_and(|text| text.len() > 20), "{alert}");
        }
        assert!(names.insert(alert.clone()), "{alert} is there twice");
    }
    assert!(names.contains("TollkeeperDown"));
}

#[test]
fn every_alarm_of_the_readme_is_a_rule_with_the_engines_own_thresholds() {
    let readme = text("README.md");
    let (_, section) = readme.split_once("### When something is wrong").expect("a section");
    let (section, _) = section.split_once("\n## ").expect("it ends");
    let watched: BTreeSet<String> =
        rules().iter().flat_map(|rule| series(rule["expr"].as_str().expect("text"))).map(|(name, _)| name).collect();
    for row in section.lines().filter_map(|line| line.strip_prefix("| `tollkeeper_")) {
        let end = row.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).expect("it ends");
        let name = format!("tollkeeper_{}", &row[..end]);
        assert!(watched.contains(&name), "{name} is an alarm in README and none in alerts.yml");
    }
    let defaults = Config::new(Settings { instance: "test".to_owned(), ..Settings::default() }).expect("valid");
    let alerts = text("deploy/alerts.yml");
    let thresholds = [
        format!("tollkeeper_catalog_age_seconds > {}", defaults.catalog_stale_seconds),
        format!("abs(tollkeeper_clock_skew_seconds) > {}", defaults.clock_skew_alarm_seconds),
    ];
    for threshold in thresholds {
        assert!(alerts.contains(&threshold), "{threshold}");
    }
}
